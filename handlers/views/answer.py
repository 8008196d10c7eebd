"""An answer in Block Kit: its findings, closing lines and buttons, by pure functions over the SDK's classes.

One finding is a card (see `card`); several are a table. Slack takes one table in a message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    InteractiveElement,
    Option,
    OverflowMenuElement,
    PlainTextObject,
    TableBlock,
)

from handlers import text
from handlers.case import Records
from handlers.request import Detail, Verb
from handlers.text import about, facts, files, instances, modals
from handlers.text.format import EVERYBODY, Audience
from handlers.views import card
from handlers.views.card import TABLE_ROWS, Entry, Reading
from handlers.views.rich_text import (
    Message,
    bold,
    cell,
    code,
    fallback,
    length,
    rendered,
    rich,
    say,
    small_print,
    tell,
)
from vt.actions import HASHES
from vt.errors import Sensitive
from vt.privacy import SubmitPolicy
from vt.results import gui_link, worst_first
from vt.verdict import (
    GIVEN_UP,
    Finding,
    State,
    can_rescan,
    can_send,
    can_submit,
    can_upload,
    has_comments,
    tally,
)

MORE = "more"
"""The action_id of the menu."""
MENU_ENTRIES = 5
"""Slack's limit for an overflow menu. Entries beyond it become buttons."""
CONFIRM_SUBMIT = ConfirmObject(
    title=PlainTextObject(text=text.CONFIRM_TITLE),
    text=PlainTextObject(text=text.CONFIRM_SUBMIT),
    confirm=text.CONFIRM_YES,
    deny=text.CONFIRM_NO,
)
MESSAGE_CHARACTERS = 12_000
"""In all blocks of a message. Slack refuses a message from about 13,200 on (undocumented, measured; bolt-js#2509)."""
LIST_CHARACTERS = 7_500
"""Of the list of several findings; the rest of the message is for the worst of them."""
ROW_CHARACTERS = 260
IN_SHORT = 3
"""The worst findings of a list that are shown in short form below it."""
DETAILED = (State.RISKY, State.SUSPICIOUS)
"""States whose findings may be shown below a list."""


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What an answer shows beside its findings, and which buttons it has."""

    case: str
    """The id that its buttons carry."""
    now: datetime
    final: bool = True
    """Everything is settled; before that there are no buttons."""
    shared_by: str | None = None
    """Who wanted the whole channel to see it."""
    public: bool = False
    """The whole channel sees it already, so there is nothing to share."""
    submit: SubmitPolicy = SubmitPolicy.CONFIRM
    """Whether people may have unknown URLs scanned: confirm, allow or deny."""
    invented: bool = False
    """The sandbox answered instead of VirusTotal."""
    instance: str = ""
    """The instance of VirusTotal that answered, if there is a choice."""
    records: Records = field(default_factory=dict)
    audience: Audience = EVERYBODY
    """Who reads the answer. Its request's id is said once, at the end."""
    private_key: bool = False
    """The VirusTotal key may rescan files and read comments."""
    detail: Detail = Detail.FULL
    """As set for the channel."""
    reserved: int = 0
    """Characters of the message that are kept for what follows the answer."""

    @property
    def reading(self) -> Reading:
        """What its cards depend on."""
        return Reading(self.now, self.audience, self.records)


# One file, whatever it was asked by -------------------------------------------------------------------


def entries(findings: Sequence[Finding]) -> tuple[Entry, ...]:
    """The findings, the worst first. MD5, SHA-1 and SHA-256 of one file are one entry."""
    same: dict[object, list[Finding]] = {}
    for position, finding in enumerate(worst_first(findings)):
        same.setdefault(_content(finding) or position, []).append(finding)
    return tuple(Entry(first, tuple(others)) for first, *others in same.values())


def _content(finding: Finding) -> tuple[str, State] | None:
    """What a file is, if it was asked for by a hash and VirusTotal said."""
    is_hash = finding.indicator is not None and finding.indicator.kind in HASHES and not finding.action.files
    content = finding.raw.get("sha256") if is_hash and finding.reading and finding.raw else None
    return (content.lower(), finding.state) if isinstance(content, str) and content else None


