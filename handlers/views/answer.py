"""An answer in Block Kit: the card of one finding or the table of several, closing lines and buttons. Pure.

An answer, the card in a watched channel and the Details modal are made of the same pieces. Values from outside are
rich_text literals, or texts in which nothing is formatted: they cannot mention, link or format, whatever they hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    InteractiveElement,
    Option,
    OverflowMenuElement,
    PlainTextObject,
    SectionBlock,
)

from handlers.request import Detail, Verb
from handlers.text import about, files, modals
from handlers.text import findings as findings_text
from handlers.text.findings import Fact
from handlers.text.format import clauses, format_value, request_id, vendor
from handlers.text.language import Line, User, join, line
from handlers.views import layout
from handlers.views.layout import ALSO_CHARACTERS, SUBJECT_CHARACTERS, Entry, Reading
from handlers.views.rich_text import (
    Message,
    alert,
    bar,
    clean,
    code,
    fallback,
    folded_table,
    height,
    quote,
    rendered,
    rich,
    say,
    sentence,
    small,
    small_print,
)
from vt.actions import HASHES
from vt.enrichment import without_repeats
from vt.errors import Sensitive
from vt.indicators import Kind
from vt.privacy import SubmitPolicy
from vt.results import gui_link, insight, worst_first
from vt.verdict import (
    GIVEN_UP,
    Basis,
    Finding,
    State,
    can_rescan,
    can_send,
    can_submit,
    can_upload,
    has_comments,
)

MORE = "more"
"""The action_id of the menu."""
MENU_ENTRIES = 5
"""Slack's limit for an overflow menu. Entries beyond it become buttons."""
CONFIRM_SUBMIT = ConfirmObject(
    title=PlainTextObject(text=modals.CONFIRM_TITLE),
    text=PlainTextObject(text=modals.CONFIRM_SUBMIT),
    confirm=modals.CONFIRM_YES,
    deny=modals.CONFIRM_NO,
)
LINES = 12
"""Above the buttons, on a telephone."""
WIDTH, FACT_WIDTH, SMALL_WIDTH, HEADER_WIDTH = 37, 37, 44, 28
"""Columns of a line there."""
LEAST_FACTS = 2
"""Facts go before context, up to so many."""
MODAL_SUBJECT = 300
FIELD_CHARACTERS = 400
LABEL_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class AnswerContext(Reading):
    """Who reads an answer, what it shows beside its findings, and which buttons it has. A request's id is said once, at the end."""

    case: str = ""
    """The id that its buttons carry."""
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
    private_key: bool = False
    """The VirusTotal key may rescan files and read comments."""
    detail: Detail = Detail.FULL
    """Whether the card of one finding is followed by the table of its fields."""
    reserved: int = 0
    """Characters of the message that are kept for what follows the answer."""


@dataclass(frozen=True)
class Fitted:
    """An entry for a reader: the facts and the line of context for which its card has room, and the facts that are left."""

    entry: Entry
    reading: Reading
    facts: tuple[Fact, ...]
    left: tuple[Fact, ...]
    context: Line

    @cached_property
    def fields(self) -> tuple[Fact, ...]:
        """The documented fields that the facts do not say: first the insight's numbers, then the rest.

        They are in the language in which they are wanted first.
        """
        said, found = {str(value) for _, value in (*self.facts, *self.left)}, insight(self.entry.finding)
        rows = (*(found.rows if found else ()), *without_repeats(self.entry.finding))
        told = [
            (vendor(one.label, LABEL_CHARACTERS), format_value(one.value, FIELD_CHARACTERS)) for one in rows
        ]
        return tuple((label, value) for label, value in told if str(value) not in said)


def answer(findings: Sequence[Finding], context: AnswerContext) -> Message:
    """The answer to a request: one finding in full, or several as a table, the worst first."""
    return composed(findings, context, buttons(findings, context))


