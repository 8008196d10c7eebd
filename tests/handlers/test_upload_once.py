"""An upload that is interrupted, refused, or long in coming: nothing is sent twice, nothing known is forgotten."""

import asyncio
from datetime import timedelta

import pytest

from handlers.text import errors as errors_text
from handlers.text import findings as findings_text
from playground.virustotal import faults
from tests.support.flaky_proxy import flaky_proxy
from tests.support.vt_service import of_file, running_service
from vt import errors
from vt.actions import FILE
from vt.errors import unpack
from vt.lookup import Lookup, Step
from vt.service import next_turn
from vt.verdict import Note, State

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def known(tmp_path):
    file = tmp_path / "eicar.com"
    file.write_bytes(EICAR)
    return file


@pytest.fixture
def new(tmp_path):
    file = tmp_path / "new.bin"
    file.write_bytes(b"never seen before")
    return file


def offered(lookup, now):
    """As `consent.offer_again` offers it."""
    return lookup.evolve(note=Note.NEEDS_CONSENT, reanalyse_after=now)


async def anyway(vt, file):
    """Looked up, then agreed to though it is known."""
    [lookup] = await vt.turn([of_file(file)])
    return offered(lookup, vt.clock()).consented()


async def to_the_end(vt, lookups):
    """A turn, and every other one when it is due, however long that takes."""
    lookups = await vt.turn(lookups)
    while (at := next_turn(lookups)) is not None:
        vt.clock.now = max(at, vt.clock.now)
        lookups = await vt.turn(lookups)
    return lookups


def died(lookup):
    """What a restarted process finds of it."""
    return Lookup.model_validate_json(lookup.model_dump_json())


def arrived(vt):
    return [call for call in vt.sandbox.calls_to("file/scan") if call.upload]


async def lost(_, reply):
    """VirusTotal takes it, and nobody hears of it."""
    answer = await reply()
    answer.force_close()
    raise asyncio.CancelledError


async def says_html(request, reply):
    """VirusTotal takes it, and something on the way shows a page of its own."""
    await reply()
    return await faults.html(200)(request, reply)


async def test_an_upload_whose_receipt_was_lost_is_not_sent_again(known):
    """It is waited for by its hash, until there is a report newer than the question."""
    async with running_service(queue_seconds=100, roots=[known.parent]) as vt:
        lookup = await anyway(vt, known)
        vt.sandbox.faults.add("file/scan", lost)
        lookups = await vt.turn([lookup])
        [finding] = vt.found(lookups)
        assert (finding.state, finding.note) == (State.PENDING, Note.INTERRUPTED)
        [lookup] = await to_the_end(vt, lookups)
        assert lookup.finding(vt.clock()).report.scan_date >= vt.clock.now - timedelta(minutes=10)
        assert len(arrived(vt)) == 1


async def test_what_a_process_died_over_is_found_by_the_next_one(known):
    """The upload was remembered before its first byte was sent; it had arrived."""
    async with running_service(queue_seconds=100, roots=[known.parent]) as vt:
        boards = [board async for board in vt.service.advance((await anyway(vt, known),))]
        [stored] = next(board for board in boards if board[0].upload_started)
        lookups = await to_the_end(vt, [died(stored)])
        assert vt.states(lookups) == [State.RISKY]
        assert len(arrived(vt)) == 1


async def test_what_perhaps_never_arrived_is_said_after_an_hour_and_can_be_asked_for_again(known):
    """It is not sent again by itself: whoever wants that agrees anew."""
    async with running_service(queue_seconds=100, roots=[known.parent]) as vt:
        stored = (await anyway(vt, known)).evolve(step=Step.UPLOAD).upload_begins(vt.clock())
        began = vt.clock.now
        [lookup] = await to_the_end(vt, [died(stored)])
        assert timedelta(hours=1) < vt.clock.now - began < timedelta(hours=1, minutes=10)
        finding = lookup.finding(vt.clock())
        assert (finding.state, finding.note) == (State.RISKY, Note.MAYBE_UPLOADED)
        assert not arrived(vt)
        again = offered(lookup, vt.clock()).consented()
        await to_the_end(vt, [again])
        assert len(arrived(vt)) == 1


