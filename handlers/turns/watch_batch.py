"""A batch: works on every card that is due in one go, so that the cards share their calls to VirusTotal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from handlers.admission import effective_settings
from handlers.case import UNREADABLE, Outcome, StoreDown, UnreadableCase
from handlers.deps import WatchDeps
from handlers.instances import DEFAULT, for_watch, with_instance
from handlers.people import InstanceRefused
from handlers.posting import POST_OPTIONS, judged
from handlers.request import Origin
from handlers.slack_errors import NO_USE, NotPosted, TokenRefused, Unknown, call
from handlers.text import channels as channels_text
from handlers.text.language import language
from handlers.turns import watch_cards
from handlers.turns.watch_cards import needs_card, place, verdict_changed, with_case, with_progress
from handlers.views import messages
from handlers.watch import (
    NAME_RULE_LIFETIME,
    THROTTLE_PERIOD,
    Card,
    Mode,
    Watch,
    covers,
    lookup_key,
    lookups_of,
    matches,
)
from vt.evidence import Thresholds
from vt.fair_queue import Priority
from vt.lookup import Lookup
from vt.polling import ANALYSIS
from vt.quota import asking
from vt.service import Lookups, Service, next_turn
from vt.steps import brought_forward


class Throttle:
    """Reads each channel once for all cards of a batch. Methods raise StoreDown, and NotPosted over a pause's notice."""

    def __init__(self, deps: WatchDeps, now: datetime) -> None:
        self._deps = deps
        self._now = now
        self._watches: dict[tuple[str, str], Watch] = {}
        self._ignored: dict[tuple[str, str], frozenset[str]] = {}
        self._thresholds: dict[tuple[str, str], Thresholds] = {}
        self._cards: dict[tuple[str, str], int] = {}
        """By channel: cards of the last period, and those that this batch may post."""

    async def watch(self, origin: Origin) -> Watch:
        """How the channel is watched. Where nobody switched it, its name decides, for NAME_RULE_LIFETIME."""
        if place(origin) not in self._watches:
            known = await self._deps.watches.channel(origin.team, origin.channel)
            if known is None or (known.is_derived and self._now - known.since > NAME_RULE_LIFETIME):
                known = await self._watch_by_name(origin)
            self._watches[place(origin)] = known
        return self._watches[place(origin)]

    async def _watch_by_name(self, origin: Origin) -> Watch:
        try:
            name = await (await self._deps.for_team(origin.team)).directory.channel_name(origin.channel)
        except Unknown as unknown:
            if unknown.is_transient or unknown.scope:
                raise NotPosted(unknown.code) from None
            return Watch(Mode.OFF, "", self._now)
        mode = Mode.ALL if matches(name, self._deps.rules.channels) else Mode.OFF
        await self._deps.watches.switch(origin.team, origin.channel, mode, "")
        return Watch(mode, "", self._now)

    async def lookups(self, card: Card) -> tuple[Lookup, ...]:
        """What a card is about now, without what is ignored in its channel, by the channel's thresholds."""
        origin = card.case.request.origin
        if place(origin) not in self._ignored:
            ignored = await self._deps.watches.ignored(origin.team, origin.channel)
            self._ignored[place(origin)] = frozenset(one.value for one in ignored)
            self._thresholds[place(origin)], _ = await effective_settings(
                origin, self._deps.channel_settings, self._deps.thresholds
            )
        values = self._ignored[place(origin)]
        lookups = lookups_of(card, lambda lookup: any(covers(value, lookup) for value in values))
        thresholds = self._thresholds[place(origin)]
        return tuple(
            one.evolve(threshold=thresholds.of(one.action), criteria=thresholds.hosts) for one in lookups
        )

    async def has_capacity(self, origin: Origin) -> bool:
        """Whether the channel may get one more card. Asked before a lookup; when there is none left, the channel is paused.

        The card is counted from here on, unless the mode posts only RISKY ones: most lookups post nothing there.
        """
        watch = await self.watch(origin)
        if watch.is_paused(self._now):
            return False
        if place(origin) not in self._cards:
            self._cards[place(origin)] = await self._recent_cards(origin)
        if not await self._allows(origin, self._cards[place(origin)]):
            return False
        self._cards[place(origin)] += watch.mode is not Mode.RISKY
        return True

    async def still_has_capacity(self, origin: Origin) -> bool:
        """The same, asked when a card is about to be posted: in the mode RISKY it was not counted before."""
        watch = await self.watch(origin)
        return watch.mode is not Mode.RISKY or await self._allows(origin, await self._recent_cards(origin))

    async def _recent_cards(self, origin: Origin) -> int:
        return await self._deps.cards.count_since(origin.team, origin.channel, self._now - THROTTLE_PERIOD)

    async def _allows(self, origin: Origin, cards: int) -> bool:
        """Whether a channel with so many cards may get one more. If not, it is paused, and told so once."""
        most = self._deps.rules.max_cards
        if not most or cards < most:
            return True
        until = self._now + THROTTLE_PERIOD
        watch = replace(await self.watch(origin), paused_until=until)
        self._watches[place(origin)] = watch
        if await self._deps.watches.pause(origin.team, origin.channel, until):
            here = await self._deps.for_team(origin.team)
            where = watch.person if watch.mode is Mode.DRY_RUN else origin.channel
            with language(await watch_cards.spoken(origin, watch, here)):
                notice = messages.note(channels_text.paused(most, until))
            await call(here.slack.chat_postMessage, channel=where, **notice.content, **POST_OPTIONS)
        return False


