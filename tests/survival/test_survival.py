"""Nothing accepted is lost: the bot as a real process, killed at any moment, answers once when it is back."""

import asyncio
import itertools
import random
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pydantic import SecretStr

from bot.database import Database
from bot.storage.virustotal import QuotaStore
from handlers.posting import RESPONSE_URL_USES
from handlers.text.about import ASKING
from handlers.turns.lookup import INTERVAL
from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN, GENERAL
from tests.support.processes import Died, grounds
from vt.quota import Limits

PROMISED = 60
"""Seconds from the restart until everything that was accepted is answered."""
DELAYS = [random.Random(20240229 + number).uniform(0, 0.3) for number in range(3)]  # noqa: S311 - not a secret
"""Seconds after the first acknowledgement of several questions at once."""


class Questions:
    """What was asked, each about an address of its own, and whether Slack was told that it is taken."""

    def __init__(self, place):
        self.place = place
        self.taken = []
        self._numbers = itertools.count(101)

    async def ask(self, options=""):
        """Type one, and note whether it was acknowledged."""
        address = f"198.51.100.{next(self._numbers)}"
        exchange = await self.place.slack.types(ANA, GENERAL, f"/vt scan-ip {address} {options}")
        if exchange.status == 200:
            self.taken.append(address)
        return exchange

    def answers(self, address):
        """What ana reads about it, wherever it stands."""
        shown = address.replace(".", "[.]")
        slack = self.place.slack
        texts = ["\n".join(slack.shown(message)) for message in slack.messages(user=ANA)]
        return [text for text in texts if shown in text]

    def answered(self):
        """All that were taken have their verdict."""
        return all(any("NOT CHECKED" not in text for text in self.answers(address)) for address in self.taken)

    async def settle(self):
        """Until all are answered, as was promised; each once."""
        await self.place.slack.until(self.answered, timeout=PROMISED)
        await asyncio.sleep(0.5)  # a second answer would come now
        assert {address: len(self.answers(address)) for address in self.taken} == dict.fromkeys(self.taken, 1)


@asynccontextmanager
async def dying_when(place, bot, shown):
    """It is killed in the moment in which Slack shows such a message, before it can hear that Slack has."""

    def kill(change):
        if change.message and change.message.bot_id and shown(change.message):
            bot.kill()

    place.slack.watches(kill)
    yield
    await bot.ended()
    place.slack.state.watchers.remove(kill)


# Moments -------------------------------------------------------------------------------------------------


async def at_once(questions, bot):
    """As soon as it was acknowledged."""
    await questions.ask()
    await bot.killed()


async def while_virustotal_is_asked(questions, bot):
    """With the call on its way."""

    async def kill(_, reply):
        bot.kill()
        return await reply()

    questions.place.virustotal.faults.add("ip-address/report", kill)
    await questions.ask()
    await bot.ended()


async def before_the_answer_is_noted(questions, bot):
    """Slack has shown the answer, but the bot never hears that it has."""
    async with dying_when(questions.place, bot, lambda message: message.ephemeral_to):
        await questions.ask()


async def before_a_shared_answer_is_noted(questions, bot):
    """The same, with an answer that the whole channel sees."""
    async with dying_when(questions.place, bot, lambda message: not message.ephemeral_to):
        await questions.ask("--share")


