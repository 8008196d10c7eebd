"""An incident channel for tests of the watch: people who post there, and what they see in its threads."""

import asyncio
from contextlib import asynccontextmanager

import psycopg

from tests.support.app_fixture import ANA, BEN, at_work

INC = "#inc-1042"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
AT_ONCE = """
    UPDATE procrastinate_jobs SET scheduled_at = now()
    WHERE task_name = 'round' AND status = 'todo' AND scheduled_at < now() + interval '3 s'
    RETURNING pg_notify('procrastinate_any_queue_v1', json_build_object('type', 'job_inserted', 'job_id', id)::text)
"""
"""The moment for which messages that may share a call are waited for is over."""
BUSY = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'doing' OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at < now() + interval '3 s'))
"""


class Incident:
    """An office with a watched channel."""

    def __init__(self, office):
        self.office, self.slack, self.virustotal = office, office.slack, office.virustotal

    async def posts(self, text, user=ANA, **more):
        """Post a message and wait until the bot has done what it does about it."""
        message = (await self.slack.says(user, INC, text, **more)).said
        await self.quiet()
        return message

    async def edits(self, message, text, user=ANA):
        await self.slack.edits(user, message, text)
        await self.quiet()

    async def deletes(self, message, user=ANA):
        await self.slack.deletes(user, message)
        await self.quiet()

    async def presses(self, user, message, button):
        await self.slack.presses(user, self.slack.world.messages[message.key], button)
        await self.quiet()

    async def asks(self, line, user=ANA, channel=INC):
        """Type a command and read its answer, line by line."""
        return self.slack.shown(await self.office.asks(line, user, channel))

    async def quiet(self, seconds=30):
        """Until nothing is on its way to the bot, and nothing is to be done by it within a moment."""
        async with asyncio.timeout(seconds):
            await self.slack.settled()
            connection = await psycopg.AsyncConnection.connect(self.office.database, autocommit=True)
            async with connection:
                await connection.execute(AT_ONCE)
                while (await (await connection.execute(BUSY)).fetchone())[0]:  # noqa: ASYNC110 - the database is asked
                    await asyncio.sleep(0.02)

    def cards(self, message, user=BEN):
        """What the bot says in the thread of a message, as this person sees it, line by line."""
        replies = self.slack.messages(INC, user, thread=message.thread_ts or message.ts)
        return [self.slack.shown(one) for one in replies if one.bot_id and one.ts != message.ts]

    def card(self, message, user=BEN):
        """The bot's only message there."""
        replies = self.slack.messages(INC, user, thread=message.thread_ts or message.ts)
        [card] = [one for one in replies if one.user == self.slack.person("vt").id]
        return card

    def marks(self, message):
        """The reactions on a message."""
        return [name for name, _ in self.slack.world.reactions.get(message.key, [])]


@asynccontextmanager
async def at_incident(database, switch="on", **options):
    """The bot at work, and the channel switched as said by its creator."""
    async with at_work(database, **options) as office:
        incident = Incident(office)
        if switch:
            await incident.asks(f"/vt watch {switch}")
        yield incident
        await incident.quiet()
