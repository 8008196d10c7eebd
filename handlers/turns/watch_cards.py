"""The cards of watched channels: what people see of one, and what they ask of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

import structlog

from handlers import posting
from handlers.case import JUDGED, Case, Outcome, UnreadableCase
from handlers.deps import WatchDeps
from handlers.posting import end, judged, reply, without_blocking
from handlers.request import CardActionRequest, Origin, ShowCardRequest, Verb
from handlers.slack_errors import CannotPost, MissingScope, NotPosted, call, is_final
from handlers.text import about as about_text
from handlers.text import channels as channels_text
from handlers.text.language import Language, language
from handlers.turns.buttons import post_ephemeral
from handlers.views import messages
from handlers.views.messages import CardContext
from handlers.views.rich_text import Message
from handlers.watch import Card, CardOverrides, Mode, Reaction, Watch, lookup_key, urls_to_confirm
from vt.verdict import Finding, State

log = structlog.get_logger()


def place(origin: Origin) -> tuple[str, str]:
    """Where a message was posted. A channel that several workspaces share is watched by each of them in its own way."""
    return origin.team, origin.channel


def with_case(card: Card, **changes: Any) -> Card:
    """The card, with these fields of its case changed."""
    return replace(card, case=card.case.model_copy(update=changes))


def with_progress(card: Card, **changes: Any) -> Card:
    """The card, with these fields of its progress changed."""
    return replace(card, progress=card.progress.model_copy(update=changes))


def verdict_changed(before: Finding, after: Finding) -> bool:
    """Whether a verdict is another one than it was. A verdict that is missing on either side is no change."""
    return before.state in JUDGED and after.state in JUDGED and before.state is not after.state


def reaction_for(findings: Sequence[Finding]) -> Reaction:
    """The reaction that sums findings up: BAD when any is flagged, GOOD when all are clean, else OPEN."""
    states = {finding.state for finding in findings}
    if states & {State.RISKY, State.SUSPICIOUS}:
        return Reaction.BAD
    return Reaction.GOOD if states == {State.CLEAN} else Reaction.OPEN


def needs_card(mode: Mode, card: Card, findings: Sequence[Finding]) -> bool:
    """Whether there must be a card now. One that was posted is kept up to date in every mode."""
    if not findings:
        return False
    if card.case.ts or card.overrides.show_card or mode in (Mode.ALL, Mode.DRY_RUN):
        return True
    return mode is Mode.RISKY and any(finding.state is State.RISKY for finding in findings)


async def show(card: Card, watch: Watch, now: datetime, deps: WatchDeps) -> Card | None:
    """Post the card, or edit it when it says something else than before. Raises NotPosted, CannotPost.

    None: it can no longer be edited, since somebody deleted it or it is too old. A new card will answer its indicators.
    """
    message = await _message(card, watch, now, deps)
    digest = sha256(repr(message).encode("utf-8", "replace")).hexdigest()
    case = card.case
    if not case.ts:
        channel, thread = await _place(case.request.origin, watch, deps)
        case = await posting.post(case, message, deps, channel=channel, thread=thread)
    elif digest != case.told:
        try:
            case = await posting.edit(case, message, deps)
        except CannotPost as error:
            log.info("card_lost", case=case.request.id, error=str(error))
            await _start_again(card, now, deps)
            return None
    return replace(card, case=case.model_copy(update={"told": digest}))


async def _start_again(card: Card, now: datetime, deps: WatchDeps) -> None:
    """The card is lost: have its indicators answered by a new one. Raises StoreDown.

    Whoever posted one of them last gets the card in their own thread; what nobody else posted is answered here again.
    """
    await deps.cards.release(card, to_others=True)
    case = card.case.model_copy(update={"channel": None, "ts": None, "posting": None, "told": ""})
    await deps.store.save(case)
    await deps.cards.save(replace(card, case=case, posted=None), now)


async def _message(card: Card, watch: Watch, now: datetime, deps: WatchDeps) -> Message:
    origin = card.case.request.origin
    context = CardContext(
        case=card.case.request.id,
        now=now,
        duplicates=tuple(await deps.cards.duplicates(card)),
        dry_run_of=origin.channel if watch.mode is Mode.DRY_RUN else "",
        invented=deps.invented,
        instance=deps.instance,
        audience=deps.audience,
    )
    with language(await spoken(origin, watch, deps)):
        found = await judged(card.case, now)
        return await without_blocking(card.case, partial(messages.card, found, context))


async def spoken(origin: Origin, watch: Watch, deps: WatchDeps) -> Language:
    """The language of a card: of a dry run, that of whoever started it."""
    if watch.mode is Mode.DRY_RUN:
        return await deps.languages.of_person(watch.person)
    return await deps.languages.of_place(origin)


async def _place(origin: Origin, watch: Watch, deps: WatchDeps) -> tuple[str, str | None]:
    """The channel and the thread of a card; of a dry run, the direct messages of whoever started it."""
    if watch.mode is not Mode.DRY_RUN:
        return origin.channel, origin.thread
    opened = await call(deps.slack.conversations_open, users=watch.person)
    return str(opened["channel"]["id"]), None


async def withdraw(card: Card, deps: WatchDeps) -> Card:
    """Delete a card whose message no longer holds anything. Raises NotPosted."""
    with suppress(CannotPost):  # somebody else deleted it
        await call(deps.slack.chat_delete, channel=card.case.channel, ts=card.case.ts)
    return with_case(card, channel=None, ts=None, posting=None, told="")


async def react(card: Card, found: Sequence[Finding], deps: WatchDeps) -> Card:
    """Put the reaction that fits in place of the one before; without findings, remove it. Raises NotPosted."""
    wanted = reaction_for(found) if found else None
    before = card.progress.reaction
    if wanted is before:
        return card
    if wanted:
        await _change_reaction(deps.slack.reactions_add, card, wanted)
    if before:
        await _change_reaction(deps.slack.reactions_remove, card, before)
    return with_progress(card, reaction=wanted)


async def _change_reaction(method: Any, card: Card, name: Reaction) -> None:
    origin = card.case.request.origin
    try:
        await call(method, channel=origin.channel, timestamp=origin.message, name=name.value)
    except NotPosted as error:
        if not is_final(error) and not isinstance(error, MissingScope):
            raise
        # The card, if there is one, says it too: it is not lost over a reaction.
        log.info("not_reacted", case=card.case.request.id, error=str(error))


async def ask_poster(card: Card, watch: Watch, deps: WatchDeps) -> Card:
    """Ask the poster, and nobody else, whether URLs with secrets may be looked up; about each URL once.

    An ephemeral message may be lost, and a poster who left the channel cannot be asked: neither stops the card.
    Raises NotPosted when it is worth another try.
    """
    origin = card.case.request.origin
    new = [one for one in urls_to_confirm(card) if lookup_key(one) not in card.progress.asked_urls]
    is_person = origin.user.startswith(("U", "W"))
    if not new or not is_person or watch.mode is Mode.DRY_RUN:
        return card
    with language(await deps.languages.of_person(origin.user)):
        question = messages.url_question(card.case.request.id, [one.value for one in new])
    thread = None if origin.thread == origin.message else origin.thread
    where = {"channel": origin.channel, "user": origin.user, "thread_ts": thread}
    try:
        await call(deps.slack.chat_postEphemeral, **where, **question.content)
    except NotPosted as error:
        if not is_final(error) and not isinstance(error, MissingScope):
            raise
        log.info("poster_not_asked", case=card.case.request.id, error=str(error))
    return with_progress(card, asked_urls=(*card.progress.asked_urls, *map(lookup_key, new)))


# What people ask of a card -----------------------------------------------------------------------------


async def prioritise(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    """Look up what waits because of the reserve: now that somebody has asked, it counts as a person's request."""
    card = await _card_of_button(case, deps)
    if card is None:
        await _say_gone(case, deps)
        return
    await deps.cards.override(card.case.request.id, CardOverrides(prioritised=True))
    await end(case, deps)


