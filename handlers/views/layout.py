"""Layout of what is longer than a card: the table of several findings, and the menus, pages and rows of modals. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    Option,
    PlainTextObject,
    StaticSelectElement,
    TableBlock,
)
from slack_sdk.models.views import View

from handlers.case import Records
from handlers.request import Verb
from handlers.text import findings as findings_text
from handlers.text import modals
from handlers.text.findings import ICONS, STATES
from handlers.text.format import EVERYBODY, Audience, cut, day, outside, vendor
from handlers.text.language import Line, enumerated, join, line, pieces
from handlers.views.rich_text import TABLE_ROWS, Part, bold, cell, clean, code, length, rich, say, tell
from vt.indicators import Kind
from vt.results import names, place, worst_first
from vt.verdict import Finding, State
from vt.verdict import tally as count_states

MESSAGE_CHARACTERS = 12_000
"""In all blocks of a message. Slack refuses a message from about 13,200 on (undocumented, measured; bolt-js#2509)."""
LIST_CHARACTERS = 7_500
"""Of the table of several findings; the rest of the message is for the worst of them."""
ROW_CHARACTERS = 260
SUBJECT_CHARACTERS = 96
ALSO_CHARACTERS = 18
"""Of other hashes of the same file: enough to know them by."""
IN_SHORT = 3
"""The worst findings of a table that are shown in short form below it."""
MOST_BESIDE = 3
"""Facts in that form."""
DETAILED = (State.RISKY, State.SUSPICIOUS)
"""States whose findings may be shown below a table."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads an answer, when, and what is on record for them."""

    now: datetime
    audience: Audience = EVERYBODY
    records: Records = field(default_factory=dict)
    in_modal: bool = False
    """It is read at leisure: nothing is left out for its height."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding that is shown, and other hashes of the same file that were asked for."""

    finding: Finding
    also: tuple[Finding, ...] = ()


# The table of several findings --------------------------------------------------------------------------


def several(shown: Sequence[Entry], reading: Reading, reserved: int = 0) -> Iterator[Block]:
    """How many of each state, a table with the worst first, and what else is known about the worst few.

    `reserved`: characters of the message that are kept for what follows the answer.
    """
    yield rich(bold(tally(shown)))
    listed = shown[: TABLE_ROWS - 1]
    most = min(ROW_CHARACTERS, LIST_CHARACTERS // len(listed))
    rows = [[cell(bold(label)) for label in modals.HEAD], *(_row(one, reading, most) for one in listed)]
    yield TableBlock(rows=rows, column_settings=[{}, {"is_wrapped": True}, {}, {"is_wrapped": True}, {}])
    if left := len(shown) - len(listed):
        yield rich(say(modals.more_in_csv(left)))
    characters = MESSAGE_CHARACTERS - LIST_CHARACTERS - 600 - reserved
    for one in [one for one in shown if one.finding.state in DETAILED][:IN_SHORT]:
        parts = _in_short(one.finding, reading)
        characters -= sum(map(length, parts))
        if characters < 0:
            return
        yield rich(*parts)


def tally(shown: Sequence[Entry]) -> str:
    """How many findings have each state."""
    counts = count_states(one.finding for one in shown).items()
    told = (line(modals.TALLY, icon=ICONS[one], count=count, state=STATES[one]) for one, count in counts)
    return join(" · ", told)


def _row(entry: Entry, reading: Reading, most: int) -> list[dict[str, Any]]:
    """One row of about `most` characters. If it is too long, the description is cut first, then the subject, never the verdict."""
    finding = entry.finding
    state, flagged, newest = findings_text.state(finding.state), _flagging(finding), _newest(finding)
    left = most - len(state) - len(flagged) - len(newest)
    subject = findings_text.subject(finding, max(24, min(left, 120)))
    described = description(finding, reading)
    described = join(" · ", [described, findings_text.also_asked(entry.also, ALSO_CHARACTERS)])
    if len(described) > left - len(subject):
        described = cut(described, max(8, left - len(subject)))
    return [
        cell(bold(state)),
        cell(code(subject)),
        cell(say(flagged)),
        cell(*tell(described)),
        cell(*tell(newest)),
    ]


def _flagging(finding: Finding) -> str:
    """The engines that flag it, of how many: "54 of 60"; or of what does not count against a host: "context: 60 of 71"."""
    if (why := finding.rule) is None:
        return ""
    if why.worst[0] or not why.context:
        return findings_text.of_total(*why.worst)
    seen = why.context[0].worst
    return line(modals.CONTEXT, flagged=findings_text.of_total(seen.positives, seen.total))


def description(finding: Finding, reading: Reading) -> str:
    """What it is, in a few words; for what has no verdict, why."""
    if finding.rule is None or finding.state is State.PENDING:
        return findings_text.rule(finding, reading.now, reading.audience)
    if where := place(finding):
        about = [enumerated(where.categories[:2]), where.country or "", where.owner or ""]
        known = outside(" · ".join(filter(None, about)), findings_text.VALUE_CHARACTERS)
        is_email = finding.indicator is not None and finding.indicator.kind is Kind.EMAIL
        return join(" · ", [modals.OF_EMAIL if is_email else "", known])
    first = names(finding, 1)
    return vendor(first[0].result or "", findings_text.VALUE_CHARACTERS) if first else ""


def _newest(finding: Finding) -> str:
    """The date of the newest evidence: of what was seen at a host, or of the scan."""
    where = place(finding)
    seen = where.newest.date if where and where.newest else None
    at = seen or (finding.report.analysed_at if finding.report else None)
    return day(at) if at else ""


def _in_short(finding: Finding, reading: Reading) -> list[Part]:
    """What the table does not say about one of its findings: other facts, the rule, and what is on record."""
    row = description(finding, replace(reading, audience=EVERYBODY))
    told = [
        join(": ", one)
        for one in findings_text.facts(finding)
        if one[0] != findings_text.SCAN_DATE and one[1].rstrip("…") not in row
    ]
    rule = findings_text.rule(finding, reading.now, reading.audience)
    note = findings_text.note(finding, reading.audience)
    details = join(
        " · ", [*told[:MOST_BESIDE], rule, note, *findings_text.on_record(finding, reading.records)]
    )
    return [code(findings_text.subject(finding, SUBJECT_CHARACTERS)), say("\n"), *tell(details)]


def lines(shown: Sequence[Entry], reading: Reading) -> Iterator[str]:
    """The table as plain text: the counts, then a line for each finding."""
    yield tally(shown)
    for entry in shown:
        finding, described = entry.finding, description(entry.finding, reading)
        why = findings_text.rule(finding, reading.now, reading.audience)
        told = [
            findings_text.also_asked(entry.also),
            described,
            why if why != described else "",
            _newest(finding),
        ]
        yield f"{findings_text.verdict(finding)} {findings_text.subject(finding, 120)} {join(' · ', told)}"


# Modals about an answer --------------------------------------------------------------------------------

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
                text=cut(clean(_label(one)), OPTION_CHARACTERS),
                value=str(Position(number, position.part)),
            )
            for number, one in enumerate(findings[:MAX_OPTIONS])
        ]
        chosen = options[position.finding] if position.finding < len(options) else None
        menu = StaticSelectElement(action_id=PICK, options=options, initial_option=chosen)
        yield ActionsBlock(elements=[menu])


def _label(finding: Finding) -> str:
    return f"{ICONS[finding.state]} {findings_text.subject(finding, OPTION_CHARACTERS - 4)}"


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
        shown = line(modals.SHOWN, first=before + 1, last=before + len(pages[number]), count=len(rows))
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
    return outside(clean(value[: 2 * VALUE_CHARACTERS]), VALUE_CHARACTERS)


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
