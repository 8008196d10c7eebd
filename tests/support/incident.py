"""An incident channel for tests of the watch: people who post there, and what they see in its threads."""

import asyncio
from contextlib import asynccontextmanager

import psycopg

from tests.support.app_fixture import ANA, BEN, at_work
from tests.support.due_jobs import HEARD

INC = "#inc-1042"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
AT_ONCE = f"""
    UPDATE procrastinate_jobs SET scheduled_at = now()
    WHERE task_name = 'round' AND status = 'todo' AND scheduled_at < now() + interval '3 s'
    {HEARD}
"""  # noqa: S608 - constants
"""Ends the delay in which a batch waits for messages that may share its calls."""
BUSY = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'doing' OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at < now() + interval '3 s'))
"""


class Incident:
    """The running bot with a watched channel, and what people see in it."""

    def __init__(self, app):
        self.app, self.slack, self.virustotal = app, app.slack, app.virustotal

    async def posts(self, text, user=ANA, **more):
        """Post a message and wait until the bot is done with it."""
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
        await self.slack.presses(user, self.slack.state.messages[message.key], button)
        await self.quiet()

    async def asks(self, line, user=ANA, channel=INC):
        """Type a command and read its answer, line by line."""
        return self.slack.shown(await self.app.asks(line, user, channel))

    async def quiet(self, seconds=90):
        """Wait until no event is on its way to the bot, and no job of its is due."""
        async with asyncio.timeout(seconds):
            await self.slack.settled()
            connection = await psycopg.AsyncConnection.connect(self.app.database, autocommit=True)
            async with connection:
                await connection.execute(AT_ONCE)
                while (await (await connection.execute(BUSY)).fetchone())[0]:  # noqa: ASYNC110 - the database is asked
                    await asyncio.sleep(0.02)

    def cards(self, message, user=BEN):
        """The bot's messages in a message's thread, as this person sees them: each a list of lines."""
        replies = self.slack.messages(INC, user, thread=message.thread_ts or message.ts)
        return [self.slack.shown(one) for one in replies if one.bot_id and one.ts != message.ts]

    def card(self, message, user=BEN):
        """The bot's only message in the thread."""
        replies = self.slack.messages(INC, user, thread=message.thread_ts or message.ts)
        [card] = [one for one in replies if one.user == self.slack.person("vt").id]
        return card

    def reactions(self, message):
        """The reactions on a message."""
        return [name for name, _ in self.slack.state.reactions.get(message.key, [])]


@asynccontextmanager
async def at_incident(database, switch="on", **options):
    """Run the bot in a channel that its creator has switched as `switch` says; "": not at all."""
    async with at_work(database, **options) as app:
        incident = Incident(app)
        if switch:
            await incident.asks(f"/vt watch {switch}")
        yield incident
        await incident.quiet()
