"""A round: sees to every card that is due, in one go, so that what they need from VirusTotal shares its calls."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby

from slack_sdk.errors import SlackApiError

from handlers import messages
from handlers.card import Surroundings, card
from handlers.deps import Deps, Outcome
from handlers.messages import Barred, NotPosted
from handlers.rich import Message
from handlers.watch import CALM, Card, Manners, Mark, Mode, Watch, calls_for_card, mark
from vt.service import next_turn
from vt.verdict import Finding

MOST = 50
"""Cards in a round; the rest are seen to in the next one, which follows at once."""
PAUSES = (5, 30, 120, 600)
"""Seconds before Slack is asked again to take what it did not take; after them it is given up."""


async def take(deps: Deps) -> None:
    """See to what is due, and call for the next round."""
    cards = await deps.watching.due(MOST)
    ready = [one for one in [await _prepared(card, deps) for card in cards] if one]
    looked_up = await _looked_up([one for one in ready], deps)
    rooms = groupby(sorted(looked_up, key=_place), key=_place)
    await asyncio.gather(*(_shown([*room], deps) for _, room in rooms))
    await deps.watching.next_round()


def _place(card: Card) -> tuple[str, str]:
    return card.case.request.origin.channel, card.case.request.origin.message or ""


async def _prepared(card: Card, deps: Deps) -> Card | None:
    known = {(one.kind, one.value): one for one in card.case.lookups}
    lookups = tuple(known.get((one.kind, one.value), one) for one in card.wanted)
    return _with(card, lookups=lookups)


def _with(card: Card, **changes: object) -> Card:
    return replace(card, case=card.case.model_copy(update=changes))


async def _looked_up(cards: Sequence[Card], deps: Deps) -> list[Card]:
    board = tuple(lookup for card in cards for lookup in card.case.lookups)
    async for board in deps.service.advance(board):
        pass
    left = iter(board)
    return [_with(card, lookups=tuple(next(left) for _ in card.case.lookups)) for card in cards]


async def _shown(cards: Sequence[Card], deps: Deps) -> None:
    for card in cards:
        await _show(card, deps)


async def _show(card: Card, deps: Deps) -> None:
    now = deps.clock()
    found = [lookup.finding(now) for lookup in card.case.lookups]
    due = next_turn(card.case.lookups)
    outcome = Outcome.OPEN if due else Outcome.ANSWERED
    message = _card(card, found, deps)
    origin = card.case.request.origin
    told = sha256(repr(message).encode()).hexdigest()
    case = card.case
    if told != case.told:
        if case.ts:
            case = await messages.change(case, message, deps)
        else:
            case = await messages.post(case, message, origin.channel, origin.thread, deps)
    await deps.store.save(case.model_copy(update={"outcome": outcome, "told": told}))
    await deps.watching.seen_to(replace(card, case=case, posted=card.posted or now), due)


def _card(one: Card, found: Sequence[Finding], deps: Deps) -> Message:
    around = Surroundings(case=one.case.request.id, now=deps.clock(), invented=deps.invented)
    return card(found, around)
