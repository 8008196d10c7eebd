"""What surrounds the findings of an answer: whose it is, its closing lines, and the row of buttons. Pure."""

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
from handlers.history import Past
from handlers.request import Verb
from handlers.text import about, files, modals
from vt.actions import HASHES
from vt.errors import Sensitive
from vt.indicators import Kind
from vt.lookup import NEVER_SENT
from vt.results import gui_link
from vt.verdict import GIVEN_UP, Finding, State

Records = Mapping[str, Past]
"""What is on record, by subject."""
NOTHING: Records = MappingProxyType({})
COMMENTED = HASHES | {Kind.URL}
"""What VirusTotal keeps comments on."""
MORE = "more"
MOST_ENTRIES = 5
"""Of a menu; Slack's limit. What is left over is a button of its own."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the findings: whose answer it is, and which buttons it has."""

    case: str
    now: datetime
    final: bool = True
    shared_by: str | None = None
    public: bool = False
    """Whoever may see it sees it already: there is nothing to share."""
    submit: str = "confirm"
    invented: bool = False
    past: Records = field(default_factory=dict)
    private_key: bool = False
    """The key may rescan files."""
    follows: int = 0
    """Characters of what is said in the same message below."""


def closing(frame: Frame) -> Iterator[Block]:
    """Who asked, and whether any of it is real."""
    lines = []
    if frame.shared_by:
        lines.append(text.asked_by(frame.shared_by))
    if frame.invented:
        lines.append(about.INVENTED)
    if lines:
        yield ContextBlock(elements=[MarkdownTextObject(text=line, verbatim=True) for line in lines])


def buttons(findings: Sequence[Finding], frame: Frame) -> Iterator[Block]:
    """Only what does something: no JSON where there is none, no submission of what is known."""
    elements = [*_row(findings, frame), *_more(findings, frame)] if frame.final else []
    if elements:
        yield ActionsBlock(elements=elements)


def _row(findings: Sequence[Finding], frame: Frame) -> Iterator[InteractiveElement]:
    if any(finding.raw for finding in findings):
        yield ButtonElement(action_id="json", text=text.BUTTON_JSON, value=frame.case)
    if len(findings) > 1:
        yield ButtonElement(action_id="csv", text=modals.CSV, value=frame.case)
    elif link := gui_link(findings[0]):
        yield ButtonElement(action_id="open", text=text.BUTTON_LINK, url=link)
    if frame.shared_by:
        yield ButtonElement(action_id="hide", text=modals.HIDE, value=frame.case)
    elif not frame.public:
        yield ButtonElement(action_id="share", text=text.BUTTON_SHARE, value=frame.case)
    if left(findings):
        yield ButtonElement(action_id="recheck", text=files.LOOK_AGAIN, value=frame.case)
    if any(isinstance(finding.error, Sensitive) for finding in findings):
        yield ButtonElement(action_id="anyway", text=modals.ANYWAY, value=frame.case)
    if frame.submit != "deny" and any(submittable(finding) for finding in findings):
        confirm = _confirm() if frame.submit == "confirm" else None
        yield ButtonElement(action_id="submit", text=text.BUTTON_SUBMIT, value=frame.case, confirm=confirm)


def _more(findings: Sequence[Finding], frame: Frame) -> Iterator[InteractiveElement]:
    """What is wanted more rarely; an entry names what it does, and the case by its random id."""
    offered = {
        Verb.DETAILS: any(one.report for one in findings),
        Verb.WHY: any(one.rule for one in findings),
        Verb.COMMENTS: any(commented(one) for one in findings),
        Verb.PRICE: any(rescannable(one, private_key=frame.private_key) for one in findings),
        Verb.OFFER: any(uploadable(one) for one in findings),
        Verb.RECHECK: any(sendable(one) for one in findings) and not left(findings),
    }
    verbs = [verb for verb, is_on in offered.items() if is_on]
    entries = [Option(text=modals.MORE[verb], value=f"{verb}:{frame.case}") for verb in verbs[:MOST_ENTRIES]]
    if entries:
        yield OverflowMenuElement(action_id=MORE, options=entries)
    for verb in verbs[MOST_ENTRIES:]:
        yield ButtonElement(action_id=verb.value, text=modals.MORE[verb], value=frame.case)


def left(findings: Sequence[Finding]) -> bool:
    """Something was waited for in vain: looking again has a button of its own."""
    return any(finding.note in GIVEN_UP for finding in findings)


def submittable(finding: Finding) -> bool:
    """A URL that VirusTotal does not know: a person may have it scanned."""
    is_url = finding.indicator is not None and finding.indicator.kind is Kind.URL
    return is_url and finding.state is State.UNKNOWN


def uploadable(finding: Finding) -> bool:
    """A file that VirusTotal knows: whoever has it may have it analysed anew by uploading it."""
    return finding.action.files and _known(finding)


def _known(finding: Finding) -> bool:
    """VirusTotal has it and is not at it now, whether any engine has looked at it or not."""
    has_it = getattr(finding.report, "response_code", 0) == 1
    return finding.rule is not None or (has_it and finding.state is State.UNKNOWN)


def sendable(finding: Finding) -> bool:
    """It may be told to VirusTotal."""
    return not isinstance(finding.error, NEVER_SENT)


def commented(finding: Finding) -> bool:
    """VirusTotal may have comments on it."""
    kind = finding.indicator.kind if finding.indicator else None
    return kind in COMMENTED and finding.raw is not None and sendable(finding)


def rescannable(finding: Finding, *, private_key: bool) -> bool:
    """VirusTotal knows it and may look again: URLs always, files with a private key."""
    kind = finding.indicator.kind if finding.indicator else None
    if kind is Kind.URL:
        # One that no engine has looked at is submitted, as one that VirusTotal does not know.
        return finding.rule is not None and sendable(finding)
    return kind in HASHES and private_key and _known(finding)


def _confirm() -> ConfirmObject:
    return ConfirmObject(
        title=PlainTextObject(text=text.CONFIRM_TITLE),
        text=PlainTextObject(text=text.CONFIRM_SUBMIT),
        confirm=text.CONFIRM_YES,
        deny=text.CONFIRM_NO,
    )
