"""The service layer against the stand-in VirusTotal: what it costs, what it waits for, what it never loses."""

import sys
from datetime import timedelta

import pytest
from pydantic import SecretStr

from playground.virustotal import Sandbox, faults
from tests.support.memory_storage import NullCache
from tests.support.vt_service import of_file, running_service, turn
from vt import errors
from vt.actions import BY_KEY
from vt.client import Client
from vt.indicators import read
from vt.lookup import Lookup, Step
from vt.polling import poll
from vt.service import Service, next_turn
from vt.verdict import State

HASHES = [f"{number:064x}" for number in range(1, 26)]


@pytest.mark.parametrize(("kind", "calls"), [("private", 1), ("public", 7)])
async def test_25_hashes_cost_one_call_with_a_private_key_and_seven_with_a_public_one(kind, calls):
    """Hashes go in batches as large as the key allows, and every one comes back."""
    async with running_service(kind) as vt:
        lookups = await vt.asks("scan-hash", *HASHES)
        assert len(vt.sandbox.calls) == calls
        assert all(lookup.settled and lookup.raw for lookup in lookups)


@pytest.mark.parametrize(("kind", "sent"), [("private", "1"), ("public", None)])
@pytest.mark.parametrize(
    ("action", "values"),
    [("scan-hash", HASHES[:1]), ("scan-hash", HASHES[:3]), ("scan-url", ["http://a.example.com/"])],
)
async def test_more_fields_are_asked_for_with_a_private_key_only(kind, sent, action, values):
    """allinfo=1 is for private keys; a public one that sends it gets nothing more."""
    async with running_service(kind) as vt:
        await vt.asks(action, *values)
        assert [call.params.get("allinfo") for call in vt.sandbox.calls] == [sent]


async def test_a_request_without_files_calls_nothing_about_files():
    """An address is looked up without a single call of a function in vt/files."""
    entered = set()

    def note(frame, event, _):
        if event == "call" and "/vt/files/" in frame.f_code.co_filename:
            entered.add(frame.f_code.co_qualname)

    async with running_service() as vt:
        row = BY_KEY["scan-ip"]
        sys.setprofile(note)
        try:
            lookups = await vt.service.expand((Lookup.of(read("192.0.2.1"), row, row.threshold),) * 2)
            lookups = await vt.turn(lookups)
        finally:
            sys.setprofile(None)
        assert vt.states(lookups) == [State.SUSPICIOUS]
    assert not entered


async def test_equal_indicators_are_asked_once():
    """The same hash asked twice is one resource in one call, and both lookups have the answer."""
    async with running_service() as vt:
        lookups = await vt.asks("scan-hash", HASHES[0], HASHES[0])
        [call] = vt.sandbox.calls
        assert call.params["resource"] == HASHES[0]
        assert len({finding.state for finding in vt.found(lookups)}) == 1


async def test_what_virustotal_silently_left_out_is_asked_for_again():
    """An account with smaller batches than its kind answers four of ten: the rest is asked again until all are there."""
    async with running_service("private") as vt:
        asked = tuple(Lookup.of(read(value), BY_KEY["scan-hash"], 3) for value in HASHES[:10])
        async with (
            Sandbox(kind="public", clock=vt.clock.seconds).serve() as small,
            Client(SecretStr("k"), url=small.url, quota=vt.quota, kind="private") as client,
        ):
            lookups = await turn(Service(client, places=None, clock=vt.clock, cache=NullCache()), asked)
            assert len(small.calls) == 3
        assert all(lookup.settled and lookup.raw for lookup in lookups)


async def test_a_batch_that_comes_back_without_anything_ends():
    """Nothing of what was asked came back: it is said, not asked for ever."""
    async with running_service() as vt:
        vt.sandbox.faults.always("file/report", faults.says([]))
        lookups = await vt.asks("scan-hash", *HASHES[:2])
        assert [type(finding.error) for finding in vt.found(lookups)] == [errors.Dropped] * 2


@pytest.mark.parametrize("value", ["10.0.0.1", "127.0.0.1", "169.254.1.1", "::1", "fe80::1", "192.168.0.7"])
async def test_internal_addresses_are_never_sent(value):
    """Private, loopback and link-local addresses are NOT CHECKED, and VirusTotal hears nothing."""
    async with running_service() as vt:
        [finding] = vt.found(await vt.asks("scan-ip", value))
        assert (finding.state, type(finding.error)) == (State.NOT_CHECKED, errors.Internal)
        assert not vt.sandbox.calls