async def test_what_surely_did_not_arrive_is_sent_again_once_the_hash_was_asked(tmp_path):
    """The connection broke long before the last byte."""
    file = tmp_path / "large.bin"
    file.write_bytes(EICAR + bytes(24 << 20))
    async with (
        flaky_proxy() as cut,
        running_service(through=cut.to, queue_seconds=100, roots=[tmp_path]) as vt,
    ):
        lookup = await anyway(vt, file)
        vt.sandbox.calls.clear()
        cut.left = 8 << 20
        await to_the_end(vt, [lookup])
        kinds = [call.endpoint for call in vt.sandbox.calls]
        assert kinds[:4] == ["file/report", "file/scan", "file/report", "file/scan"]
        assert len(arrived(vt)) == 1


async def test_an_unknown_file_whose_upload_broke_is_sent_again_only_when_it_surely_did_not_arrive(new):
    """VirusTotal may need a moment to know what it was sent: twice without it, half a minute apart, is sure."""
    async with running_service(queue_seconds=100, invent=False, roots=[new.parent]) as vt:
        vt.sandbox.faults.add("file/scan", faults.reset())
        began = vt.clock.now
        lookups = await vt.turn([of_file(new)])
        assert vt.found(lookups)[0].note is Note.INTERRUPTED
        await to_the_end(vt, lookups)
        assert vt.clock.now - began >= timedelta(seconds=30)
        kinds = [call.endpoint for call in vt.sandbox.calls]
        assert kinds[:4] == ["file/report", "file/scan", "file/report", "file/scan"]


@pytest.mark.parametrize("answer", [lost, says_html])
async def test_an_unknown_file_that_arrived_unheard_is_found_by_its_hash(new, answer):
    """No receipt, or one that cannot be read: it is in the queue, and never sent again."""
    async with running_service(queue_seconds=100, invent=False, roots=[new.parent]) as vt:
        vt.sandbox.faults.add("file/scan", answer)
        [lookup] = await to_the_end(vt, [of_file(new)])
        assert lookup.finding(vt.clock()).rule
        assert len(arrived(vt)) == 1


async def test_copies_are_sent_once(tmp_path):
    """Three paths with the same content: one upload, three verdicts."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"the same")
    async with running_service(queue_seconds=40, invent=False, roots=[tmp_path]) as vt:
        lookups = await to_the_end(vt, [of_file(tmp_path / name) for name in "abc"])
        assert all(lookup.finding(vt.clock()).rule for lookup in lookups)
        assert len(arrived(vt)) == 1


async def test_copies_are_asked_about_at_once(tmp_path):
    """Nobody agreed yet: nothing waits for anything."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"the same")
    async with running_service(invent=False, roots=[tmp_path]) as vt:
        lookups = await vt.turn([Lookup.of_file(str(tmp_path / name), FILE, 3) for name in "ab"])
        assert [lookup.note for lookup in lookups] == [Note.NEEDS_CONSENT] * 2


async def test_two_people_who_agree_at_once_send_it_once(new):
    """The second waits for what the first sends."""
    async with running_service(queue_seconds=40, invent=False, roots=[new.parent]) as vt:
        vt.sandbox.faults.add("file/scan", faults.delay(0.3))
        boards = await asyncio.gather(vt.turn([of_file(new)]), vt.turn([of_file(new)]))
        assert [vt.states(board) for board in boards] == [[State.PENDING]] * 2
        for board in boards:
            vt.clock.passes(seconds=60)
            [lookup] = await to_the_end(vt, board)
            assert lookup.finding(vt.clock()).rule
        assert len(arrived(vt)) == 1


async def test_while_it_waits_for_the_quota_nothing_is_asked_again(tmp_path):
    """Each file costs its share of a report and one upload, however long the quota makes it wait."""
    names = [f"{number:02}" for number in range(16)]
    for name in names:
        (tmp_path / name).write_bytes(f"new {name}".encode())
    async with running_service(queue_seconds=100_000, invent=False, roots=[tmp_path], calls=4) as vt:
        lookups = await vt.turn([of_file(tmp_path / name) for name in names])
        while len(arrived(vt)) < len(names):
            vt.clock.passes(seconds=61)
            vt.quota.calls = 4
            lookups = await vt.turn([died(lookup) for lookup in lookups])
            assert len(vt.sandbox.calls) < 100
        assert len(vt.sandbox.calls_to("file/scan")) == len(names)


