"""What surrounds the findings of an answer: whose it is, its closing lines, and its row of buttons. Pure."""

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
from vt.results import can_rescan, can_send, can_submit, can_upload, gui_link, has_comments
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
