"""The watched channels of one batch: how each is watched, what is ignored there, and how many cards it may still get."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from handlers.channel_settings import effective_settings
from handlers.deps import WatchDeps
from handlers.people import Unknown
from handlers.posting import POST_OPTIONS, call, content
from handlers.request import Origin
from handlers.text import watch as watch_text
from handlers.views import answer
from handlers.watch import Card, Mode, Watch
from handlers.watch.policy import NAME_RULE_LIFETIME, THROTTLE_PERIOD, covers, lookups_of, matches
from vt.lookup import Lookup


class Throttle:
    """Reads each channel once for all cards of a batch. Methods raise StoreDown, and NotPosted over a pause's notice."""

    def __init__(self, deps: WatchDeps, now: datetime) -> None:
        self._deps = deps
        self._now = now
        self._watches: dict[str, Watch] = {}
        self._ignored: dict[str, frozenset[str]] = {}
        self._thresholds: dict[str, Mapping[str, int]] = {}
        self._cards: dict[str, int] = {}
        """By channel: cards of the last period, and those that this batch may post."""

    async def watch(self, origin: Origin) -> Watch:
        """How the channel is watched. Where nobody switched it, its name decides, for NAME_RULE_LIFETIME."""
        if origin.channel not in self._watches:
            known = await self._deps.watches.channel(origin.team, origin.channel)
            if known is None or (known.is_derived and self._now - known.since > NAME_RULE_LIFETIME):
                known = await self._watch_by_name(origin)
            self._watches[origin.channel] = known
        return self._watches[origin.channel]

    async def _watch_by_name(self, origin: Origin) -> Watch:
        try:
            name = await self._deps.directory.channel_name(origin.channel)
        except Unknown:
            return Watch(Mode.OFF, "", self._now)
        mode = Mode.ALL if matches(name, self._deps.rules.channels) else Mode.OFF
        await self._deps.watches.switch(origin.team, origin.channel, mode, "")
        return Watch(mode, "", self._now)

    async def lookups(self, card: Card) -> tuple[Lookup, ...]:
        """What a card is about now, without what is ignored in its channel, by the channel's thresholds."""
        origin = card.case.request.origin
        deps = self._deps
        if origin.channel not in self._ignored:
            ignored = await deps.watches.ignored(origin.team, origin.channel)
            self._ignored[origin.channel] = frozenset(one.value for one in ignored)
            self._thresholds[origin.channel], _ = await effective_settings(
                origin, deps.channel_settings, deps.thresholds
            )
        values = self._ignored[origin.channel]
        thresholds = self._thresholds[origin.channel]
        lookups = lookups_of(card, lambda lookup: any(covers(value, lookup) for value in values))
        return tuple(one.evolve(threshold=thresholds.get(one.action.key, one.threshold)) for one in lookups)

    async def is_watching(self, origin: Origin) -> bool:
        """Whether the channel is watched now, and not paused."""
        watch = await self.watch(origin)
        return watch.mode is not Mode.OFF and not watch.is_paused(self._now)

    async def has_capacity(self, origin: Origin) -> bool:
        """Whether the channel may get one more card. Asked before a lookup; when there is none left, the channel is paused.

        The card is counted from here on, unless the mode posts only RISKY ones: most lookups post nothing there.
        """
        watch = await self.watch(origin)
        if watch.is_paused(self._now):
            return False
        if origin.channel not in self._cards:
            self._cards[origin.channel] = await self._recent_cards(origin)
        if not await self._allows(origin, self._cards[origin.channel]):
            return False
        self._cards[origin.channel] += watch.mode is not Mode.RISKY
        return True

    async def still_has_capacity(self, origin: Origin) -> bool:
        """The same, asked when a card is about to be posted: in the mode RISKY it was not counted before."""
        watch = await self.watch(origin)
        return watch.mode is not Mode.RISKY or await self._allows(origin, await self._recent_cards(origin))

    async def _recent_cards(self, origin: Origin) -> int:
        return await self._deps.cards.count_since(origin.team, origin.channel, self._now - THROTTLE_PERIOD)

    async def _allows(self, origin: Origin, cards: int) -> bool:
        most = self._deps.rules.max_cards
        if not most or cards < most:
            return True
        await self._pause(origin, most)
        return False

    async def _pause(self, origin: Origin, most: int) -> None:
        """Post nothing in the channel for a while, and say so once."""
        until = self._now + THROTTLE_PERIOD
        watch = replace(await self.watch(origin), paused_until=until)
        self._watches[origin.channel] = watch
        if await self._deps.watches.pause(origin.team, origin.channel, until):
            where = watch.person if watch.mode is Mode.DRY_RUN else origin.channel
            notice = answer.note(watch_text.paused(most, until))
            await call(self._deps.slack.chat_postMessage, channel=where, **content(notice), **POST_OPTIONS)