async def test_a_large_file_is_not_begun_before_the_quota_lets_it_end(tmp_path):
    """Its three calls are booked at once."""
    file = tmp_path / "large.bin"
    with file.open("wb") as large:
        large.truncate(34 << 20)
    async with running_service(queue_seconds=100_000, invent=False, roots=[tmp_path], calls=3) as vt:
        lookups = await vt.turn([of_file(file)])
        assert [call.endpoint for call in vt.sandbox.calls] == ["file/report"]
        vt.clock.passes(seconds=61)
        vt.quota.calls = 3
        await vt.turn(lookups)
        uploads = [call.endpoint for call in vt.sandbox.calls if call.upload]
        assert (uploads, vt.quota.calls) == (["large/upload"], 0)


GONE = "the file is gone"


@pytest.mark.parametrize("trouble", [GONE, faults.status(403), faults.status(413)])
async def test_what_is_known_stays_known_when_it_cannot_be_uploaded_anew(known, trouble):
    """The older verdict stands, with the reason why there is no newer one."""
    async with running_service(roots=[known.parent]) as vt:
        lookup = await anyway(vt, known)
        if trouble is GONE:
            known.unlink()
        else:
            vt.sandbox.faults.add("file/scan", trouble)
        [finding] = vt.found(await to_the_end(vt, [lookup]))
        assert (finding.state, finding.note) == (State.RISKY, Note.NOT_UPLOADED)
        assert errors_text.error(finding.error) in findings_text.note(finding)


async def test_while_a_known_file_waits_for_the_quota_its_verdict_is_not_forgotten(known):
    """It is said what is waited for; the older report stays where its details are."""
    async with running_service(roots=[known.parent], calls=1) as vt:
        lookup = await anyway(vt, known)
        [finding] = vt.found(await vt.turn([lookup]))
        assert (finding.state, finding.report.positives) == (State.PENDING, 54)
        assert "waiting to be uploaded: out of quota; next call in 60 s" in findings_text.rule(
            finding, vt.clock()
        )


@pytest.mark.parametrize("bad", [says_html, faults.status(400), faults.status(403), faults.truncated()])
async def test_one_bad_look_does_not_end_the_waiting(new, bad):
    """Whatever comes instead of the report, the next look may find it."""
    async with running_service(queue_seconds=40, invent=False, roots=[new.parent]) as vt:
        lookups = await vt.turn([of_file(new)])
        vt.sandbox.faults.add("file/report", bad)
        [lookup] = await to_the_end(vt, lookups)
        assert lookup.finding(vt.clock()).rule


async def test_what_was_given_up_is_said_to_be_in_virustotal(new):
    """It is neither unknown nor clean; and looking again waits for that very analysis."""
    async with running_service(queue_seconds=100_000, invent=False, roots=[new.parent]) as vt:
        [lookup] = await to_the_end(vt, [of_file(new)])
        finding = lookup.finding(vt.clock())
        assert (finding.state, finding.note) == (State.PENDING, Note.GAVE_UP)
        assert "had not finished scanning it" in findings_text.rule(finding, vt.clock())
        vt.clock.passes(hours=4)
        [again] = await to_the_end(vt, [lookup.rechecked()])
        assert again.finding(vt.clock()).rule


async def test_looking_again_never_takes_the_old_report_for_the_new_one(known):
    """Of a known file, too, the awaited scan is asked for by its scan_id."""
    async with running_service(queue_seconds=200_000, roots=[known.parent]) as vt:
        [lookup] = await to_the_end(vt, [await anyway(vt, known)])
        assert lookup.note is Note.GAVE_UP
        [lookup] = await vt.turn([lookup.rechecked()])
        assert vt.states([lookup]) == [State.PENDING]
        vt.clock.passes(hours=48)
        [lookup] = await vt.turn([lookup])
        assert lookup.finding(vt.clock()).report.scan_date.year == vt.clock.now.year


