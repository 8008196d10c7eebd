"""An answer in Block Kit: its findings, closing lines and buttons, by pure functions over the SDK's classes.

Whatever comes from outside is a rich_text literal: it cannot mention, link or format, whatever it holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
    RichTextElementParts,
)

from handlers import text
from handlers.case import Records, Sighting
from handlers.request import Verb
from handlers.text import about, files, modals
from handlers.text.format import EVERYBODY, Audience
from handlers.views.rich_text import (
    Message,
    Part,
    bold,
    code,
    fallback,
    length,
    mrkdwn,
    quote,
    rich,
    say,
    sentence,
    tell,
)
from vt.enrichment import Field, without_repeats
from vt.errors import Sensitive
from vt.privacy import SubmitPolicy
from vt.results import can_rescan, can_send, can_submit, can_upload, gui_link, has_comments, insight
from vt.verdict import GIVEN_UP, Finding, State, tally, worst_first

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
MESSAGE_BLOCKS = 48
"""Slack takes 50; two are kept for the buttons and the closing lines."""
LIST_CHARACTERS = 7_500
"""Of the list of several findings; the rest of the message is for their details."""
FIELD_CHARACTERS = 400
LABEL_CHARACTERS = 80
DETAILED = (State.RISKY, State.SUSPICIOUS)
"""States whose findings are shown in full below a list."""


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


def answer(findings: Sequence[Finding], context: AnswerContext) -> Message:
    """The answer to a request: one finding in full, or several as a list, the worst first."""
    body = _one(findings[0], context) if len(findings) == 1 else several(findings, context)
    blocks = [*body, *closing(findings, context), *buttons(findings, context)]
    return Message(fallback(_lines(findings, context)), tuple(block.to_dict() for block in blocks))


# One finding ---------------------------------------------------------------------------------------------


def _one(finding: Finding, context: AnswerContext) -> Iterator[Block]:
    yield rich(*headline(finding, context))
    if warning := insight(finding):
        yield quote(text.insight(warning))
    if remark := text.note(finding, context.audience):
        yield sentence(remark)
    if fields := without_repeats(finding):
        yield rich(*_table(fields))


def headline(finding: Finding, context: AnswerContext) -> list[Part]:
    """The first three lines, which must be understood at a glance: verdict and rule, name, dates and records."""
    parts: list[Part] = [
        bold(text.verdict(finding)),
        say("  "),
        code(text.subject(finding)),
        say("  "),
        *tell(text.rule(finding, context.now, context.audience)),
    ]
    if called := text.called(finding):
        parts += [say("\n"), *tell(called)]
    for number, item in enumerate(_third_line(finding, context.records)):
        parts += [say(" · " if number else "\n"), *item]
    return parts


def _third_line(finding: Finding, records: Records) -> Iterator[list[Part]]:
    """When it was analysed, what is on record about it, and the link to VirusTotal."""
    if dates := text.dated(finding):
        yield tell(dates)
    if summary := records.get(Sighting.of(finding).subject):
        first: list[Part] = [say(f", {text.first_seen(summary)}")]
        if summary.channel:
            first = [
                say(f", {text.FIRST_IN} "),
                RichTextElementParts.Channel(channel_id=summary.channel),
            ]
        yield [*tell(text.seen(summary)), *first]
        if previous := summary.previous_if_changed(finding):
            yield tell(text.was(previous))
    if link := gui_link(finding):
        yield [RichTextElementParts.Link(url=link, text=text.BUTTON_LINK)]


def _table(fields: Sequence[Field]) -> Iterator[Part]:
    """As many fields as fit. 4,000 characters are kept for the rest of the answer, and a question about a file."""
    left = MESSAGE_CHARACTERS - 4_000
    for one in fields:
        value = text.outside(one.value, FIELD_CHARACTERS)
        label = text.vendor(one.label, LABEL_CHARACTERS)
        left -= len(label) + len(value) + 3
        if left < 0:
            return
        yield bold(f"{label}: ")
        yield from tell(text.minute(one.at)) if one.at else [say(value)]
        yield say("\n")


# Several findings ----------------------------------------------------------------------------------------


def several(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """Several findings as a list, the worst first, and below it those that matter most in full."""
    ordered = worst_first(findings)
    yield rich(bold(text.tally(tally(findings))))
    most = min(200, LIST_CHARACTERS // len(ordered))
    yield rich(*(part for finding in ordered for part in _row(finding, context, most)))
    yield from _details([finding for finding in ordered if finding.state in DETAILED], context)


def _row(finding: Finding, context: AnswerContext, most: int) -> list[Part]:
    """One line of at most `most` characters: the reason is cut first, then the subject, the verdict never."""
    verdict = text.verdict(finding)
    subject = text.subject(finding, max(24, most - len(verdict) - 8))
    left = most - len(verdict) - len(subject) - 4
    reason = ""
    if left > len(" reason…") and finding.state not in DETAILED:
        reason = text.cut(text.rule(finding, context.now, context.audience), left)
    return [bold(verdict), say(" "), code(subject), say(" "), *tell(reason), say("\n")]


def _details(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """A block for each finding while they fit, then how many there are in the JSON."""
    characters = MESSAGE_CHARACTERS - LIST_CHARACTERS - 600 - context.reserved
    blocks = MESSAGE_BLOCKS - 6
    for position, finding in enumerate(findings):
        parts = headline(finding, context)
        block = rich(*parts)
        characters -= sum(map(length, parts))
        blocks -= 1
        if characters < 0 or blocks < 0:
            yield rich(say(text.more_in_json(len(findings) - position)))
            return
        yield block


# The plain text ------------------------------------------------------------------------------------------


def _lines(findings: Sequence[Finding], context: AnswerContext) -> Iterator[str]:
    """The whole answer as plain text, the verdict first: for notifications and screen readers."""
    if len(findings) > 1:
        yield text.tally(tally(findings))
    for finding in worst_first(findings):
        why = text.rule(finding, context.now, context.audience)
        yield f"{text.verdict(finding)} {text.subject(finding, 120)} {why}"
        if len(findings) == 1:
            yield from _more_lines(finding, context)
    if context.case and any(map(text.is_at_fault, findings)):
        yield text.request_id(context.case)
    if context.invented:
        yield about.INVENTED


def _more_lines(finding: Finding, context: AnswerContext) -> Iterator[str]:
    summary = context.records.get(Sighting.of(finding).subject)
    yield from (line for line in (text.called(finding), text.dated(finding), gui_link(finding)) if line)
    if summary:
        previous = summary.previous_if_changed(finding)
        change = f" · {text.was(previous)}" if previous else ""
        yield f"{text.seen(summary)}, {text.first_seen(summary)}{change}"
    if warning := insight(finding):
        yield text.insight(warning)
    if remark := text.note(finding, context.audience):
        yield remark
    for one in without_repeats(finding):
        yield f"{text.vendor(one.label, LABEL_CHARACTERS)}: {text.outside(one.value, FIELD_CHARACTERS)}"


# Closing lines and buttons -----------------------------------------------------------------------------


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
    elements = [*_button_row(findings, context), *_menu(findings, context)] if context.final else []
    if elements:
        yield ActionsBlock(elements=elements)


def _button_row(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
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
        confirm = CONFIRM_SUBMIT if context.submit is SubmitPolicy.CONFIRM else None
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