def composed(
    findings: Sequence[Finding],
    context: AnswerContext,
    buttons: Iterable[Block],
    circumstances: Sequence[str] = (),
) -> Message:
    """Findings with these buttons. `circumstances`: small print that comes first. The text is complete by itself."""
    shown = entries(findings)
    fitted = fit(shown[0], context) if len(shown) == 1 else None
    glance = card(fitted) if fitted else layout.several(shown, context, context.reserved)
    # The buttons come right under what is read at a glance, and the long table after them.
    blocks = [*glance, *buttons]
    if fitted and context.detail is Detail.FULL:
        blocks += enrichment(fitted)
    worst = [one.finding for one in shown]
    blocks += small_print([*circumstances, *closing_lines(worst, context)])
    plain = lines(fitted) if fitted else layout.lines(shown, context)
    closing = closing_lines(worst, replace(context, shared_by=None))
    return Message(fallback([*plain, *closing]), rendered(blocks))


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


def card(fitted: Fitted) -> Iterator[Block]:
    """What is read at a glance, above the buttons."""
    finding, reading = fitted.entry.finding, fitted.reading
    yield from headline(
        finding, fitted.entry.also, most=MODAL_SUBJECT if reading.in_modal else SUBJECT_CHARACTERS
    )
    if reason := _reason(finding, reading):
        yield sentence(reason)
    if told := [small(value, label) for label, value in fitted.facts if clean(value)]:
        yield SectionBlock(fields=told)
    if fitted.context:
        yield ContextBlock(elements=[small(fitted.context)])
    if warning := findings_text.warning(finding):
        yield alert(warning) if reading.in_modal else quote(warning)


def headline(
    finding: Finding, also: Sequence[Finding] = (), most: int = SUBJECT_CHARACTERS
) -> Iterator[Block]:
    """The verdict, and what it is about with the bar of engines; the verdict says in words what the bar shows."""
    yield HeaderBlock(text=PlainTextObject(text=findings_text.verdict(finding), emoji=True))
    glyphs, others = bar(finding), findings_text.also_asked(also, ALSO_CHARACTERS)
    subject = code(findings_text.subject(finding, most))
    yield rich(subject, say(glyphs and f"  {glyphs}"), say(others and f"\n{others}"))


def fit(entry: Entry, reading: Reading) -> Fitted:
    """Choose what a card has room for. It takes a third of the time of an answer, so this is done once for each."""
    finding, known = entry.finding, findings_text.facts(entry.finding)
    context = list(_context(finding, reading))
    if reading.in_modal:
        return Fitted(entry, reading, known, (), join(" · ", [*context, findings_text.checked(finding)]))
    room = LINES - _fixed_lines(finding, reading, entry.also)
    heights = list(accumulate(height(f"{label}: {value}", FACT_WIDTH) for label, value in known))
    least = ([0, *heights])[min(len(known), LEAST_FACTS)]
    kept = context[:1] if finding.rule else []
    checked = findings_text.checked(finding)  # always shown, since the reply may have been cached
    for one in context[len(kept) :]:
        if height(join(" · ", [*kept, one, checked]), SMALL_WIDTH) <= room - least:
            kept.append(one)
    line = join(" · ", [*kept, checked])
    most = max(1, sum(one <= room - height(line, SMALL_WIDTH) for one in heights))
    return Fitted(entry, reading, known[:most], known[most:], line)


def _fixed_lines(finding: Finding, reading: Reading, also: Sequence[Finding]) -> int:
    """The lines that a telephone needs for what is never left out."""
    fixed = (
        f"{findings_text.subject(finding, SUBJECT_CHARACTERS)}  {bar(finding)}",
        findings_text.also_asked(also, ALSO_CHARACTERS),
        _reason(finding, reading),
        findings_text.warning(finding),
    )
    return height(findings_text.verdict(finding), HEADER_WIDTH) + sum(height(one, WIDTH) for one in fixed)


def _reason(finding: Finding, reading: Reading) -> str:
    """Why there is no verdict, and what the reader must know."""
    why = "" if finding.rule else findings_text.rule(finding, reading.now, reading.audience)
    is_email = finding.indicator is not None and finding.indicator.kind is Kind.EMAIL
    email = findings_text.EMAIL if is_email and finding.report else ""
    return join("\n", [why, findings_text.note(finding, reading.audience), email])


def _context(finding: Finding, reading: Reading, *, plain: bool = False) -> Iterator[str]:
    """The most important first: the rule in words unless the warning says it, what has changed, how often it was looked up."""
    why, decided, others = finding.rule, "", []
    if why and why.basis is Basis.EVIDENCE:
        told = findings_text.reasons(why)
        # If no evidence counts, the first thing that does not count makes it SUSPICIOUS rather than CLEAN: it is shown, too.
        most = 1 if why.evidence else 2
        decided, others = clauses(told[:most]), told[most:]
    elif why and not findings_text.warning(finding):
        decided = findings_text.rule(finding, reading.now, reading.audience)
    record = findings_text.on_record(finding, reading.records, plain=plain)
    yield from filter(None, (decided, *record, *others))