# The batch ---------------------------------------------------------------------------------------------

MAX_CARDS = 50  # in a batch; the rest follow at once in the next one
RETRY_DELAYS = (5, 30, 120, 600)
"""Seconds before a card that could not be posted is tried again; after the last try it is given up."""
NEWER_DELAY = timedelta(minutes=1)
"""Until a card that a later release wrote is read again."""
NEWER_LEFT = timedelta(hours=1)
"""How long after its message it is left to the later release."""

log = structlog.get_logger()


async def run_batch(deps: WatchDeps) -> None:
    """Work on all cards that are due, and schedule the next batch. Raises StoreDown, TokenRefused."""
    if deps.token_refused():
        raise TokenRefused  # before calls to VirusTotal are spent on cards that cannot be posted
    batch = _Batch(deps)
    due = await deps.cards.due(MAX_CARDS)
    for unreadable in due:
        if isinstance(unreadable, UnreadableCase):
            await batch.fail(unreadable)
    prepared = [await batch.attempt(card, batch.prepare) for card in due if isinstance(card, Card)]
    cards = await batch.look_up([card for card in prepared if card])
    cards.sort(key=lambda card: (*place(card.case.request.origin), card.case.request.origin.message or ""))
    channels = groupby(cards, key=lambda card: place(card.case.request.origin))
    # Channels at the same time, the cards of one channel in the order of their messages.
    await asyncio.gather(*(batch.show(list(group)) for _, group in channels))
    await deps.cards.schedule_batch()