async def show_card(case: Case[ShowCardRequest], deps: WatchDeps) -> None:
    """Show the card of the message in whose thread the bot was mentioned; where there is none, the help."""
    origin = case.request.origin
    try:
        card = await deps.cards.card_for_message(origin.team, origin.channel, origin.thread or "")
    except UnreadableCase:
        card = None
    if card is None:
        await end(await reply(case, messages.help_message(has_choice=len(deps.instances) > 1), deps), deps)
        return
    await deps.cards.override(card.case.request.id, CardOverrides(show_card=True))
    await end(case, deps)


async def answer_url_question(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    """The poster agrees that the URLs in question are looked up, or does not. For others their buttons do nothing."""
    card = await _card_of_button(case, deps)
    if card is None or card.case.request.origin.user != case.request.origin.user:
        await _say_gone(case, deps)
        return
    told = channels_text.LEFT
    if case.request.verb is Verb.ALLOW_URL:
        overrides = CardOverrides(allowed_urls=card.progress.asked_urls)
        await deps.cards.override(card.case.request.id, overrides)
        told = channels_text.ALLOWED
    await end(await reply(case, messages.note(told), deps), deps)


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
    return card if place(here) == place(there) else None


async def _say_gone(case: Case[CardActionRequest], deps: WatchDeps) -> None:
    await post_ephemeral(case, about_text.GONE, deps)
    await end(case, deps, Outcome.REFUSED)
