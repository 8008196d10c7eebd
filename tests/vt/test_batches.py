"""The reply about a batch: in any order, with entries twice or under other hashes, each resource has its own verdict."""

# ruff: noqa: S311 - not a secret

import json
import random

import pytest

from playground.virustotal import faults
from tests.support.vt_service import running_service
from vt import errors
from vt.verdict import State

CLEAN, BAD, UNKNOWN, OTHER = (f"{digit}" * 64 for digit in "1234")
MD5 = {name: name[:32] for name in (CLEAN, BAD)}
ENGINES = {name: {"detected": False} for name in "ABCDE"}


def report(name, positives=0, **more):
    """A file's report, as file/report gives it for its SHA-256."""
    scans = {key: {"detected": number < positives} for number, key in enumerate(ENGINES)}
    counts = {"response_code": 1, "positives": positives, "total": 5, "scans": scans}
    return {"resource": name, "sha256": name, "scan_id": f"{name}-1795300000", **counts, **more}


def without(entry, *keys):
    return {key: value for key, value in entry.items() if key not in keys}


NOT_KNOWN = {"response_code": 0, "resource": UNKNOWN, "verbose_msg": "not among the finished scans"}
BATCH = [report(CLEAN), report(BAD, 5), NOT_KNOWN]
STATES = [State.CLEAN, State.RISKY, State.UNKNOWN]


async def states(reply, *values):
    """What the service makes of the reply to these hashes, and of the same reply to what it left out."""
    async with running_service("private") as vt:
        vt.sandbox.faults.always("file/report", faults.says(reply))
        return vt.states(await vt.asks("scan-hash", *values))


@pytest.mark.parametrize("seed", range(6))
async def test_a_batch_is_answered_in_any_order(seed):
    """The place in the reply says nothing."""
    shuffled = random.Random(seed).sample(BATCH, len(BATCH))
    assert await states(shuffled, CLEAN, BAD, UNKNOWN) == STATES


@pytest.mark.parametrize("kind", ["private", "public"])
@pytest.mark.parametrize("action", ["scan-hash", "scan-url"])
@pytest.mark.parametrize("seed", range(3))
async def test_real_batches_in_any_order_say_the_same(kind, action, seed):
    """Whatever order the stand-in's own replies have, and whichever of their entries come twice."""
    chance = random.Random(seed)
    values = [f"{number:064x}" for number in range(1, 9)]
    if action == "scan-url":
        values = [f"http://h{number}.example.com/a" for number in range(1, 9)]

    def disturbed(reply):
        return chance.sample([*reply, *chance.sample(reply, 2)], len(reply) + 2)

    async with running_service(kind) as vt:
        ordinary = vt.states(await vt.asks(action, *values))
        endpoint = {"scan-hash": "file/report", "scan-url": "url/report"}[action]
        vt.sandbox.faults.always(endpoint, faults.changed(disturbed))
        assert vt.states(await vt.asks(action, *values)) == ordinary


@pytest.mark.parametrize("twice", range(3))
async def test_an_entry_twice_is_that_entry(twice):
    """Also when it takes the place of another one: that one is asked for again, and never answered with a stranger's report."""
    assert await states([*BATCH, BATCH[twice]], CLEAN, BAD, UNKNOWN) == STATES
    replaced = [BATCH[twice] if place == (twice + 1) % 3 else entry for place, entry in enumerate(BATCH)]
    found = await states(replaced, CLEAN, BAD, UNKNOWN)
    assert found[(twice + 1) % 3] is State.NOT_CHECKED
    assert [found[twice], found[(twice + 2) % 3]] == [STATES[twice], STATES[(twice + 2) % 3]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (report(CLEAN), report(CLEAN, 5)),
        (report(CLEAN, 5), report(CLEAN)),
        (report(CLEAN), {"response_code": 0, "resource": CLEAN}),
        (report(CLEAN), {"response_code": -2, "resource": CLEAN, "scan_id": f"{CLEAN}-1"}),
        (report(CLEAN), report(CLEAN) | {"scans": {}}),
    ],
)
async def test_entries_that_contradict_each_other_are_not_believed(first, second):
    """Two reports on one file that say different things: neither of them makes it clean, and the others are answered."""
    async with running_service("private") as vt:
        vt.sandbox.faults.always("file/report", faults.says([first, second, report(BAD, 5)]))
        lookups = await vt.asks("scan-hash", CLEAN, BAD)
        assert vt.states(lookups) == [State.NOT_CHECKED, State.RISKY]
        assert isinstance(vt.found(lookups)[0].error, errors.Unreadable | errors.Dropped)


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        (report(CLEAN, md5=MD5[CLEAN]), State.CLEAN),
        (report(BAD, 5, md5=MD5[BAD]), State.RISKY),
        (report(CLEAN, md5=MD5[CLEAN].upper()), State.CLEAN),
        (report(CLEAN), State.NOT_CHECKED),
        (report(CLEAN, md5=""), State.NOT_CHECKED),
        (report(CLEAN, md5=None), State.NOT_CHECKED),
        (report(CLEAN, md5="ab" * 16), State.NOT_CHECKED),
        (report(CLEAN, md5=[MD5[CLEAN]]), State.NOT_CHECKED),
        (report(CLEAN, md5=MD5[CLEAN], resource=OTHER), State.NOT_CHECKED),
        (report(CLEAN, md5=MD5[CLEAN], scan_id=f"{OTHER}-1"), State.NOT_CHECKED),
        (without(report(CLEAN, md5=MD5[CLEAN]), "resource"), State.CLEAN),
        (report(CLEAN) | {"resource": MD5[CLEAN]}, State.CLEAN),
    ],
    ids=lambda value: (
        json.dumps(without(value, "scans", "response_code"))[:90] if isinstance(value, dict) else value
    ),
)
@pytest.mark.parametrize("among", [False, True])
async def test_an_md5_is_answered_under_its_sha256(echo, expected, among):
    """Only where the entry says that it is the MD5 of that very file: alone, and among others that name what they are about."""
    asked = MD5[BAD] if echo["sha256"] == BAD else MD5[CLEAN]
    found = await states([echo, NOT_KNOWN] if among else [echo], asked, *([UNKNOWN] if among else []))
    assert found[0] is expected


async def test_one_file_by_two_of_its_hashes():
    """Both are answered, whichever name the entries echo, in any order."""
    by_sha = report(BAD, 5, md5=MD5[BAD])
    by_md5 = by_sha | {"resource": MD5[BAD]}
    for reply in ([by_md5, by_sha], [by_sha, by_md5], [by_sha, by_sha]):
        assert await states(reply, MD5[BAD], BAD) == [State.RISKY] * 2
