"""A round: sees to every card that is due, in one go, so that what they need from VirusTotal shares its calls."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError

from handlers import posting
from handlers.deps import Deps, Outcome, StoreDown
from handlers.posting import CannotPost, NotPosted, call, content, is_transient
from handlers.request import Origin
from handlers.turns.answers import findings
from handlers.views import card
from handlers.views.card import Surroundings
from handlers.views.rich_text import Message
from handlers.watch import Card, Mode, Watch, calls_for_card, changed, reactions, subject, to_ask_about
from handlers.watch.throttle import Rooms
from vt.lookup import Lookup
from vt.quota import metered
from vt.service import Service, next_turn

MOST = 50
"""Cards in a round; the rest are seen to in the next one, which follows at once."""
PAUSES = (5, 30, 120, 600)
"""Seconds before a card that could not be given is tried again; after them it is given up."""

log = structlog.get_logger()
Step = Callable[[Card], Awaitable[Card | None]]


async def take(deps: Deps) -> None:
    """See to what is due, and call for the next round. Raises StoreDown."""
    cards = await deps.watching.due(MOST)
    round_ = _Round(deps)
    ready = [one for one in [await round_.tried(card, round_.prepared) for card in cards] if one]
    found = await round_.looked_up(ready)
    rooms = groupby(sorted(found, key=_place), key=lambda card: _place(card)[0])
    await asyncio.gather(*(round_.shown(list(room)) for _, room in rooms))
    await deps.watching.next_round()


def _place(one: Card) -> tuple[str, str]:
    origin = one.case.request.origin
    return origin.channel, origin.message or ""


def _with(one: Card, **changes: Any) -> Card:
    """With another progress of its case."""
    return replace(one, case=one.case.model_copy(update=changes))


class _Round:
    """What is found out once for all cards of a round, and what is done for each."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._now = deps.clock()
        self._rooms = Rooms(deps, self._now)

    async def tried(self, one: Card, step: Step) -> Card | None:
        """What a step makes of a card. One that breaks must not stand in the way of the others."""
        try:
            return await step(one)
        except StoreDown:
            raise
        except Exception as error:  # noqa: BLE001 - whatever breaks one card, the others go on
            log.warning("card_broke", case=one.case.request.id, error=type(error).__name__)
            await self._put_off(one, final=isinstance(error, CannotPost))
            return None

    async def _put_off(self, one: Card, *, final: bool) -> None:
        failures = one.manners.failures
        if final or failures >= len(PAUSES):
            await self._end(one, Outcome.FAILED)
            return
        later = one.manners.model_copy(update={"failures": failures + 1})
        due = self._now + timedelta(seconds=PAUSES[failures])
        await self._deps.watching.seen_to(replace(one, manners=later), due)

    async def _end(self, one: Card, outcome: Outcome, due: datetime | None = None) -> None:
        case = one.case.model_copy(update={"outcome": outcome})
        await self._deps.store.save(case)
        await self._deps.watching.seen_to(replace(one, case=case), due)

    # What it is about ------------------------------------------------------------------------------------

    async def prepared(self, one: Card) -> Card | None:
        """A card with what is to be looked up for it; None when there is to be none."""
        origin = one.case.request.origin
        if one.wanted and not _stands(one) and not await self._rooms.listens(origin):
            await self._end(one, Outcome.REFUSED)
            return None
        lookups = await self._own(one, await self._rooms.wanted(one))
        if lookups and not _stands(one) and not await self._rooms.welcome(origin):
            await self._deps.watching.claim(one, ())  # whoever posts it next may be answered
            await self._end(one, Outcome.REFUSED)
            return None
        if one.wishes.hurried:
            lookups = tuple(lookup.hurried() for lookup in lookups)
        return await self._asked(_with(one, lookups=lookups))

    async def _own(self, one: Card, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
        """Without what another card of the channel answers for, unless the answer would be another one now."""
        mine = one.case.request.id
        owners = await self._deps.watching.claim(one, [subject(lookup) for lookup in lookups])
        others = [lookup for lookup in lookups if owners[subject(lookup)] != mine]
        for known in await self._deps.automatic.recall(others):
            if await self._differs(known, owners[subject(known)]):
                await self._deps.watching.take_over(one, subject(known))
                others = [lookup for lookup in others if subject(lookup) != subject(known)]
        return tuple(lookup for lookup in lookups if lookup not in others)

    async def _differs(self, known: Lookup, owner: str) -> bool:
        case = await self._deps.store.case(owner)
        before = [lookup for lookup in (case.lookups if case else ()) if subject(lookup) == subject(known)]
        now = self._now
        return any(changed(lookup.finding(now), known.finding(now)) for lookup in before)

    async def _asked(self, one: Card) -> Card:
        """Its poster was asked about URLs with secrets, once, and nobody else saw it."""
        origin = one.case.request.origin
        new = [lookup for lookup in to_ask_about(one) if subject(lookup) not in one.manners.asked]
        if (
            not new
            or not origin.user.startswith(("U", "W"))
            or (await self._rooms.watch(origin)).mode is Mode.DRY_RUN
        ):
            return one
        question = card.question(one.case.request.id, [lookup.value for lookup in new])
        thread = None if origin.thread == origin.message else origin.thread
        where = {"channel": origin.channel, "user": origin.user, "thread_ts": thread}
        try:
            await call(self._deps.slack.chat_postEphemeral, **where, **content(question))
        except NotPosted as refused:
            if not isinstance(refused.__cause__, SlackApiError) or is_transient(refused.__cause__):
                raise
            log.info("poster_not_asked", case=one.case.request.id, error=str(refused))
        asked = (*one.manners.asked, *(subject(lookup) for lookup in new))
        return replace(one, manners=one.manners.model_copy(update={"asked": asked}))

    # What VirusTotal says --------------------------------------------------------------------------------

    async def looked_up(self, cards: Sequence[Card]) -> list[Card]:
        """All that can be known now, in the fewest calls: the hurried ones as people's own, the rest behind them."""
        hurried = [one for one in cards if one.wishes.hurried]
        rest = [one for one in cards if not one.wishes.hurried]
        deps = self._deps
        return [*await _advanced(hurried, deps.service, deps), *await _advanced(rest, deps.automatic, deps)]

    # What is shown ---------------------------------------------------------------------------------------

    async def shown(self, cards: Sequence[Card]) -> None:
        """The cards of one channel, one after the other."""
        for one in cards:
            await self.tried(one, self._show)

    async def _show(self, one: Card) -> None:
        origin = one.case.request.origin
        watch = await self._rooms.watch(origin)
        found = findings(one.case, self._now)
        if calls_for_card(watch.mode, one, found):
            one = (
                await self._carded(one, watch)
                if _stands(one) or await self._rooms.still_welcome(origin)
                else one
            )
        elif one.case.ts and not found:
            one = await self._withdrawn(one)
        one = await reactions.put(one, found if watch.mode is Mode.REACTION else (), self._deps)
        one = replace(
            one,
            posted=one.posted or (self._now if _stands(one) else None),
            manners=one.manners.model_copy(update={"failures": 0}),
        )
        due = next_turn(one.case.lookups)
        await self._end(one, Outcome.OPEN if due else Outcome.ANSWERED, due)

    async def _carded(self, one: Card, watch: Watch) -> Card:
        message = await self._card(one, watch)
        told = sha256(repr(message).encode("utf-8", "replace")).hexdigest()
        if one.case.ts:
            case = one.case if told == one.case.told else await posting.edit(one.case, message, self._deps)
        else:
            channel, thread = await self._where(one.case.request.origin, watch)
            case = await posting.post(one.case, message, self._deps, channel=channel, thread=thread)
        return replace(one, case=case.model_copy(update={"told": told}))

    async def _where(self, origin: Origin, watch: Watch) -> tuple[str, str | None]:
        if watch.mode is not Mode.DRY_RUN:
            return origin.channel, origin.thread
        opened = await call(self._deps.slack.conversations_open, users=watch.person)
        return str(opened["channel"]["id"]), None

    async def _card(self, one: Card, watch: Watch) -> Message:
        origin = one.case.request.origin
        around = Surroundings(
            case=one.case.request.id,
            now=self._now,
            repeats=tuple(await self._deps.watching.repeats(one)),
            instead_of=origin.channel if watch.mode is Mode.DRY_RUN else "",
            invented=self._deps.invented,
        )
        return card.card(findings(one.case, self._now), around)

    async def _withdrawn(self, one: Card) -> Card:
        with suppress(CannotPost):  # somebody else deleted it
            await call(self._deps.slack.chat_delete, channel=one.case.channel, ts=one.case.ts)
        return _with(one, channel=None, ts=None, posting=None, told="")


def _stands(one: Card) -> bool:
    """Something is there to be seen already."""
    return bool(one.case.ts or one.case.posting or one.manners.mark)


async def _advanced(cards: Sequence[Card], service: Service, deps: Deps) -> list[Card]:
    """What several cards share a call for is booked on the first of them."""
    board = tuple(lookup for one in cards for lookup in one.case.lookups)
    with metered() as spent:
        async for known in service.advance(board):
            board = known
    if spent.calls:
        await deps.store.spent(cards[0].case.request.id, spent.calls)
    left = iter(board)
    return [_with(one, lookups=tuple(next(left) for _ in one.case.lookups)) for one in cards]