async def test_documentation_addresses_are_sent_when_a_person_asks():
    """192.0.2.1 is the documented example."""
    async with running_service() as vt:
        [finding] = vt.found(await vt.asks("scan-ip", "192.0.2.1"))
        assert finding.state is State.SUSPICIOUS


async def test_a_spent_quota_waits_and_completes():
    """Two of three answered, one waits for the next slot; then it is answered, and nothing is asked twice."""
    async with running_service(calls=2) as vt:
        lookups = await vt.asks("scan-ip", "192.0.2.1", "198.51.100.1", "198.51.100.2")
        states = vt.states(lookups)
        assert states.count(State.NOT_CHECKED) == 1
        waiting = vt.found(lookups)[states.index(State.NOT_CHECKED)]
        assert isinstance(waiting.error, errors.QuotaSpent)
        assert waiting.until == next_turn(lookups) == vt.clock() + timedelta(seconds=60)
        vt.clock.passes(seconds=60)
        vt.quota.calls = 1
        lookups = await vt.turn(lookups)
        assert State.NOT_CHECKED not in vt.states(lookups)
        assert len(vt.sandbox.calls) == 3


async def test_a_204_of_virustotals_waits_as_well():
    """Our own count was wrong: 204 is a wait, never an empty answer."""
    async with running_service() as vt:
        vt.sandbox.faults.add("ip-address/report", faults.status(204))
        lookups = await vt.asks("scan-ip", "192.0.2.1")
        assert vt.states(lookups) == [State.NOT_CHECKED]
        vt.clock.passes(seconds=60)
        assert vt.states(await vt.turn(lookups)) == [State.SUSPICIOUS]


async def test_an_outage_is_waited_out_and_then_given_up():
    """VirusTotal does not answer: it is tried again for a while, then it is said."""
    async with running_service() as vt:
        vt.sandbox.faults.always("*", faults.html(503))
        lookups = await vt.asks("scan-ip", "192.0.2.1")
        turns = 0
        while (at := next_turn(lookups)) is not None:
            vt.clock.now = at
            lookups = await vt.turn(lookups)
            turns += 1
        [finding] = vt.found(lookups)
        assert turns > 5
        assert (finding.state, type(finding.error)) == (State.NOT_CHECKED, errors.ServerFault)


async def test_an_outage_while_a_scan_is_awaited_costs_nothing():
    """Hours into the wait VirusTotal does not answer once: the wait goes on and ends with the verdict."""
    async with running_service(invent=False, queue_seconds=3 * 3600) as vt:
        [unknown] = await vt.asks("scan-url", "http://nobody.example/knows")
        lookups = await vt.turn([unknown.submitted_on_request()])
        vt.clock.passes(hours=2)
        vt.sandbox.faults.always("*", faults.html(503))
        lookups = await vt.turn(lookups)
        assert vt.states(lookups) == [State.PENDING]
        vt.sandbox.faults.clear()
        vt.clock.passes(hours=2)
        assert vt.states(await vt.turn(lookups))[0] in (State.CLEAN, State.SUSPICIOUS, State.RISKY)


async def test_a_refused_key_is_not_tried_again():
    """403 will not go away by asking again."""
    async with running_service() as vt:
        vt.sandbox.faults.always("*", faults.status(403))
        [finding] = vt.found(await vt.asks("scan-ip", "192.0.2.1"))
        assert isinstance(finding.error, errors.KeyRefused)
        assert len(vt.sandbox.calls) == 1


async def test_an_unknown_url_is_unknown_and_never_submitted():
    """A look-up submits nothing."""
    async with running_service(invent=False) as vt:
        lookups = await vt.asks("scan-url", "http://nobody.example/knows?this")
        assert vt.states(lookups) == [State.UNKNOWN]
        assert [call.endpoint for call in vt.sandbox.calls] == ["url/report"]
        assert "scan" not in vt.sandbox.calls[0].params


async def test_a_url_submitted_on_request_is_waited_for_by_its_scan():
    """Once a person says so, it is submitted once, PENDING, looked at with growing pauses, then judged."""
    async with running_service(invent=False, queue_seconds=100) as vt:
        [unknown] = await vt.asks("scan-url", "http://nobody.example/knows")
        lookups = await vt.turn([unknown.submitted_on_request()])
        assert vt.states(lookups) == [State.PENDING]
        pauses = []
        while (at := next_turn(lookups)) is not None:
            pauses.append((at - vt.clock()).total_seconds())
            vt.clock.now = at
            lookups = await vt.turn(lookups)
        assert pauses == [15, 30, 60]
        assert vt.states(lookups)[0] in (State.CLEAN, State.SUSPICIOUS, State.RISKY)
        assert len(vt.sandbox.calls_to("url/scan")) == 1
        assert all(
            call.params["resource"] == lookups[0].scan_id for call in vt.sandbox.calls_to("url/report")[1:]
        )