def enrichment(fitted: Fitted) -> Iterator[Block]:
    """The facts that the card has no room for, and the documented fields, as a table that is opened by a click."""
    head = (findings_text.FIELD, findings_text.VALUE)
    return folded_table(head, (*fitted.left, *fitted.fields), findings_text.all_fields)


def lines(fitted: Fitted) -> Iterator[str]:
    """The card as plain text, in the same order; the enrichment is at the end."""
    finding, also, reading = fitted.entry.finding, fitted.entry.also, fitted.reading
    context = join(" · ", [*_context(finding, reading, plain=True), findings_text.checked(finding)])
    told = (
        f"{findings_text.verdict(finding)} {findings_text.subject(finding, 120)}",
        findings_text.also_asked(also),
        *_reason(finding, reading).split("\n"),
        *(f"{label}: {value}" for label, value in (*fitted.facts, *fitted.left)),
        context,
        findings_text.warning(finding),
        gui_link(finding),
        *(f"{label}: {value}" for label, value in fitted.fields),
    )
    yield from filter(None, told)


def closing_lines(findings: Sequence[Finding], context: AnswerContext) -> Iterator[str]:
    """When several findings (one of each entry) were checked, the request's id if something broke, who asked and who answered."""
    if len(findings) > 1 and (checked := findings_text.checked(*findings)):
        yield checked
    if context.case and any(map(findings_text.is_at_fault, findings)):
        yield request_id(context.case)
    if context.shared_by:
        yield line(about.ASKED_BY, user=User(context.shared_by))
    if context.invented:
        yield about.INVENTED
    if context.instance:
        yield line(about.ANSWERED_BY, name=context.instance)


def buttons(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """Only buttons that do something: no JSON where there is none, no submission of what is known."""
    elements = [*_button_row(findings, context), *_menu(findings, context)] if context.final else []
    if elements:
        yield ActionsBlock(elements=elements)


def _button_row(findings: Sequence[Finding], context: AnswerContext) -> Iterator[InteractiveElement]:
    case = context.case
    yield from file_buttons(findings, case)
    if len(findings) == 1 and (link := gui_link(findings[0])):
        yield ButtonElement(action_id="open", text=modals.BUTTON_LINK, url=link)
    if context.shared_by:
        yield ButtonElement(action_id="hide", text=modals.HIDE, value=case)
    elif not context.public:
        yield ButtonElement(action_id="share", text=modals.BUTTON_SHARE, value=case)
    if any(finding.note in GIVEN_UP for finding in findings):
        yield ButtonElement(action_id="recheck", text=files.LOOK_AGAIN, value=case)
    if any(isinstance(finding.error, Sensitive) for finding in findings):
        yield ButtonElement(action_id="anyway", text=modals.ANYWAY, value=case)
    if context.submit is not SubmitPolicy.DENY and any(can_submit(finding) for finding in findings):
        confirm = CONFIRM_SUBMIT if context.submit is SubmitPolicy.CONFIRM else None
        yield ButtonElement(action_id="submit", text=modals.BUTTON_SUBMIT, value=case, confirm=confirm)


def file_buttons(findings: Sequence[Finding], case: str) -> Iterator[InteractiveElement]:
    """The answer as a file."""
    if any(finding.raw for finding in findings):
        yield ButtonElement(action_id="json", text=modals.BUTTON_JSON, value=case)
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
        Verb.RECHECK: any(can_send(one) for one in findings)
        and not any(finding.note in GIVEN_UP for finding in findings),
    }
    verbs = [verb for verb, is_offered in offered.items() if is_offered]
    options = [Option(text=modals.MORE[verb], value=f"{verb}:{context.case}") for verb in verbs]
    if options:
        yield OverflowMenuElement(action_id=MORE, options=options[:MENU_ENTRIES])
    for verb in verbs[MENU_ENTRIES:]:
        yield ButtonElement(action_id=verb.value, text=modals.MORE[verb], value=context.case)
