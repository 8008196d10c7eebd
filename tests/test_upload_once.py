"""An upload that is interrupted, of what VirusTotal knew before: its hash shows only the old report for a while."""

import asyncio
from datetime import timedelta

import pytest
from test_service import desk, of_file
from ways import way

from vt.lookup import Lookup, Step
from vt.notes import Note
from vt.service import next_turn
from vt.verdict import State

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def known(tmp_path):
    file = tmp_path / "eicar.com"
    file.write_bytes(EICAR)
    return file


async def anyway(vt, file):
    """Looked up, then agreed to though it is known."""
    [lookup] = await vt.turn([of_file(file)])
    return lookup.asked_about(vt.clock()).agreed_to()


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
    return [call for call in vt.sandbox.asked("file/scan") if call.upload]


async def lost(_, reply):
    """VirusTotal takes it, and nobody hears of it."""
    answer = await reply()
    answer.force_close()
    raise asyncio.CancelledError


async def test_an_upload_whose_receipt_was_lost_is_not_sent_again(known):
    """It is waited for by its hash, until there is a report newer than the question."""
    async with desk(queue_seconds=100, roots=[known.parent]) as vt:
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
    async with desk(queue_seconds=100, roots=[known.parent]) as vt:
        begun = [board async for board in vt.service.advance((await anyway(vt, known),))]
        [stored] = next(board for board in begun if board[0].begun)
        lookups = await to_the_end(vt, [died(stored)])
        assert vt.states(lookups) == [State.RISKY]
        assert len(arrived(vt)) == 1


async def test_what_perhaps_never_arrived_is_said_after_an_hour_and_can_be_asked_for_again(known):
    """It is not sent again by itself: whoever wants that agrees anew."""
    async with desk(queue_seconds=100, roots=[known.parent]) as vt:
        stored = (await anyway(vt, known)).but(step=Step.UPLOAD).begins(vt.clock())
        began = vt.clock.now
        [lookup] = await to_the_end(vt, [died(stored)])
        assert timedelta(hours=1) < vt.clock.now - began < timedelta(hours=1, minutes=10)
        finding = lookup.finding(vt.clock())
        assert (finding.state, finding.note) == (State.RISKY, Note.PERHAPS)
        assert not arrived(vt)
        again = lookup.asked_about(vt.clock()).agreed_to()
        await to_the_end(vt, [again])
        assert len(arrived(vt)) == 1


async def test_what_surely_did_not_arrive_is_sent_again_once_the_hash_was_asked(tmp_path):
    """The connection broke long before the last byte."""
    file = tmp_path / "large.bin"
    file.write_bytes(EICAR + bytes(24 << 20))
    async with way() as cut, desk(through=cut.to, queue_seconds=100, roots=[tmp_path]) as vt:
        lookup = await anyway(vt, file)
        vt.sandbox.calls.clear()
        cut.left = 8 << 20
        await to_the_end(vt, [lookup])
        kinds = [call.endpoint for call in vt.sandbox.calls]
        assert kinds[:4] == ["file/report", "file/scan", "file/report", "file/scan"]
        assert len(arrived(vt)) == 1
