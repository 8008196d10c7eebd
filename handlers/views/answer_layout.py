"""What goes with the findings of an answer: its closing lines, its row of buttons, and the files behind those. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextObject,
)

from handlers import text
from handlers.history import Summary
from handlers.request import SubmitPolicy, Verb
from handlers.text import about, files, modals
from handlers.text.format import EVERYBODY, Audience
from handlers.views.rich_text import mrkdwn
from vt.errors import Sensitive
from vt.indicators import defang
from vt.results import can_rescan, can_send, can_submit, can_upload, gui_link, has_comments, json_result
from vt.verdict import GIVEN_UP, Finding

Records = Mapping[str, Summary]
"""What is on record about findings, by `Sighting.subject`."""
NO_RECORDS: Records = MappingProxyType({})
MORE = "more"
"""The action_id of the menu."""
MENU_ENTRIES = 5
"""Slack's limit for an overflow menu. Entries beyond it become buttons."""


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
    records: Records = field(default_factory=dict)
    audience: Audience = EVERYBODY
    """Who reads the answer. Its request's id is said once, at the end."""
    private_key: bool = False
    """The VirusTotal key may rescan files."""
    reserved: int = 0
    """Characters of the message that are kept for what follows the answer."""


def closing(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """The request's id if something broke, who asked, and whether any of it is real."""
    lines: list[str] = []
    if context.case and any(map(text.is_at_fault, findings)):
        lines.append(text.request_id(context.case))
    if context.shared_by:
        lines.append(text.asked_by(context.shared_by))
    if context.invented:
        lines.append(about.INVENTED)
    if lines:
        yield ContextBlock(elements=[MarkdownTextObject(text=mrkdwn(line), verbatim=True) for line in lines])


def buttons(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """Only buttons that do something: no JSON where there is none, no submission of what is known."""
    elements = [*_row(findings, context), *_menu(findings, context)] if context.final else []
    if elements:
        yield ActionsBlock(elements=elements)


def _row(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
    case = context.case
    if any(finding.raw for finding in findings):
        yield ButtonElement(action_id="json", text=text.BUTTON_JSON, value=case)
    if len(findings) > 1:
        yield ButtonElement(action_id="csv", text=modals.CSV, value=case)
    elif link := gui_link(findings[0]):
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
        confirm = _confirm() if context.submit is SubmitPolicy.CONFIRM else None
        yield ButtonElement(action_id="submit", text=text.BUTTON_SUBMIT, value=case, confirm=confirm)


def _menu(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
    """What is wanted more rarely. An entry's value is `<verb>:<case id>`."""
    offered = {
        Verb.DETAILS: any(one.report for one in findings),
        Verb.WHY: any(one.rule for one in findings),
        Verb.COMMENTS: any(has_comments(one) for one in findings),
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


def _confirm() -> ConfirmObject:
    return ConfirmObject(
        title=PlainTextObject(text=text.CONFIRM_TITLE),
        text=PlainTextObject(text=text.CONFIRM_SUBMIT),
        confirm=text.CONFIRM_YES,
        deny=text.CONFIRM_NO,
    )


# Files -------------------------------------------------------------------------------------------------

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is sent to people."""

    name: str
    content: bytes


def as_json(found: Sequence[Finding]) -> Attachment:
    """The documented JSON result, with VirusTotal's replies unchanged."""
    content = json.dumps(json_result(found), ensure_ascii=False, indent=1).encode("utf-8", "replace")
    return Attachment(f"{_name(found)}.json", content)


def as_csv(found: Sequence[Finding]) -> Attachment:
    """One row for each indicator (defanged) or file, in the order they were asked for; nothing in it is a formula."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(modals.COLUMNS)
    writer.writerows([_harmless(cell) for cell in _cells(finding)] for finding in found)
    # With a byte order mark at the beginning, spreadsheets read the file as UTF-8.
    return Attachment(f"{_name(found)}.csv", table.getvalue().encode("utf-8-sig", "replace"))


def _cells(finding: Finding) -> Iterator[str]:
    rule = finding.rule
    analysed = finding.report.analysed_at if finding.report else None
    # A path is not defanged: people copy it, and spreadsheets make no link of it.
    yield finding.input if finding.action.files else defang(finding.input)
    yield finding.indicator.kind.value if finding.indicator else ""
    yield finding.action.title
    yield finding.state.value
    yield str(rule.count) if rule else ""
    yield str(rule.total) if rule and rule.total else ""
    yield str(rule.threshold) if rule else ""
    yield text.minute(analysed) if analysed else ""
    yield text.minute(finding.checked_at) if finding.checked_at else ""
    yield text.remark(finding)
    yield gui_link(finding) or ""


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _name(found: Sequence[Finding]) -> str:
    one = found[0].indicator.value if found[0].indicator and not found[0].action.files else found[0].input
    about = one if len(found) == 1 else f"{len(found)} indicators"
    return "virustotal-" + re.sub(r"[^A-Za-z0-9.-]+", "_", about)[:80].strip("_.")