async def test_an_old_report_is_rescanned_and_the_new_scan_awaited():
    """`--rescan-after-days 0` with a private key: rescan, wait by scan_id, and only the new report counts."""
    async with running_service("private", queue_seconds=20) as vt:
        lookups = await vt.asks("scan-hash", "44d88612fea8a8f36de82e1278abb02f", rescan_after_days=0)
        old = lookups[0].raw["scan_date"]
        assert vt.states(lookups) == [State.PENDING]
        vt.clock.passes(seconds=15)
        lookups = await vt.turn(lookups)
        assert vt.states(lookups) == [State.PENDING]
        vt.clock.passes(seconds=30)
        lookups = await vt.turn(lookups)
        assert vt.states(lookups) == [State.RISKY]
        assert lookups[0].raw["scan_date"] > old


async def test_a_young_report_is_not_rescanned():
    """The last analysis is not that old."""
    async with running_service("private") as vt:
        await vt.asks("scan-hash", "44d88612fea8a8f36de82e1278abb02f", rescan_after_days=3650)
        assert [call.endpoint for call in vt.sandbox.calls] == ["file/report"]


async def test_a_public_key_says_that_hashes_cannot_be_rescanned():
    """The report is the answer, with a note; nothing fails."""
    async with running_service() as vt:
        [finding] = vt.found(
            await vt.asks("scan-hash", "44d88612fea8a8f36de82e1278abb02f", rescan_after_days=0)
        )
        assert (finding.state, finding.note) == (State.RISKY, "rescan-needs-private-key")


async def test_a_refused_rescan_keeps_the_report():
    """A private endpoint that is closed after all does not cost the verdict."""
    async with running_service("private") as vt:
        vt.sandbox.faults.always("file/rescan", faults.status(403))
        [finding] = vt.found(
            await vt.asks("scan-hash", "44d88612fea8a8f36de82e1278abb02f", rescan_after_days=0)
        )
        assert (finding.state, finding.note) == (State.RISKY, "rescan-refused")


async def test_an_unknown_host_is_asked_once_more_by_its_registered_domain():
    """www.deep.example.co.in is not known, example.co.in is: its report is the answer, and it says so."""
    async with running_service(invent=False) as vt:
        [finding] = vt.found(await vt.asks("domain-report", "www.deep.example.co.in"))
        assert finding.note == "registered-domain"
        assert finding.indicator.value == "example.co.in"
        assert finding.input == "www.deep.example.co.in"
        assert [call.params["domain"] for call in vt.sandbox.calls] == [
            "www.deep.example.co.in",
            "example.co.in",
        ]


@pytest.fixture
def sample(tmp_path):
    file = tmp_path / "new sample.bin"
    file.write_bytes(b"never seen before")
    return file


async def test_an_unknown_file_is_uploaded_once_and_waited_for(sample):
    """Hash first, then one upload, then looks by the new scan_id until it is done."""
    async with running_service(invent=False, queue_seconds=40, roots=[sample.parent]) as vt:
        lookups = await vt.turn([of_file(sample)])
        assert vt.states(lookups) == [State.PENDING]
        while (at := next_turn(lookups)) is not None:
            vt.clock.now = at
            lookups = await vt.turn(lookups)
        assert lookups[0].finding(vt.clock()).report.sha256 == lookups[0].value
        assert [call.endpoint for call in vt.sandbox.calls][:2] == ["file/report", "file/scan"]
        assert len(vt.sandbox.calls_to("file/scan")) == 1


