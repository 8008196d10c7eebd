"""What VirusTotal's community wrote about something, a page of at most 25 at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ContextBlock, PlainTextObject
from slack_sdk.models.views import View

from handlers import text
from handlers.deps import Deps
from handlers.request import Verb
from handlers.text import modals
from handlers.views import details_layout
from handlers.views.answer_layout import commented
from handlers.views.details_layout import Place
from vt.models import Comment, Comments, read
from vt.verdict import Finding

KEPT = timedelta(minutes=10)
"""For so long a page is not asked for again, however often it is opened."""
FULL = 25
"""Comments of a page that may have another behind it."""


async def asked(finding: Finding, before: str, deps: Deps) -> Comments | None:
    """A page, from the bot's memory or for one call; None for what VirusTotal keeps none on. Raises a VTError."""
    if not commented(finding) or finding.indicator is None:
        return None
    resource = finding.indicator.value
    key = f"comments:{resource}:{before}"
    kept = await deps.replies.get([key], deps.clock() - KEPT)
    if key not in kept:
        kept = {key: await deps.service.client.comments(resource, before)}
        await deps.replies.put(kept, deps.clock())
    return read(Comments, kept[key])


def comments(findings: Sequence[Finding], modal_id: str, here: Place, said: Comments | str | None) -> View:
    """The modal with one page, or with the sentence that says why there is none."""
    finding, here = details_layout.at(findings, here)
    body = details_layout.table([("", said)]) if isinstance(said, str) else _page(said, here)
    blocks = [*details_layout.choices(findings, here), details_layout.headline(finding), *body]
    return details_layout.modal(modals.COMMENTS, modal_id, Verb.COMMENTS, blocks)


def _page(said: Comments | None, here: Place) -> Iterator[Block]:
    if said is None:
        yield from details_layout.table([("", modals.NO_COMMENTS_HERE)])
        return
    rows = [(text.day(one.date) if one.date else "?", one.comment) for one in said.comments]
    yield from details_layout.table(rows or [("", modals.NO_COMMENTS)])
    yield ContextBlock(elements=[PlainTextObject(text=modals.COMMENTS_COST)])
    if older := _older(said.comments):
        older_ones = replace(here, page=int(older))
        yield ActionsBlock(
            elements=[ButtonElement(action_id=f"{details_layout.TURN}:{older_ones}", text=modals.OLDER)]
        )


def _older(said: Sequence[Comment]) -> str:
    """What asks VirusTotal for the page behind this one; "" when this one is the last."""
    dates = [one.date for one in said if one.date]
    return f"{min(dates):%Y%m%d%H%M%S}" if len(said) >= FULL and dates else ""
