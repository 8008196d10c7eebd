"""A job that others have taken over stores nothing more, however it would store it."""

import time
from datetime import timedelta

import pytest

from bot.connections import JobLost, Lease
from bot.queue.jobs import NEXT_BATCH, Pace
from bot.queue.worker import HeldJob
from bot.storage.cards import Cards
from bot.storage.cases import Cases
from bot.storage.slack import SettingsStore, WatchStore
from handlers.event_payloads import MessageEvent
from handlers.request import ChannelSettings
from handlers.watch import CardOverrides, Ignored, Mode
from tests.bot.test_storage import NOON, opened, request
from tests.bot.test_worker import QUICK, Bot, ask, eventually

__all__ = ["opened"]

TABLES = (
    "cases",
    "watch_cards",
    "watch_seen",
    "watch_channels",
    "watch_ignored",
    "channels",
    "procrastinate_jobs",
)
LATER = NOON + timedelta(hours=1)
WRITES = {
    "save case": lambda at: at.cases.save(at.card.case.model_copy(update={"posts": 3})),
    "next turn": lambda at: at.cases.again("card", LATER),
    "save card": lambda at: at.cards.save(at.card, LATER),
    "postpone card": lambda at: at.cards.postpone("card", LATER),
    "fail card": lambda at: at.cards.fail("card", "unreadable"),
    "override": lambda at: at.cards.override("card", CardOverrides(prioritised=True)),
    "wake cards": lambda at: at.cards.wake(timedelta(days=400)),
    "schedule batch": lambda at: at.cards.schedule_batch(),
    "dedupe": lambda at: at.cards.dedupe(at.card, ["another"]),
    "release": lambda at: at.cards.release(at.card, to_others=True),
    "forget": lambda at: at.cards.release(at.card, to_others=False),
    "take over": lambda at: at.cards.take_over(at.card, "key"),
    "switch": lambda at: at.watches.switch("T1", "C1", Mode.OFF, "U2"),
    "pause": lambda at: at.watches.pause("T1", "C1", LATER),
    "ignore": lambda at: at.watches.ignore("T1", Ignored("192.0.2.2", "C1", "U1")),
    "settings": lambda at: SettingsStore(at.database).change("T1", "C1", ChannelSettings(evidence_days=3)),
}


class Place:
    """A watched channel with a card."""

    def __init__(self, database):
        self.database = database
        self.cases, self.cards = Cases(database), Cards(database, lambda: NOON)
        self.watches = WatchStore(database, lambda: NOON)

    async def furnish(self):
        await self.watches.switch("T1", "C1", Mode.ALL, "U1")
        earlier = await self.posted("earlier", "1.0")
        await self.cards.dedupe(earlier, ["key"])
        self.card = await self.posted("card", "2.0")
        await self.cards.dedupe(self.card, ["key"])
        await self.cards.save(self.card, NOON + timedelta(minutes=1))

    async def posted(self, name, ts):
        asked = request(name)
        await self.cards.record(MessageEvent("C1", ts, ts, "U1"), asked.lookups, asked)
        return await self.cards.card(name)


async def stored(database):
    """All rows that a job may change."""
    return [
        await database.rows(f"SELECT row_to_json(one)::text FROM {table} AS one ORDER BY 1", {})  # noqa: S608
        for table in TABLES
    ]


@pytest.mark.parametrize("write", WRITES)
async def test_a_lost_job_stores_nothing(opened, write):
    """Whatever it is about to store of its case, of cards or of a channel. The same is stored while the job is its own."""
    place = Place(opened)
    await place.furnish()
    before = await stored(opened)
    row = {"worker": 1, "job": 4711, "attempts": 0}
    with HeldJob(opened, Lease(Pace().missing), row, 0).confirmed(), pytest.raises(JobLost):
        await WRITES[write](place)
    assert await stored(opened) == before
    await WRITES[write](place)
    assert await stored(opened) != before


@pytest.mark.parametrize("kind", ["turn", "batch"])
async def test_the_end_of_a_lost_job_is_not_stored(database, kind):
    """What stores nothing ends when its job was given to somebody else, who takes it again."""

    async def taken_over():
        if len(bot.happened) == 1:
            await ask(database, "UPDATE procrastinate_jobs SET attempts = attempts + 1")
            time.sleep(QUICK.missing)  # noqa: ASYNC251 - as a frozen process, which sends no heartbeats

    async def batch():
        await bot.note("batch")
        await taken_over()

    bot = Bot(database, lambda _bot, _case_id: taken_over())
    bot.turns._batch = batch
    if kind == "turn":
        await bot.cases.accept(request("turn"))
    else:
        await bot.database.write((NEXT_BATCH, {"seconds": 0}))
    async with bot:
        await bot.until(kind, kind)
        await eventually(lambda: ask(database, "SELECT 1 WHERE NOT EXISTS (SELECT FROM procrastinate_jobs)"))