async def test_a_known_file_is_never_uploaded(tmp_path):
    """Its hash is known: the report is the answer."""
    file = tmp_path / "eicar.com"
    file.write_bytes(rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    async with running_service(roots=[tmp_path]) as vt:
        lookups = await vt.turn([of_file(file)])
        assert vt.states(lookups) == [State.RISKY]
        assert [call.endpoint for call in vt.sandbox.calls] == ["file/report"]


async def test_an_upload_that_broke_begins_again_with_the_hash(sample):
    """The POST may have arrived: VirusTotal is asked for the hash before anything is sent again."""
    async with running_service(invent=False, roots=[sample.parent]) as vt:
        vt.sandbox.faults.add("file/scan", faults.reset())
        lookups = await vt.turn([of_file(sample)])
        vt.clock.now = next_turn(lookups)
        await vt.turn(lookups)
        kinds = [call.endpoint for call in vt.sandbox.calls]
        assert kinds[:4] == ["file/report", "file/scan", "file/report", "file/scan"]


async def test_a_process_that_died_over_an_upload_asks_for_the_hash_first(sample):
    """What is found in the database as being uploaded is looked up before it is uploaded."""
    async with running_service(invent=False, roots=[sample.parent]) as vt:
        stored = of_file(sample).hashed("0" * 64, 17).evolve(step=Step.UPLOAD).upload_begins(vt.clock())
        await vt.turn([Lookup.model_validate_json(stored.model_dump_json())])
        assert vt.sandbox.calls[0].endpoint == "file/report"


@pytest.mark.parametrize(
    ("path", "fault"),
    [("/etc/passwd", errors.NotAllowed), ("missing.bin", errors.Missing), (".", errors.NotRegular)],
)
async def test_a_file_that_cannot_be_taken_is_not_checked(tmp_path, path, fault):
    """Outside the roots, missing, a folder: each is NOT CHECKED with its reason, and nothing is sent."""
    async with running_service(roots=[tmp_path]) as vt:
        [finding] = vt.found(await vt.turn([of_file(tmp_path / path)]))
        assert (finding.state, type(finding.error)) == (State.NOT_CHECKED, fault)
        assert not vt.sandbox.calls


@pytest.mark.parametrize("scan_id", ["5e" * 32 + "-1795300000", ["x"], "a\nhttp://evil.com", 7])
@pytest.mark.parametrize(("action", "value"), [("scan-ip", "8.8.8.8"), ("domain-report", "evil.com")])
async def test_a_report_on_a_host_is_never_waited_for(action, value, scan_id):
    """Hosts are not analysed: "queued" about one is a reply that cannot be read, not something to poll for ever."""
    async with running_service() as vt:
        vt.sandbox.faults.always("*", faults.says({"response_code": -2, "scan_id": scan_id}))
        [lookup] = await vt.asks(action, value)
        [finding] = vt.found([lookup])
        assert (lookup.settled, finding.state) == (True, State.NOT_CHECKED)
        assert isinstance(finding.error, errors.Unreadable)


ANOTHER = "5e" * 32
REPORT = {"response_code": 1, "positives": 0, "total": 1, "scans": {"A": {"detected": False}}}


@pytest.mark.parametrize("scan_id", ["None", "queued", "ab-1", "evil.com", ["x"], 7, f"{ANOTHER}-{'9' * 20}"])
@pytest.mark.parametrize(
    ("action", "value"), [("scan-hash", "44d88612fea8a8f36de82e1278abb02f"), ("scan-url", "http://evil.com/")]
)
async def test_what_is_no_scan_id_is_never_polled(action, value, scan_id):
    """Whatever VirusTotal has under such a name belongs to somebody else."""
    async with running_service() as vt:
        vt.sandbox.faults.always("*", faults.says({"response_code": -2, "scan_id": scan_id}))
        [finding] = vt.found(await vt.asks(action, value))
        assert (finding.state, type(finding.error)) == (State.NOT_CHECKED, errors.Unreadable)


@pytest.mark.parametrize(
    ("action", "value", "own"),
    [
        ("scan-hash", "44d88612fea8a8f36de82e1278abb02f", {"md5": "44d88612fea8a8f36de82e1278abb02f"}),
        ("scan-url", "http://evil.com/", {"url": "http://evil.com/"}),
    ],
)
async def test_a_report_that_is_polled_has_to_be_on_what_was_asked(action, value, own):
    """A queued reply may name another's analysis: its report is waited past, the one on the value ends the wait."""
    scan_id = f"{ANOTHER}-1795300000"
    other = {key: "http://other.com/" if key == "url" else "ab" * 16 for key in own}
    async with running_service() as vt:
        endpoint = "file/report" if action == "scan-hash" else "url/report"
        vt.sandbox.faults.always(
            endpoint, faults.says({"response_code": -2, "scan_id": scan_id, "resource": value})
        )
        [lookup] = await vt.asks(action, value)
        for named, state in ((other, State.PENDING), (own, State.CLEAN)):
            reply = REPORT | {"resource": scan_id, "scan_id": scan_id} | named
            lookup = poll(lookup, reply, lookup.waiting_since)
            assert lookup.finding(lookup.waiting_since or lookup.checked_at).state is state