@pytest.mark.parametrize("fault", [faults.reset(), says_html, faults.status(500)])
async def test_an_upload_that_keeps_breaking_is_given_up(new, fault):
    """Three times, then it is said why; not for ever, at the cost of the day's quota."""
    async with running_service(queue_seconds=100_000, invent=False, roots=[new.parent]) as vt:
        if fault is says_html:
            fault = faults.html(200)
        vt.sandbox.faults.always("file/scan", fault)
        [finding] = vt.found(await to_the_end(vt, [of_file(new)]))
        assert finding.state is State.NOT_CHECKED
        assert isinstance(finding.error, errors.NotAnswering | errors.Unreadable)
        assert len(vt.sandbox.calls_to("file/scan")) == 3
        assert len(vt.sandbox.calls) < 12


async def test_a_known_file_that_two_want_uploaded_anew_is_sent_once(known):
    """By its hash the second would see the old report: it has the first one's receipt."""
    async with running_service(queue_seconds=100, roots=[known.parent]) as vt:
        one, other = await anyway(vt, known), await anyway(vt, known)
        vt.sandbox.faults.add("file/scan", faults.delay(0.3))
        boards = await asyncio.gather(vt.turn([one]), vt.turn([other]))
        for board in boards:
            [lookup] = await to_the_end(vt, board)
            assert lookup.finding(vt.clock()).report.scan_date.year == vt.clock.now.year
        assert len(arrived(vt)) == 1


async def test_while_another_request_sends_it_nothing_is_asked(new):
    """However long that takes."""
    started, may_end = asyncio.Event(), asyncio.Event()

    async def held(_, reply):
        started.set()
        await may_end.wait()
        return await reply()

    async with running_service(queue_seconds=100, invent=False, roots=[new.parent]) as vt:
        [lookup] = await vt.turn([Lookup.of_file(str(new), FILE, 3)])
        vt.sandbox.faults.add("file/scan", held)
        other = asyncio.create_task(vt.turn([lookup.consented()]))
        await started.wait()
        board = await vt.turn([lookup.consented()])
        before = len(vt.sandbox.calls)
        for _ in range(20):
            vt.clock.passes(seconds=16)
            board = await vt.turn(board)
        assert len(vt.sandbox.calls) == before
        may_end.set()
        assert vt.states(await other) == [State.PENDING]
        assert (await to_the_end(vt, board))[0].finding(vt.clock()).rule
        assert len(arrived(vt)) == 1


async def test_a_quota_that_never_holds_a_large_upload_is_said_before_any_call(tmp_path):
    """Two calls a minute do not hold the three that it takes."""
    file = tmp_path / "large.bin"
    with file.open("wb") as large:
        large.truncate(34 << 20)
    async with running_service(invent=False, roots=[tmp_path]) as vt:
        vt.quota.most = 2
        [finding] = vt.found(await to_the_end(vt, [of_file(file)]))
        assert isinstance(finding.error, errors.QuotaTooSmall)
        assert [call.endpoint for call in vt.sandbox.calls] == ["file/report"]


async def test_looking_again_at_what_perhaps_arrived_waits_for_a_newer_report(known):
    """The old one is not it; what was never known is asked about anew."""
    async with running_service(roots=[known.parent]) as vt:
        stored = (await anyway(vt, known)).evolve(step=Step.UPLOAD).upload_begins(vt.clock())
        [lookup] = await to_the_end(vt, [died(stored)])
        assert lookup.note is Note.MAYBE_UPLOADED
        [lookup] = await vt.turn([lookup.rechecked()])
        assert vt.states([lookup]) == [State.PENDING]
        assert not arrived(vt)


async def test_an_empty_batch_does_not_end_the_waiting(new):
    """A look that brought nothing was too early."""
    async with running_service(queue_seconds=40, invent=False, roots=[new.parent]) as vt:
        lookups = await vt.turn([of_file(new)])
        vt.sandbox.faults.add("file/report", faults.says([]))
        assert (await to_the_end(vt, lookups))[0].finding(vt.clock()).rule


def test_what_was_stored_before_is_read():
    """A login that was refused, as older rows have it."""
    again = unpack({"error": "LoginRefused", "data": {"host": "web-1"}})
    assert (again.host, again.typed) == ("web-1", False)
