"""The layout of the modals about an answer: choosing a finding, a part and a page, and rows in blocks. Pure."""

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
from handlers.text.language import Line, pieces
from handlers.views.rich_text import Part, bold, clean, length, rich, say, tell
from vt.results import worst_first
from vt.verdict import Finding

PICTURE = "picture"
"""The beginning of the action_id of the button that draws what is on record: `picture:<finding>:<part>:<page>`."""
TURN = "turn"
"""The beginning of the action_id of buttons that show another page: `turn:<finding>:<part>:<page>`."""
PICK = "pick"
"""The action_id of the menu that chooses a finding."""
MAX_OPTIONS = 100
OPTION_CHARACTERS = 75
BLOCK_CHARACTERS = 2_900
"""Of one block; Slack takes 3,000."""
VALUE_CHARACTERS = 400
PAGE_ROWS = 30
PAGE_CHARACTERS = 9_000
_POSITION = re.compile(r"([0-9]{1,3}):([a-z]*):([0-9]{1,14})")

Row = tuple[str, str]
"""A label, and a value from outside."""


WORST = -1
"""In place of the index of a finding: the first of the worst ones, on which a modal opens."""


@dataclass(frozen=True, slots=True)
class Position:
    """Which finding, part and page of a modal is shown."""

    finding: int = 0
    """Its index, or WORST."""
    part: str = ""
    page: int = 0

    def __str__(self) -> str:
        return f"{self.finding}:{self.part}:{self.page}"


def parse_position(written: str) -> Position:
    """A position from what str() made of it. Anything else, which someone may have sent, is where a modal opens."""
    found = _POSITION.fullmatch(written)
    return Position(int(found[1]), found[2], int(found[3])) if found else Position(WORST)


def select(findings: Sequence[Finding], position: Position) -> tuple[Finding, Position]:
    """The finding at a position, and the position; the first finding when there is none at it."""
    if position.finding == WORST:
        position = replace(position, finding=findings.index(worst_first(findings)[0]))
    if position.finding >= len(findings):
        position = Position(part=position.part)
    return findings[position.finding], position


def modal(title: str, modal_id: str, verb: Verb, blocks: Sequence[Block], *, submit: str = "") -> View:
    """A modal about an answer; with a button to submit it when `submit` names one."""
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
    return modal(title, modal_id, verb, [rich(*tell(line))])


def finding_menu(findings: Sequence[Finding], position: Position) -> Iterator[Block]:
    """The menu to choose one of several findings. Its values are positions: an indicator could be too long for one."""
    if len(findings) > 1:
        options = [
            Option(
                text=text.cut(clean(_label(one)), OPTION_CHARACTERS),
                value=str(Position(number, position.part)),
            )
            for number, one in enumerate(findings[:MAX_OPTIONS])
        ]
        chosen = options[position.finding] if position.finding < len(options) else None
        menu = StaticSelectElement(action_id=PICK, options=options, initial_option=chosen)
        yield ActionsBlock(elements=[menu])


def _label(finding: Finding) -> str:
    return f"{text.ICONS[finding.state]} {text.subject(finding, OPTION_CHARACTERS - 4)}"


def tabs(parts: Sequence[tuple[str, str]], position: Position) -> Iterator[Block]:
    """A button for each part, given as (name, label), of which the one that is shown stands out; and one for the picture."""
    parts = parts if len(parts) > 1 else ()
    buttons = [
        ButtonElement(
            action_id=f"{TURN}:{Position(position.finding, name)}",
            text=label,
            style="primary" if name == position.part else None,
        )
        for name, label in parts
    ]
    picture = ButtonElement(action_id=f"{PICTURE}:{position}", text=modals.PICTURE)
    yield ActionsBlock(elements=[*buttons, picture])


def page(rows: Sequence[Row], position: Position) -> Iterator[Block]:
    """One page of rows, and the buttons to the pages before and after it."""
    pages = list(_pages(rows)) or [[]]
    if position.page >= len(pages):
        position = replace(position, page=0)
    number = position.page
    yield from table(pages[number])
    if len(pages) > 1:
        before = sum(map(len, pages[:number]))
        shown = modals.shown(before + 1, before + len(pages[number]), len(rows))
        yield ContextBlock(elements=[PlainTextObject(text=shown)])
        others = ((modals.EARLIER, number - 1), (modals.LATER, number + 1))
        yield ActionsBlock(
            elements=[
                ButtonElement(action_id=f"{TURN}:{replace(position, page=other)}", text=label)
                for label, other in others
                if 0 <= other < len(pages)
            ]
        )


def _pages(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows divided into pages of at most PAGE_ROWS and PAGE_CHARACTERS."""
    current: list[Row] = []
    left = PAGE_CHARACTERS
    for label, value in rows:
        size = len(label) + min(len(value), VALUE_CHARACTERS) + 3
        left -= size
        if current and (left < 0 or len(current) == PAGE_ROWS):
            yield current
            current = []
            left = PAGE_CHARACTERS - size
        current.append((label, value))
    if current:
        yield current


def _harmless(value: str) -> str:
    """A value from outside; the moments in it are ours and stay."""
    if isinstance(value, Line):
        return Line(*(_harmless(one) if isinstance(one, str) else one for one in pieces(value)))
    # Cut before it is cleaned as well: a value may be as large as a whole reply of VirusTotal's.
    return text.outside(clean(value[: 2 * VALUE_CHARACTERS]), VALUE_CHARACTERS)


def table(rows: Sequence[Row]) -> Iterator[Block]:
    """Rows in as few blocks as Slack's limit on a block's text allows."""
    parts: list[Part] = []
    left = BLOCK_CHARACTERS
    for label, value in rows:
        row: list[Part] = []
        if isinstance(label, Line):
            row += [*tell(label), say(": ")]
        elif label:
            row.append(bold(f"{label}: "))
        row += [*tell(_harmless(value)), say("\n")]
        characters = sum(map(length, row))
        if parts and characters > left:
            yield rich(*parts)
            parts = []
            left = BLOCK_CHARACTERS
        parts += row
        left -= characters
    if parts:
        yield rich(*parts)
