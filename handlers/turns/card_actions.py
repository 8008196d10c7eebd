"""What people ask of a card: to look it up now, to show it, or to look up a URL with a secret."""

from handlers.deps import Case, Outcome, WatchDeps
from handlers.posting import post_ephemeral, reply
from handlers.request import CardActionRequest, ShowCardRequest
from handlers.text import watch
from handlers.turns.answers import end
from handlers.unreadable import UnreadableCase
from handlers.views import answer
from handlers.watch import Card, CardOverrides


async def prioritise(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    """Look up what waits because of the reserve: now that somebody has asked, it counts as a person's request."""
    card = await _card_of_button(case, deps)
    if card is None:
        await _say_gone(case, deps)
        return
    await deps.cards.override(card.case.request.id, CardOverrides(prioritised=True))
    await end(case, deps)


async def show(case: Case[ShowCardRequest], deps: WatchDeps) -> None:
    """Show the card of the message in whose thread the bot was mentioned; where there is none, the help."""
    origin = case.request.origin
    try:
        card = await deps.cards.card_for_message(origin.team, origin.channel, origin.thread or "")
    except UnreadableCase:
        card = None
    if card is None:
        await end(await reply(case, answer.help_message(), deps), deps)
        return
    await deps.cards.override(card.case.request.id, CardOverrides(show_card=True))
    await end(case, deps)


async def allow(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    """The poster agrees that the URLs in question are looked up."""
    card = await _card_of_poster(case, deps)
    if card:
        overrides = CardOverrides(allowed_urls=card.progress.asked_urls)
        await deps.cards.override(card.case.request.id, overrides)
        await end(await reply(case, answer.note(watch.ALLOWED), deps), deps)


async def leave(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    """The poster does not agree; nothing is looked up."""
    if await _card_of_poster(case, deps):
        await end(await reply(case, answer.note(watch.LEFT), deps), deps)


async def _card_of_poster(case: Case[CardActionRequest], deps: WatchDeps) -> Card | None:
    """The card that the button is about, if whoever pressed it posted the message; else they are told that it is gone."""
    card = await _card_of_button(case, deps)
    if card is None or card.case.request.origin.user != case.request.origin.user:
        await _say_gone(case, deps)
        return None
    return card


async def _card_of_button(case: Case[CardActionRequest], deps: WatchDeps) -> Card | None:
    """The card that the button is about, if it was pressed in the card's own channel."""
    try:
        card = await deps.cards.card(case.request.about)
    except UnreadableCase:
        return None
    if card is None:
        return None
    here = case.request.origin
    there = card.case.request.origin
    return card if (here.team, here.channel) == (there.team, there.channel) else None


async def _say_gone(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    await post_ephemeral(case, watch.GONE, deps)
    await end(case, deps, Outcome.REFUSED)