class _Batch:
    """The steps that every card of a batch takes, and what they share: the channels' settings and the time."""

    def __init__(self, deps: WatchDeps) -> None:
        self._deps, self._now = deps, deps.clock()
        self._throttle = Throttle(deps, self._now)

    async def fail(self, unreadable: UnreadableCase) -> None:
        """End a card that cannot be read; one that a later release wrote is left to that for an hour. Raises StoreDown."""
        if unreadable.is_newer and self._now - unreadable.salvaged.request.at < NEWER_LEFT:
            await self._deps.cards.postpone(unreadable.case_id, self._now + NEWER_DELAY)
            return
        log.error("card_unreadable", case=unreadable.case_id, reason=unreadable.reason)
        await self._deps.cards.fail(unreadable.case_id, UNREADABLE)

    async def attempt(self, card: Card, step: Callable[[Card], Awaitable[Card | None]]) -> Card | None:
        """Take a step with a card. When it fails, the card is put off, so that the others go on. Raises StoreDown."""
        try:
            return await step(card)
        except StoreDown:
            raise
        except TokenRefused:
            await self._deps.cards.save(card, self._now + timedelta(seconds=RETRY_DELAYS[0]))
            return None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one card, the others go on
            log.warning("card_broke", case=card.case.request.id, error=type(error).__name__)
            await self._postpone(card, is_final=isinstance(error, NO_USE))
            return None

    async def _postpone(self, card: Card, *, is_final: bool) -> None:
        failures = card.progress.failures
        if is_final or failures >= len(RETRY_DELAYS):
            # The next message with these indicators gets a card. Where nothing can be posted for good, they are not handed to
            # other cards of the channel: those would fail as well, and hand them back.
            await self._deps.cards.release(card, to_others=not is_final)
            await self._finish(card, Outcome.FAILED)
            return
        due = self._now + timedelta(seconds=RETRY_DELAYS[failures])
        await self._deps.cards.save(with_progress(card, failures=failures + 1), due)

    async def _finish(self, card: Card, outcome: Outcome, due: datetime | None = None) -> None:
        case = card.case.model_copy(update={"outcome": outcome})
        await self._deps.store.save(case)
        await self._deps.cards.save(replace(card, case=case), due)

    # Before the lookup -----------------------------------------------------------------------------------

    async def prepare(self, card: Card) -> Card | None:
        """The card with what must be looked up for it; None when there will be no card."""
        origin = card.case.request.origin
        here = await self._deps.for_team(origin.team)
        watch = await self._throttle.watch(origin)
        is_unwatched = watch.mode is Mode.OFF or watch.is_paused(self._now)
        is_unwanted = card.wanted and not card.is_visible and is_unwatched
        chosen = None if is_unwanted else await _choose_instance(card, here)
        if chosen is None:
            await self._finish(card, Outcome.REFUSED)
            return None
        card = chosen
        lookups = await self._without_duplicates(card, await self._throttle.lookups(card))
        if lookups and not card.is_visible and not await self._throttle.has_capacity(origin):
            # Released, so that the next message with the same indicators may get the card.
            await self._deps.cards.dedupe(card, ())
            await self._finish(card, Outcome.REFUSED)
            return None
        if card.overrides.prioritised:
            lookups = tuple(lookup.prioritised() for lookup in lookups)
        card = with_case(card, lookups=_resumed(lookups, self._now))
        return await watch_cards.ask_poster(card, await self._throttle.watch(origin), here)

    async def _without_duplicates(self, card: Card, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
        """The lookups without those that another card of the channel answers, unless their verdict has changed since."""
        mine = card.case.request.id
        owners = await self._deps.cards.dedupe(card, [lookup_key(one) for one in lookups])
        duplicates = {lookup_key(one): one for one in lookups if owners[lookup_key(one)] != mine}
        deps = with_instance(self._deps, card.case.instance)
        for known in await deps.automatic.cached(list(duplicates.values())):
            key = lookup_key(known)
            if await self._verdict_changed(known, owners[key]):
                await self._deps.cards.take_over(card, key)
                del duplicates[key]
        return tuple(lookup for lookup in lookups if lookup_key(lookup) not in duplicates)

    async def _verdict_changed(self, known: Lookup, owner: str) -> bool:
        """Whether the card of the case `owner` says something else than is known now."""
        try:
            case = await self._deps.store.case(owner)
        except UnreadableCase:
            return False
        key = lookup_key(known)
        now = self._now
        before = [lookup for lookup in (case.lookups if case else ()) if lookup_key(lookup) == key]
        return any(verdict_changed(lookup.finding(now), known.finding(now)) for lookup in before)

    # The lookup ------------------------------------------------------------------------------------------

    async def look_up(self, cards: Sequence[Card]) -> list[Card]:
        """Look everything up in the fewest calls; no instance of VirusTotal waits for another."""
        by_instance: dict[str, list[Card]] = {}
        for card in cards:
            by_instance.setdefault(card.case.instance, []).append(card)
        each = (self._look_up(some, with_instance(self._deps, name)) for name, some in by_instance.items())
        return [card for some in await asyncio.gather(*each) for card in some]

    async def _look_up(self, cards: Sequence[Card], deps: WatchDeps) -> list[Card]:
        """Prioritised cards like people's own requests, the rest after them."""
        first = [card for card in cards if card.overrides.prioritised]
        rest = [card for card in cards if not card.overrides.prioritised]
        looked_up = await _advance(first, deps.service, deps, Priority.PERSON)
        return looked_up + await _advance(rest, deps.automatic, deps, Priority.AUTOMATIC)

    # After the lookup ------------------------------------------------------------------------------------

    async def show(self, cards: Sequence[Card]) -> None:
        """Post or update the cards of one channel, one after the other."""
        for card in cards:
            await self.attempt(card, self._show)

    async def _show(self, card: Card) -> None:
        origin = card.case.request.origin
        here = with_instance(await self._deps.for_team(origin.team), card.case.instance)
        watch = await self._throttle.watch(origin)
        found = await judged(card.case, self._now)
        if needs_card(watch.mode, card, found):
            if card.is_visible or await self._throttle.still_has_capacity(origin):
                shown = await watch_cards.show(card, watch, self._now, here)
                if shown is None:
                    return
                card = shown
        elif card.case.ts and not found:
            card = await watch_cards.withdraw(card, here)
        card = await watch_cards.react(card, found if watch.mode is Mode.REACTION else (), here)
        posted = card.posted or (self._now if card.is_visible else None)
        card = with_progress(replace(card, posted=posted), failures=0)
        due = next_turn(card.case.lookups)
        await here.automatic.await_batch(card.case.request.id, card.case.lookups)
        await self._finish(card, Outcome.OPEN if due else Outcome.DONE, due)


# One card, and several ---------------------------------------------------------------------------------


def _resumed(lookups: Lookups, now: datetime) -> Lookups:
    """What is looked up now: a card may be worked on early, because VirusTotal answers again or a clock was put right.

    The poll of an analysis keeps its time, unless that is later than it can be: cards are also worked on because somebody
    posts the same again, and each poll costs a call.
    """
    polls = [one.not_before for one in lookups if not one.settled and one.not_before and not one.error]
    is_early = all(at - now > timedelta(seconds=max(ANALYSIS.seconds)) for at in polls)
    return brought_forward(lookups, now) if is_early else lookups


async def _advance(cards: Sequence[Card], service: Service, deps: WatchDeps, rank: Priority) -> list[Card]:
    """Advance all lookups of the cards together: they wait for the quota as one, and the first card is charged for all."""
    lookups = tuple(lookup for card in cards for lookup in card.case.lookups)
    with asking("watch", "watch", rank) as spent:
        async for advanced in service.advance(lookups):
            lookups = advanced
    if spent.calls:
        await deps.store.spent(cards[0].case.request.id, spent.calls)
    remaining = iter(lookups)
    return [with_case(card, lookups=tuple(next(remaining) for _ in card.case.lookups)) for card in cards]


async def _choose_instance(card: Card, deps: WatchDeps) -> Card | None:
    """The card with the instance of VirusTotal that its channel uses; None if there is none that it may use there.

    Nobody asked for the card, so only the operator is told, in the log. Raises StoreDown.
    """
    name = card.case.instance
    if not deps.instances and not name:
        return card
    try:
        # What was begun before there were instances goes on with VT_API_KEY's.
        name = name or (DEFAULT if card.case.lookups else await for_watch(card.case.request.origin, deps))
        with_instance(deps, name)
    except InstanceRefused as refused:
        why = type(refused).__name__
        log.warning("card_without_instance", case=card.case.request.id, instance=refused.name, why=why)
        return None
    return with_case(card, instance=name)
