"""How many cards a channel wants now: as it was switched, as its name says, and not too many at once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from handlers.channel_settings import holding
from handlers.deps import Deps
from handlers.people import Unknown
from handlers.posting import POST_OPTIONS, call, content
from handlers.request import Origin
from handlers.text import watch as watch_text
from handlers.views import answer
from handlers.watch import CALM, DERIVED, Card, Mode, Watch, ignores, named, to_look_up
from vt.lookup import Lookup


class Rooms:
    """The channels of one round. Raises StoreDown, and NotPosted when a pause cannot be told."""

    def __init__(self, deps: Deps, now: datetime) -> None:
        self._deps = deps
        self._now = now
        self._watches: dict[str, Watch] = {}
        self._ignored: dict[str, frozenset[str]] = {}
        self._thresholds: dict[str, Mapping[str, int]] = {}
        self._given: dict[str, int] = {}
        """Cards by channel: those of late, and those that this round may give."""

    async def watch(self, origin: Origin) -> Watch:
        """How the channel is watched."""
        if origin.channel not in self._watches:
            known = await self._deps.watched.channel(origin.team, origin.channel)
            old = known is None or (known.derived and self._now - known.since > DERIVED)
            self._watches[origin.channel] = await self._by_name(origin) if known is None or old else known
        return self._watches[origin.channel]

    async def _by_name(self, origin: Origin) -> Watch:
        """Nobody switched it: its name decides, and that holds for a while."""
        try:
            name = await self._deps.directory.channel_name(origin.channel)
        except Unknown:
            return Watch(Mode.OFF, "", self._now)
        mode = Mode.ALL if named(name, self._deps.rules.channels) else Mode.OFF
        await self._deps.watched.switch(origin.team, origin.channel, mode, "")
        return Watch(mode, "", self._now)

    async def wanted(self, one: Card) -> tuple[Lookup, ...]:
        """What a card is about now, without what is left alone there, by the channel's thresholds."""
        origin, deps = one.case.request.origin, self._deps
        if origin.channel not in self._ignored:
            ignored = await deps.watched.ignored(origin.team, origin.channel)
            self._ignored[origin.channel] = frozenset(each.value for each in ignored)
            self._thresholds[origin.channel], _ = await holding(origin, deps.channels, deps.thresholds)
        values, thresholds = self._ignored[origin.channel], self._thresholds[origin.channel]
        lookups = to_look_up(one, lambda lookup: any(ignores(value, lookup) for value in values))
        return tuple(
            lookup.but(threshold=thresholds.get(lookup.action, lookup.threshold)) for lookup in lookups
        )

    async def listens(self, origin: Origin) -> bool:
        """Is anything wanted there now?"""
        watch = await self.watch(origin)
        return watch.mode is not Mode.OFF and not watch.paused(self._now)

    async def welcome(self, origin: Origin) -> bool:
        """Is there room for one more card, if it comes to one? It counts from here on, where that is sure."""
        watch = await self.watch(origin)
        if watch.paused(self._now):
            return False
        if origin.channel not in self._given:
            self._given[origin.channel] = await self._of_late(origin)
        if not await self._room(origin, self._given[origin.channel]):
            return False
        self._given[origin.channel] += watch.mode is not Mode.RISKY
        return True

    async def still_welcome(self, origin: Origin) -> bool:
        """The same, asked when there is a card: where most come to none, it counts only then."""
        watch = await self.watch(origin)
        return watch.mode is not Mode.RISKY or await self._room(origin, await self._of_late(origin))

    async def _of_late(self, origin: Origin) -> int:
        return await self._deps.watching.cards_since(origin.team, origin.channel, self._now - CALM)

    async def _room(self, origin: Origin, given: int) -> bool:
        most = self._deps.rules.most
        if not most or given < most:
            return True
        await self._pause(origin, most)
        return False

    async def _pause(self, origin: Origin, most: int) -> None:
        """Be quiet for a while, and say so once."""
        until = self._now + CALM
        watch = replace(await self.watch(origin), paused_until=until)
        self._watches[origin.channel] = watch
        if await self._deps.watched.pause(origin.team, origin.channel, until):
            where = watch.person if watch.mode is Mode.DRY_RUN else origin.channel
            note = answer.note(watch_text.paused(most, until))
            await call(self._deps.slack.chat_postMessage, channel=where, **content(note), **POST_OPTIONS)
