"""An incident of 300 messages in a watched channel, and a bot that dies in the middle of it."""

import asyncio
import itertools
from collections import Counter

from tests.support.app_fixture import ANA
from tests.support.incident import INC, Incident, at_incident
from tests.support.incident_replay import script
from tests.support.processes import grounds
from vt.indicators import defang

ALL_AT_ONCE = {"WATCH_CARDS": "0", "VT_QUOTA_DAY": "0", "VT_QUOTA_MONTH": "0"}


class Replay:
    """The incident as it is posted, and what it comes to."""

    def __init__(self, slack):
        self.slack = slack
        self.lines = script()
        self.messages = []

    async def post(self, start, stop, at_once=10):
        """Some of its messages, several people at a time."""
        for first in range(start, stop, at_once):
            lines = self.lines[first : min(first + at_once, stop)]
            said = await asyncio.gather(*(self.slack.says(one.user, INC, one.text) for one in lines))
            self.messages += [exchange.said for exchange in said]

    def cards(self, message):
        """The bot's messages in a message's thread."""
        bot = self.slack.person("vt").id
        return [one for one in self.slack.messages(INC, ANA, thread=message.ts) if one.user == bot]

    def wanted(self):
        """By message, what it is the first to hold."""
        told, wanted = set(), []
        for line in self.lines:
            values = [one.value for one in line.indicators]
            wanted.append([value for value in values if value not in told])
            told.update(values)
        return wanted

    def check(self):
        """One card for each message that needs one and none for the rest; each indicator on one card."""
        answered = Counter()
        for line, message in zip(self.lines, self.messages, strict=True):
            cards = self.cards(message)
            assert len(cards) <= 1, line
            shown = "\n".join(self.slack.shown(cards))
            mine = {one.value for one in line.indicators if defang(one.value)[:80] in shown}
            assert bool(mine) is bool(cards), line
            answered.update(mine)
        everything = {one.value for line in self.lines for one in line.indicators}
        assert answered == dict.fromkeys(everything, 1)


async def test_three_hundred_messages(database):
    """One card for each message that needs one, none for the rest, and far fewer calls than indicators."""
    async with at_incident(database, **ALL_AT_ONCE) as incident:
        replay = Replay(incident.slack)
        await replay.post(0, len(replay.lines))
        await incident.quiet(120)
        replay.check()
        needing = [bool(new) for new in replay.wanted()]
        assert [bool(replay.cards(message)) for message in replay.messages] == needing
        each = sum(len(line.indicators) for line in replay.lines)
        assert len(incident.virustotal.calls) * 2 < each


async def test_killed_in_the_middle(database, tmp_path):
    """By kill -9 while cards are being posted: after the restart nothing is missing and nothing is there twice."""
    async with grounds(database, tmp_path, **ALL_AT_ONCE) as place:
        place.slack.dispatcher.retries = (0.5,) * 60
        bot = await place.bot()
        await (await place.slack.types(ANA, INC, "/vt watch on")).answer()
        replay = Replay(place.slack)
        half = len(replay.lines) // 2
        posting = asyncio.create_task(replay.post(0, half))
        await killed_at_card(bot, place.slack, 12)
        await posting
        await place.up(bot)
        await replay.post(half, len(replay.lines))
        await Incident(place).quiet(120)
        replay.check()


async def killed_at_card(bot, slack, number):
    """Dead in the moment in which that card is shown, before the bot hears that it is."""
    shown = itertools.count(1)

    def kill(change):
        if change.kind == "posted" and change.message and change.message.thread_ts and next(shown) == number:
            bot.kill()

    slack.watches(kill)
    await bot.ended(60)
    slack.state.watchers.remove(kill)