# The answer ---------------------------------------------------------------------------------------------


def answer(findings: Sequence[Finding], context: AnswerContext) -> Message:
    """The answer to a request: one finding in full, or several as a list, the worst first."""
    shown = entries(findings)
    # The buttons come right under what is read at a glance, and the long table after them.
    fitted = card.fit(shown[0], context.reading) if len(shown) == 1 else None
    glance = card.card(fitted) if fitted else several(shown, context)
    blocks = [*glance, *buttons(findings, context)]
    if fitted and context.detail is Detail.FULL:
        blocks += card.enrichment(fitted)
    closing = small_print(list(closing_lines([one.finding for one in shown], context)))
    return Message(fallback(lines(shown, context)), rendered([*blocks, *closing]))


def overview(shown: Sequence[Entry], context: AnswerContext) -> Iterator[Block]:
    """What is read at a glance: the card of one finding, or a list of several."""
    if len(shown) > 1:
        yield from several(shown, context)
    else:
        yield from card.card(card.fit(shown[0], context.reading))


# Several findings ----------------------------------------------------------------------------------------


def several(shown: Sequence[Entry], context: AnswerContext) -> Iterator[Block]:
    """How many of each state, a table with the worst first, and what else is known of the worst few."""
    yield rich(bold(text.tally(tally(one.finding for one in shown))))
    listed = shown[: TABLE_ROWS - 1]
    most = min(ROW_CHARACTERS, LIST_CHARACTERS // len(listed))
    rows = [[cell(bold(label)) for label in facts.HEAD], *(_row(one, context, most) for one in listed)]
    yield TableBlock(rows=rows, column_settings=[{}, {"is_wrapped": True}, {}, {"is_wrapped": True}, {}])
    if left := len(shown) - len(listed):
        yield rich(say(facts.more_in_csv(left)))
    yield from _worst([one for one in shown if one.finding.state in DETAILED], context)


def _row(entry: Entry, context: AnswerContext, most: int) -> list[dict[str, Any]]:
    """One row of about `most` characters: what it is is cut first, then the subject, the verdict never."""
    finding = entry.finding
    state, engines, newest = text.state(finding.state), facts.flagging(finding), facts.newest(finding)
    left = most - len(state) - len(engines) - len(newest)
    subject = text.subject(finding, max(24, min(left, 120)))
    described = facts.description(finding, context.now, context.audience)
    described = text.join(" · ", [described, facts.also_asked(entry.also, card.ALSO_CHARACTERS)])
    if len(described) > left - len(subject):
        described = text.cut(described, max(8, left - len(subject)))
    return [
        cell(bold(state)),
        cell(code(subject)),
        cell(say(engines)),
        cell(*tell(described)),
        cell(*tell(newest)),
    ]


def _worst(found: Sequence[Entry], context: AnswerContext) -> Iterator[Block]:
    """A block for each of the worst few, while they fit."""
    characters = MESSAGE_CHARACTERS - LIST_CHARACTERS - 600 - context.reserved
    for one in found[:IN_SHORT]:
        parts = card.short(one.finding, context.reading)
        characters -= sum(map(length, parts))
        if characters < 0:
            return
        yield rich(*parts)


# The plain text ----------------------------------------------------------------------------------------


def lines(shown: Sequence[Entry], context: AnswerContext) -> Iterator[str]:
    """The whole answer as plain text, the verdict first: for notifications and screen readers."""
    if len(shown) == 1:
        yield from card.lines(shown[0], context.reading)
    else:
        yield from _list(shown, context)
    yield from closing_lines([one.finding for one in shown], replace(context, shared_by=None))


def _list(shown: Sequence[Entry], context: AnswerContext) -> Iterator[str]:
    """The list of several findings as plain text: the counts, then a line for each."""
    yield text.tally(tally(one.finding for one in shown))
    for entry in shown:
        described = facts.description(entry.finding, context.now, context.audience)
        why = text.rule(entry.finding, context.now, context.audience)
        also, newest = facts.also_asked(entry.also), facts.newest(entry.finding)
        told = [also, described, why if why != described else "", newest]
        yield f"{text.verdict(entry.finding)} {text.subject(entry.finding, 120)} {text.join(' · ', told)}"


# Closing lines and buttons -----------------------------------------------------------------------------


def closing_lines(findings: Sequence[Finding], context: AnswerContext) -> Iterator[str]:
    """When several findings were checked, the request's id if something broke, who asked, and whether any of it is real.

    `findings`: one of each entry. The card of a single one says itself when it was checked.
    """
    if len(findings) > 1 and (checked := text.checked(*findings)):
        yield checked
    if context.case and any(map(text.is_at_fault, findings)):
        yield text.request_id(context.case)
    if context.shared_by:
        yield text.asked_by(context.shared_by)
    if context.invented:
        yield about.INVENTED
    if context.instance:
        yield instances.answered_by(context.instance)


def buttons(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """Only buttons that do something: no JSON where there is none, no submission of what is known."""
    elements = [*_button_row(findings, context), *_menu(findings, context)] if context.final else []
    if elements:
        yield ActionsBlock(elements=elements)


def _button_row(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
    case = context.case
    yield from file_buttons(findings, case)
    if len(findings) == 1 and (link := gui_link(findings[0])):
        yield ButtonElement(action_id="open", text=text.BUTTON_LINK, url=link)
    if context.shared_by:
        yield ButtonElement(action_id="hide", text=modals.HIDE, value=case)
    elif not context.public:
        yield ButtonElement(action_id="share", text=text.BUTTON_SHARE, value=case)
    if _gave_up(findings):
        yield ButtonElement(action_id="recheck", text=files.LOOK_AGAIN, value=case)
    if any(isinstance(finding.error, Sensitive) for finding in findings):
        yield ButtonElement(action_id="anyway", text=modals.ANYWAY, value=case)
    if context.submit is not SubmitPolicy.DENY and any(can_submit(finding) for finding in findings):
        confirm = CONFIRM_SUBMIT if context.submit is SubmitPolicy.CONFIRM else None
        yield ButtonElement(action_id="submit", text=text.BUTTON_SUBMIT, value=case, confirm=confirm)


def file_buttons(findings: Sequence[Finding], case: str) -> Iterator[InteractiveElement]:
    """The answer as a file."""
    if any(finding.raw for finding in findings):
        yield ButtonElement(action_id="json", text=text.BUTTON_JSON, value=case)
    if len(findings) > 1:
        yield ButtonElement(action_id="csv", text=modals.CSV, value=case)


def _menu(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
    """What is wanted more rarely. An entry's value is `<verb>:<case id>`."""
    offered = {
        Verb.DETAILS: any(one.report for one in findings),
        Verb.WHY: any(one.rule for one in findings),
        Verb.COMMENTS: context.private_key and any(has_comments(one) for one in findings),
        Verb.RESCAN_COST: any(can_rescan(one, private_key=context.private_key) for one in findings),
        Verb.OFFER_UPLOAD: any(can_upload(one) for one in findings),
        Verb.RECHECK: any(can_send(one) for one in findings) and not _gave_up(findings),
    }
    verbs = [verb for verb, is_offered in offered.items() if is_offered]
    options = [Option(text=modals.MORE[verb], value=f"{verb}:{context.case}") for verb in verbs]
    if options:
        yield OverflowMenuElement(action_id=MORE, options=options[:MENU_ENTRIES])
    for verb in verbs[MENU_ENTRIES:]:
        yield ButtonElement(action_id=verb.value, text=modals.MORE[verb], value=context.case)


def _gave_up(findings: Sequence[Finding]) -> bool:
    """Whether an analysis was not finished in time: checking again has a button of its own then."""
    return any(finding.note in GIVEN_UP for finding in findings)
