"""Reactions on messages, for channels that want no cards."""

from collections.abc import Sequence
from dataclasses import replace

from handlers.deps import Deps
from handlers.posting import NotPosted, call
from handlers.watch import Card, Mark, mark
from vt.verdict import Finding

DONE = frozenset({"already_reacted", "no_reaction", "message_not_found"})
"""Slack's words for what is as it should be, or cannot be otherwise."""


async def put(card: Card, findings: Sequence[Finding], deps: Deps) -> Card:
    """The mark that fits, in place of the one that is there; none, when there is nothing to mark. Raises NotPosted."""
    wanted = mark(findings) if findings else None
    before = card.manners.mark
    if wanted is before:
        return card
    if wanted:
        await _react(deps.slack.reactions_add, card, wanted)
    if before:
        await _react(deps.slack.reactions_remove, card, before)
    return replace(card, manners=card.manners.model_copy(update={"mark": wanted}))


async def _react(method: object, card: Card, name: Mark) -> None:
    origin = card.case.request.origin
    try:
        await call(method, channel=origin.channel, timestamp=origin.message, name=name.value)
    except NotPosted as refused:
        if str(refused) not in DONE:
            raise
