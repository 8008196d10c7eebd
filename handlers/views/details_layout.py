"""Modals about an answer, leafed through: which finding, which part, which page; and how one is laid out. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    Option,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from handlers import text
from handlers.request import Verb
from handlers.text import modals
from handlers.views.rich_text import Part, bold, clean, code, rich, say
from vt.verdict import Finding

TURN = "turn"
"""What the action_ids begin with: `turn:<finding>:<part>:<page>`."""
PICK = "pick"
MOST_CHOICES = 100
OPTION_LENGTH = 75
BLOCK_CHARACTERS = 2_900
"""Of one block; Slack takes 3,000."""
VALUE_CHARACTERS = 400
PAGE_ROWS = 30
PAGE_CHARACTERS = 9_000
_PLACE = re.compile(r"([0-9]{1,3}):([a-z]*):([0-9]{1,14})")

Row = tuple[str, str]
"""A label, and a value from outside."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where someone is in a modal."""

    finding: int = 0
    part: str = ""
    page: int = 0

    def __str__(self) -> str:
        return f"{self.finding}:{self.part}:{self.page}"


def place(written: str) -> Place:
    """As it was written by str(); the beginning for anything else."""
    found = _PLACE.fullmatch(written)
    return Place(int(found[1]), found[2], int(found[3])) if found else Place()


def at(findings: Sequence[Finding], here: Place) -> tuple[Finding, Place]:
    """The finding there; the first one for a place that is not."""
    here = here if here.finding < len(findings) else Place(part=here.part)
    return findings[here.finding], here


def modal(title: str, modal_id: str, verb: Verb, blocks: Sequence[Block], *, submit: str = "") -> View:
    """A modal about an answer."""
    return View(
        type="modal",
        callback_id=verb.value,
        private_metadata=modal_id,
        title=title,
        submit=submit or None,
        close=modals.CLOSE,
        blocks=list(blocks),
    )


def sentence(title: str, modal_id: str, verb: Verb, line: str) -> View:
    """A modal that holds one sentence of ours."""
    return modal(title, modal_id, verb, [rich(say(line))])


def choices(findings: Sequence[Finding], here: Place) -> Iterator[Block]:
    """Which of several: the menu carries their places only, so that no value is too long for it."""
    if len(findings) > 1:
        options = [
            Option(text=text.cut(clean(_label(one)), OPTION_LENGTH), value=str(Place(number, here.part)))
            for number, one in enumerate(findings[:MOST_CHOICES])
        ]
        now = options[here.finding] if here.finding < len(options) else None
        yield ActionsBlock(
            elements=[StaticSelectElement(action_id=PICK, options=options, initial_option=now)]
        )


def _label(finding: Finding) -> str:
    return f"{text.ICONS[finding.state]} {text.subject(finding, OPTION_LENGTH - 4)}"


def headline(finding: Finding) -> Block:
    """What the modal is about."""
    return rich(bold(text.verdict(finding)), say("  "), code(text.subject(finding)))


def tabs(parts: Sequence[tuple[str, str]], here: Place) -> Iterator[Block]:
    """A button for each part, (name, label); the one that is shown stands out."""
    buttons = [
        ButtonElement(
            action_id=f"{TURN}:{Place(here.finding, name)}",
            text=label,
            style="primary" if name == here.part else None,
        )
        for name, label in parts
    ]
    if len(buttons) > 1:
        yield ActionsBlock(elements=buttons)


def page(rows: Sequence[Row], here: Place) -> Iterator[Block]:
    """One page of rows, and the way to the others."""
    pages = list(_pages(rows)) or [[]]
    here = here if here.page < len(pages) else replace(here, page=0)
    yield from table(pages[here.page])
    if len(pages) > 1:
        before = sum(map(len, pages[: here.page]))
        shown = modals.shown(before + 1, before + len(pages[here.page]), len(rows))
        yield ContextBlock(elements=[PlainTextObject(text=shown)])
        yield ActionsBlock(elements=list(_ways(here, len(pages))))


def _ways(here: Place, pages: int) -> Iterator[ButtonElement]:
    for label, number in ((modals.EARLIER, here.page - 1), (modals.LATER, here.page + 1)):
        if 0 <= number < pages:
            yield ButtonElement(action_id=f"{TURN}:{replace(here, page=number)}", text=label)


def _pages(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """As many rows to a page as fit."""
    now: list[Row] = []
    room = PAGE_CHARACTERS
    for row in rows:
        room -= _size(row)
        if now and (room < 0 or len(now) == PAGE_ROWS):
            yield now
            now, room = [], PAGE_CHARACTERS - _size(row)
        now.append(row)
    if now:
        yield now


def _size(row: Row) -> int:
    return len(row[0]) + min(len(row[1]), VALUE_CHARACTERS) + 3


def table(rows: Sequence[Row]) -> Iterator[Block]:
    """Rows in as few blocks as Slack takes."""
    parts: list[Part] = []
    room = BLOCK_CHARACTERS
    for label, value in rows:
        written: list[Part] = [bold(f"{label}: ")] if label else []
        # Cut before it is looked at as well: a value may be as large as a whole reply.
        shown = text.outside(clean(value[: 2 * VALUE_CHARACTERS]), VALUE_CHARACTERS)
        written.append(say(f"{shown}\n"))
        length = sum(len(part.to_dict().get("text", "")) for part in written)
        if parts and length > room:
            yield rich(*parts)
            parts, room = [], BLOCK_CHARACTERS
        parts += written
        room -= length
    if parts:
        yield rich(*parts)