def after(seconds):
    """At some moment after the first of several that were asked at once was acknowledged."""

    async def at_some_moment(questions, bot):
        asked = [asyncio.create_task(questions.ask()) for _ in range(4)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(seconds)
        await bot.killed()
        await asyncio.gather(*asked)

    return at_some_moment


MOMENTS = (
    at_once,
    while_virustotal_is_asked,
    before_the_answer_is_noted,
    before_a_shared_answer_is_noted,
    *map(after, DELAYS),
)


# Stories -------------------------------------------------------------------------------------------------


async def killed_at_any_moment(database, folder):
    """Killed with -9, again and again: after the last restart everything that was acknowledged is answered once."""
    async with grounds(database, folder, sandbox={"latency": 0.1}) as place:
        place.slack.forgives(Rule.LATE, Rule.ACK)
        questions = Questions(place)
        bot = await place.bot()
        for moment in MOMENTS:
            await moment(questions, bot)
            await place.up(bot)
        await questions.settle()
        assert len(questions.taken) >= len(MOMENTS) - 1
        assert place.slack.faults == []


async def killed_while_the_quota_is_spent(database, folder):
    """The asker has read "not checked yet": after the restart the same message is completed."""
    async with grounds(database, folder, VT_QUOTA_MINUTE="1") as place:
        questions = Questions(place)
        bot = await place.bot()
        await _spend(database, seconds_left=4)
        waiting = await (await questions.ask()).answer()
        assert "next call in" in place.slack.shown(waiting)[2]
        await bot.killed()
        assert not place.virustotal.calls
        await place.up(bot)
        await questions.settle()
        assert place.slack.faults == []


async def _spend(database, seconds_left):
    """As if the minute's only call had been made so long ago that another is free soon."""
    store = Database(database)
    booked = datetime.now(UTC) - timedelta(seconds=60 - seconds_left)
    await QuotaStore(store, SecretStr("some-key"), Limits(minute=1), lambda: booked).take()
    await store.close()


async def killed_before_a_late_answer_is_noted(database, folder):
    """The command is too old for its response_url: the direct message that was posted last is found again."""
    async with grounds(database, folder) as place:
        questions = Questions(place)
        bot = await place.bot()
        await while_virustotal_is_asked(questions, bot)
        _age(database, timedelta(minutes=26))
        async with dying_when(place, bot, lambda message: message.via == "chat.postMessage"):
            with suppress(Died):
                await place.up(bot)
        assert len(place.slack.messages("@ana", ANA)) == 1
        await place.up(bot)
        await questions.settle()
        assert [len(place.slack.messages("@ana", ANA)), len(place.slack.messages(GENERAL, ANA))] == [1, 0]
        assert place.slack.faults == []


def _age(database, age):
    """As if everything had been asked so much earlier."""
    with psycopg.connect(database, autocommit=True) as connection:
        at = (datetime.now(UTC) - age).isoformat()
        connection.execute(
            "UPDATE cases SET request = jsonb_set(request::jsonb, '{at}', to_jsonb(%s::text))", [at]
        )


async def killed_before_what_a_button_did_is_noted(database, folder):
    """Share and JSON, pressed once: one message for the channel, and one file."""
    async with grounds(database, folder) as place:
        slack = place.slack
        bot = await place.bot()
        answer = await (await Questions(place).ask()).answer()
        async with dying_when(place, bot, lambda message: not message.ephemeral_to):
            await slack.presses(ANA, answer, "Share")
        await place.up(bot)
        async with dying_when(place, bot, lambda message: message.files):
            await slack.presses(ANA, answer, "JSON")
        await place.up(bot)
        await _ended(database)
        assert len(slack.messages(GENERAL, BEN)) == 1
        assert len(slack.files("@ana")) == 1
        assert slack.faults == []


async def _ended(database):
    """Until no request is open, as was promised."""
    async with asyncio.timeout(PROMISED), await psycopg.AsyncConnection.connect(database) as connection:
        while (await connection.execute("SELECT FROM cases WHERE outcome = 'open'")).rowcount:
            await connection.commit()
            await asyncio.sleep(0.1)


async def killed_whenever_progress_is_shown(database, folder):
    """Progress is counted before it is shown: the next process shows none, and the answer still comes through the response_url."""
    async with grounds(database, folder, sandbox={"latency": 2 * INTERVAL}) as place:
        questions, lives = await _killed_whenever(place, lambda message: message.text == str(ASKING))
        await questions.settle()
        assert [len(lives), place.slack.messages("@ana", ANA), place.slack.faults] == [2, [], []]


async def killed_whenever_the_answer_is_shown(database, folder):
    """When all uses of the response_url are gone, the answer has been shown: it does not come another way as well."""
    async with grounds(database, folder) as place:
        place.slack.forgives(Rule.RESPONSE_URL)
        questions, lives = await _killed_whenever(
            place, lambda message: message.via == "response_url" and message.text != str(ASKING)
        )
        await questions.settle()
        assert len(lives) >= RESPONSE_URL_USES
        assert place.slack.messages("@ana", ANA) == []


async def _killed_whenever(place, shown):
    """One question; the bot is killed each time that Slack shows such a message, and started again. Its lives, as process ids."""
    questions, bot = Questions(place), await place.bot()
    lives = [bot.pid]

    def kill(change):
        if change.message and change.message.bot_id and shown(change.message):
            bot.kill()

    place.slack.watches(kill)
    await questions.ask()
    while True:
        ended = asyncio.create_task(_ended(place.environ["DATABASE_URL"]))
        dying = asyncio.create_task(bot.ended())
        await asyncio.wait({ended, dying}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            dying.cancel()
            break
        ended.cancel()
        await place.up(bot)
        lives.append(bot.pid)
    await ended
    return questions, lives


async def another_replica_takes_over(database, folder):
    """Of two processes the one with the request in its hands dies and never comes back: the other answers."""
    async with grounds(database, folder) as place:
        questions = Questions(place)
        near = await place.bot(VT_API_URL=place.virustotal.url)
        far = await place.bot(VT_API_URL=place.virustotal.url.replace("127.0.0.1", "localhost"))

        async def kill(request, reply):
            (near if request.url.host == "127.0.0.1" else far).kill()
            return await reply()

        place.virustotal.faults.add("ip-address/report", kill)
        await questions.ask()
        await questions.settle()
        assert len(place.virustotal.calls) == 2
        assert place.slack.faults == []


async def stopped_politely(database, folder):
    """SIGTERM: what can be finished is, what hangs is kept for the next process, and the exit status is 0."""
    async with grounds(database, folder) as place:
        questions = Questions(place)
        bot = await place.bot()
        asked = asyncio.Event()

        async def slowly(_, reply):
            asked.set()
            await asyncio.sleep(0.5)
            return await reply()

        async def never(_, reply):
            await asyncio.sleep(30)
            return await reply()

        place.virustotal.faults.add("ip-address/report", never, slowly)
        await questions.ask()
        await questions.ask()
        await asked.wait()
        assert await bot.stopped(seconds=20) == 0
        assert sum(len(questions.answers(address)) for address in questions.taken) == 1
        await place.up(bot)
        await questions.settle()
        assert "Traceback" not in bot.written()
        assert place.slack.faults == []


STORIES = (
    killed_at_any_moment,
    killed_while_the_quota_is_spent,
    killed_before_a_late_answer_is_noted,
    killed_before_what_a_button_did_is_noted,
    killed_whenever_progress_is_shown,
    killed_whenever_the_answer_is_shown,
    another_replica_takes_over,
    stopped_politely,
)


@pytest.fixture(scope="module")
async def stories(new_database, tmp_path_factory):
    """All of them begin together: they wait most of the time."""
    told = {
        story: asyncio.create_task(story(new_database(), tmp_path_factory.mktemp(story.__name__)))
        for story in STORIES
    }
    yield told
    for task in told.values():
        task.cancel()
    await asyncio.gather(*told.values(), return_exceptions=True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_nothing_accepted_is_lost(stories, story):
    """However a process ends, everything it acknowledged is answered once, within the promised time."""
    await stories[story]
