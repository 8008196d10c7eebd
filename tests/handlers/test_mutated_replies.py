"""No reply of VirusTotal breaks a turn: it can be stored, read again, judged and shown, and never says clean wrongly.

More of them: python -m tests.support.mutated_replies 200000
"""

# ruff: noqa: S311, ARG001 - random numbers are no secrets; the stand-ins have the arguments of what they replace

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from bot.database import Database
from handlers.posting import call
from handlers.request import Verb
from handlers.turns.dispatch import HANDLERS
from tests.support.mutated_bodies import BUILT_IN, HUSH, SHA, Sample, samples
from tests.support.mutated_replies import chosen_turn, fault, run
from tests.support.turn_oracles import KEY
from tests.support.whole_turn import Storage, world
from vt.lookup import Step
from vt.steps import ENDPOINTS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(2))
async def test_no_mutated_reply_breaks_a_turn(seed):
    """No crash, no false CLEAN, no live link, no secret, and nothing that Slack refuses, wherever people look."""
    async with world() as bot:
        faults, examples = await run(bot, 120, seed)
    assert not faults, json.dumps(examples)


async def test_the_replies_are_of_every_kind():
    """What VirusTotal sends is read: among a few hundred answers each state occurs, and a part of them is a verdict."""
    states = Counter()
    known, chance = samples(), random.Random(7)
    async with world() as bot:
        for _ in range(60):
            bot.renew()
            asked = chosen_turn(bot, known, chance)
            bot.sha256 = asked[0].value
            case = await bot.stored.store.case(await bot.asks(asked))
            states.update(lookup.finding(bot.now).state.name for lookup in case.lookups)
    assert set(states) >= {"RISKY", "SUSPICIOUS", "CLEAN", "UNKNOWN", "NOT_CHECKED"}
    # Of the few replies that are built in, more are mutated beyond reading than of the recorded ones.
    assert states["NOT_CHECKED"] < sum(states.values()) * 0.9


async def test_postgresql_takes_what_the_turns_store(database):
    """A share of the turns through a real database, with its JSON and its text."""
    stored = Database(database)
    chance = random.Random(11)
    async with world() as bot:
        for number in range(12):
            bot.ids = (f"{number}-{one}" for one in range(1000))
            real = Storage.in_postgresql(stored, number)
            assert await fault(bot, chosen_turn(bot, samples(), chance), chance, real) == ""
    await stored.close()


@pytest.mark.parametrize("action", sorted(BUILT_IN))
@pytest.mark.parametrize(
    "change",
    [
        {"scan_date": "2019-02-05 15:41:52", "first_seen": "2019-02-05 15:41:52"},
        {"scan_date": 7, "first_seen": ["x"]},
        {
            "scan_date": "9999-12-31 23:59:59",
            "resolutions": [{"hostname": "a.example.com", "last_resolved": "9999-12-31T23:59:59-14:00"}],
            "detected_urls": [{"url": "x", "positives": 30, "total": 60, "scan_date": "9999-12-31 23:59:59"}],
        },
        {"response_code": -2, "scan_id": None},
        {"verbose_msg": "\ud800x", "\udfffkey": "x"},
        {"country": "\x1f", "as_owner": "\0", "x category": "\u202e"},
        {"response_code": -2, "scan_id": f"{SHA}-1795300000"},
        {"response_code": -2, "scan_id": ["x"]},
        {"response_code": -2, "scan_id": "a\nhttp://evil.com"},
        {"scan_id": f"{SHA}-{'9' * 5000}"},
        {"http://evil.com/ category": "x", "scans": {"http://evil.com/": {"detected": True, "result": "x"}}},
        {
            "permalink": "https://www.virustotal.com/|http://evil.com/",
            "verbose_msg": f"http://evil.com/?token={HUSH}",
        },
    ],
    ids=repr,
)
async def test_named_replies_that_once_broke_a_turn(action, change):
    """Dates at the top level of a host's report, halves of surrogate pairs, invisible text, links in names and permalinks."""
    value, raw = BUILT_IN[action]
    async with world() as bot:
        bot.replies = dict.fromkeys((value, ""), json.dumps(raw | change).encode())
        sample = Sample(action, value, raw, frozenset([value.removeprefix("http://")]))
        for seed in range(3):
            assert await fault(bot, [sample], random.Random(seed)) == ""


# The oracles catch what is broken ----------------------------------------------------------------------


async def leniently(client, resources):
    """Whatever VirusTotal says, nothing detects anything."""
    whole = {"A": {"detected": False}}
    return {one: {"response_code": 1, "positives": 0, "total": 1, "scans": whole} for one in resources}


async def carelessly(client, resources):
    """Any JSON is an answer."""
    return {one: {"response_code": 1, "verbose_msg": "\ud800x"} for one in resources}


def asking(fetch):
    """Hashes are asked for in this way."""
    steps = ENDPOINTS["scan-hash"]
    return {
        "endpoints": {**ENDPOINTS, "scan-hash": {**steps, Step.ASK: replace(steps[Step.ASK], fetch=fetch)}}
    }


def showing(text):
    """A job that shows this text instead of the details, in blocks as the handlers make them."""

    async def show(case, deps):
        block = {"type": "section", "text": {"type": "plain_text", "text": text}}
        await call(
            deps.slack.views_update, view_id="V1", view={"type": "modal", "title": "x", "blocks": [block]}
        )

    return {"handlers": {**HANDLERS, Verb.DETAILS: show}}


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (asking(leniently), "false CLEAN"),
        (asking(carelessly), "crash"),
        (showing("see http://evil.com/"), "live link"),
        (showing("see evil.com"), "live link"),
        (showing(f"the key is {KEY}"), "secret"),
        (showing(f"?token={HUSH}"), "secret"),
        (showing("\u202efdp.exe"), "invisible"),
        (showing("x" * 3001), "blocks"),
        (showing(""), "blocks"),
    ],
    ids=["lenient", "careless", "link", "host", "key", "token", "invisible", "long", "empty"],
)
async def test_a_broken_part_is_noticed(parts, named):
    """Replies that are read leniently or not at all, and views that show too much: each of them is named by what is wrong with it."""
    known, chance = samples(), random.Random(3)
    async with world(**parts) as bot:
        for _ in range(300):
            if (await fault(bot, chosen_turn(bot, known, chance), chance)).startswith(named):
                return
    pytest.fail(f"nobody noticed: {named}")
