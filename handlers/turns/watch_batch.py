"""A batch: works on every card that is due in one go, so that the cards share their calls to VirusTotal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from handlers.deps import Outcome, StoreDown, WatchDeps
from handlers.posting import CannotPost
from handlers.turns import watch_cards
from handlers.turns.answers import findings
from handlers.turns.unreadable import WHY
from handlers.turns.watch_cards import with_case, with_progress
from handlers.turns.watch_throttle import Throttle
from handlers.unreadable import UnreadableCase
from handlers.watch import Card, Mode
from handlers.watch.policy import lookup_key, needs_card, verdict_changed
from vt.lookup import Lookup
from vt.quota import metered
from vt.service import Service, next_turn

MAX_CARDS = 50
"""Cards in a batch; the rest follow at once in the next one."""
RETRY_DELAYS = (5, 30, 120, 600)
"""Seconds before a card that could not be posted is tried again; after the last try it is given up."""
NEWER_DELAY = timedelta(minutes=1)
"""Until a card that a later release wrote is read again."""
NEWER_LEFT = timedelta(hours=1)
"""How long after its message it is left to the later release."""

log = structlog.get_logger()
Step = Callable[[Card], Awaitable[Card | None]]


async def run_batch(deps: WatchDeps) -> None:
    """Work on all cards that are due, and schedule the next batch. Raises StoreDown."""
    batch = _Batch(deps)
    due = await deps.cards.due(MAX_CARDS)
    for unreadable in due:
        if isinstance(unreadable, UnreadableCase):
            await batch.fail(unreadable)
    prepared = [await batch.attempt(card, batch.prepare) for card in due if isinstance(card, Card)]
    cards = await batch.look_up([card for card in prepared if card])
    channels = groupby(sorted(cards, key=_place), key=lambda card: card.case.request.origin.channel)
    # Channels at the same time, the cards of one channel in the order of their messages.
    await asyncio.gather(*(batch.show(list(group)) for _, group in channels))
    await deps.cards.schedule_batch()


def _place(card: Card) -> tuple[str, str]:
    origin = card.case.request.origin
    return origin.channel, origin.message or ""


class _Batch:
    """The steps that every card of a batch takes, and what they share: the channels' settings and the time."""

    def __init__(self, deps: WatchDeps) -> None:
        self._deps = deps
        self._now = deps.clock()
        self._throttle = Throttle(deps, self._now)

    async def fail(self, unreadable: UnreadableCase) -> None:
        """End a card that cannot be read. Nobody asked for it, so nobody is told. Raises StoreDown.

        What a later release wrote is left to its processes for an hour: one of them may be starting.
        """
        if unreadable.is_newer and self._now - unreadable.salvaged.at < NEWER_LEFT:
            await self._deps.cards.postpone(unreadable.case_id, self._now + NEWER_DELAY)
            return
        log.error("card_unreadable", case=unreadable.case_id, reason=unreadable.reason)
        await self._deps.cards.fail(unreadable.case_id, WHY)

    async def attempt(self, card: Card, step: Step) -> Card | None:
        """Take a step with a card. When it fails, the card is put off, so that the others go on. Raises StoreDown."""
        try:
            return await step(card)
        except StoreDown:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one card, the others go on
            log.warning("card_broke", case=card.case.request.id, error=type(error).__name__)
            await self._postpone(card, is_final=isinstance(error, CannotPost))
            return None

    async def _postpone(self, card: Card, *, is_final: bool) -> None:
        failures = card.progress.failures
        if is_final or failures >= len(RETRY_DELAYS):
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
        if card.wanted and not card.is_visible and not await self._throttle.is_watching(origin):
            await self._finish(card, Outcome.REFUSED)
            return None
        lookups = await self._without_duplicates(card, await self._throttle.lookups(card))
        if lookups and not card.is_visible and not await self._throttle.has_capacity(origin):
            # Released, so that the next message with the same indicators may get the card.
            await self._deps.cards.dedupe(card, ())
            await self._finish(card, Outcome.REFUSED)
            return None
        if card.overrides.prioritised:
            lookups = tuple(lookup.prioritised() for lookup in lookups)
        watch = await self._throttle.watch(origin)
        return await watch_cards.ask_poster(with_case(card, lookups=lookups), watch, self._deps)

    async def _without_duplicates(self, card: Card, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
        """The lookups without those that another card of the channel answers, unless their verdict has changed since."""
        mine = card.case.request.id
        owners = await self._deps.cards.dedupe(card, [lookup_key(one) for one in lookups])
        duplicates = {lookup_key(one): one for one in lookups if owners[lookup_key(one)] != mine}
        for known in await self._deps.automatic.cached(list(duplicates.values())):
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
        """Look everything up in the fewest calls: prioritised cards like people's own requests, the rest after them."""
        prioritised = [card for card in cards if card.overrides.prioritised]
        rest = [card for card in cards if not card.overrides.prioritised]
        return [
            *await _advance(prioritised, self._deps.service, self._deps),
            *await _advance(rest, self._deps.automatic, self._deps),
        ]

    # After the lookup ------------------------------------------------------------------------------------

    async def show(self, cards: Sequence[Card]) -> None:
        """Post or update the cards of one channel, one after the other."""
        for card in cards:
            await self.attempt(card, self._show)

    async def _show(self, card: Card) -> None:
        origin = card.case.request.origin
        watch = await self._throttle.watch(origin)
        found = findings(card.case, self._now)
        if needs_card(watch.mode, card, found):
            if card.is_visible or await self._throttle.still_has_capacity(origin):
                card = await watch_cards.show(card, watch, self._now, self._deps)
        elif card.case.ts and not found:
            card = await watch_cards.withdraw(card, self._deps)
        card = await watch_cards.react(card, found if watch.mode is Mode.REACTION else (), self._deps)
        posted = card.posted or (self._now if card.is_visible else None)
        card = with_progress(replace(card, posted=posted), failures=0)
        due = next_turn(card.case.lookups)
        await self._finish(card, Outcome.OPEN if due else Outcome.ANSWERED, due)


async def _advance(cards: Sequence[Card], service: Service, deps: WatchDeps) -> list[Card]:
    """Advance all lookups of the cards together. The calls that they share are booked on the first card."""
    lookups = tuple(lookup for card in cards for lookup in card.case.lookups)
    with metered() as spent:
        async for advanced in service.advance(lookups):
            lookups = advanced
    if spent.calls:
        await deps.store.spent(cards[0].case.request.id, spent.calls)
    remaining = iter(lookups)
    return [with_case(card, lookups=tuple(next(remaining) for _ in card.case.lookups)) for card in cards]
