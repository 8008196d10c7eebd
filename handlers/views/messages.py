"""The bot's other messages: a sentence, help, the card in a thread, questions before something is sent, and progress. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from handlers import text
from handlers.case import Case
from handlers.text import about, channels, instances, modals
from handlers.text import files as files_text
from handlers.text.language import Line
from handlers.views import answer
from handlers.views.rich_text import (
    MOST_TEXT,
    Message,
    Part,
    bold,
    code,
    fallback,
    rendered,
    rich,
    say,
    sentence,
    small_print,
    tell,
)
from handlers.watch import Duplicate
from vt.errors import Reserved
from vt.files.hosts import display_name
from vt.files.safe_path import file_name
from vt.lookup import Lookup
from vt.verdict import NEVER_UPLOADED, Finding, Note


def note(line: str) -> Message:
    """A message of one sentence of ours."""
    return Message(fallback([line]), rendered([sentence(line)]))


def form_offer(modal_id: str) -> Message:
    """The message that offers the form again, when it could not be opened in time; what was typed is kept."""
    button = ButtonElement(action_id="form", text=modals.OPEN_FORM, value=modal_id)
    blocks = [rich(say(modals.FORM_AGAIN)), ActionsBlock(elements=[button])]
    return Message(fallback([modals.FORM_AGAIN]), rendered(blocks))


def help_message(*, has_choice: bool = False) -> Message:
    """The message for /vt help. `has_choice`: there are several instances of VirusTotal."""
    typed = [*about.help_lines(), *([instances.HELP] if has_choice else [])]
    rows = [part for form, does in typed for part in (code(form), say(f" {does}\n"))]
    blocks = [rich(say(about.HELP_HEAD)), rich(*rows), rich(say(about.HELP_STATES))]
    lines = [
        about.HELP_HEAD,
        *(f"{form}: {does}" for form, does in typed),
        about.HELP_STATES,
    ]
    return Message(fallback(lines), rendered(blocks))


# The card ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardContext(answer.AnswerContext):
    """What a card says and offers beside the verdicts."""

    duplicates: tuple[Duplicate, ...] = ()
    dry_run_of: str = ""
    """The channel in which the card would have been posted, for a dry run."""


def card(findings: Sequence[Finding], context: CardContext) -> Message:
    """The card: the worst verdict first; those that are waited for say until when."""
    shown = answer.entries(findings)
    closing = [*_circumstances(context), *answer.closing_lines([one.finding for one in shown], context)]
    blocks = [*answer.overview(shown, context), *_buttons(findings, context), *small_print(closing)]
    return Message(fallback(answer.lines(shown, context)), rendered(blocks))


def url_question(case: str, urls: Sequence[str]) -> Message:
    """The question to the poster alone: may these URLs with secrets be looked up?"""
    buttons = [
        ButtonElement(action_id="allow", text=channels.BUTTON_ALLOW, value=case),
        ButtonElement(action_id="leave", text=channels.BUTTON_LEAVE, value=case),
    ]
    line = channels.secrets(urls)
    return Message(fallback([line]), (*note(line).blocks, *rendered([ActionsBlock(elements=buttons)])))


def _circumstances(context: CardContext) -> Iterator[str]:
    if context.dry_run_of:
        yield channels.dry_run(context.dry_run_of)
    if context.duplicates:
        yield channels.repeated(context.duplicates)


def _buttons(findings: Sequence[Finding], context: CardContext) -> Iterator[Block]:
    buttons = list(answer.file_buttons(findings, context.case))
    if any(isinstance(finding.error, Reserved) for finding in findings):
        buttons.insert(0, ButtonElement(action_id="hurry", text=channels.BUTTON_HURRY, value=context.case))
    if buttons:
        yield ActionsBlock(elements=buttons)


# Uploads -----------------------------------------------------------------------------------------------

MAX_FILES = 10
"""Files that one question is about."""
MAX_CHARACTERS = 3_000
"""How much of a message the question may take."""


def asked_about(lookups: Iterable[Lookup]) -> list[Lookup]:
    """The files that the question is about: unknown to VirusTotal, or to be uploaded again, and nobody agreed yet."""
    return [lookup for lookup in lookups if lookup.note is Note.NEEDS_CONSENT][:MAX_FILES]


def concerns(lookups: Iterable[Lookup]) -> bool:
    """Whether there is anything to say about uploads."""
    return any(lookup.note in (Note.NEEDS_CONSENT, *NEVER_UPLOADED) for lookup in lookups)


def with_question(message: Message, case: Case, validity: Line, why_not: str = "") -> Message:
    """The answer, followed by the question and its button.

    `validity` says who may press the button until when; `why_not` is a sentence that takes the question's place.
    """
    lines = list(_upload_lines(case.lookups, validity, why_not))
    if not lines:
        return message
    blocks: list[Block] = [rich(*(part for line in lines for part in line))]
    files = asked_about(case.lookups)
    if files and not why_not:
        count = len(files)
        label = files_text.upload(count)
        blocks.append(
            ActionsBlock(elements=[ButtonElement(action_id="upload", text=label, value=case.request.id)])
        )
    # The fallback is what people see when Slack refuses the blocks: then there is no button either.
    plain = fallback(map(_plain, _upload_lines(case.lookups, files_text.WITHOUT_BUTTON, why_not)))
    return Message(
        f"{_first_lines(message.text, MOST_TEXT - len(plain))}\n{plain}",
        (*message.blocks, *rendered(blocks)),
    )


def plain_question(files: Sequence[Lookup]) -> str:
    """The question as plain text, for a terminal."""
    lines: list[Sequence[Part]] = [_upload_question(len(files)), *map(_described, files)]
    return "\n".join(map(_plain, lines))


def progress(files: Iterable[tuple[Lookup, int]]) -> Message:
    """How many bytes of each file were read or sent; without files it is VirusTotal that takes long."""
    lines = [progress_line(lookup, count) for lookup, count in files]
    return note("\n".join(lines) or text.ASKING)


def progress_line(file: Lookup, count: int) -> str:
    """How many bytes of a file were read for its hash or, once that is known, uploaded."""
    sentence = files_text.uploading if file.value else files_text.reading
    return sentence(text.cut(file_name(file.input), 80), text.size(count), text.size(file.size or 0))


def _upload_lines(lookups: Sequence[Lookup], last: str, why_not: str) -> Iterator[list[Part]]:
    files = asked_about(lookups)
    never = [file_name(lookup.input) for lookup in lookups if lookup.note in NEVER_UPLOADED]
    if never and len(lookups) > 1:
        yield [say(f"{files_text.never(never)}\n")]
    if not files:
        return
    if why_not:
        yield [say(f"{why_not}\n")]
        return
    yield _upload_question(len(files))
    yield from map(_described, files)
    if left := sum(lookup.note is Note.NEEDS_CONSENT for lookup in lookups) - len(files):
        yield [say(f"{files_text.more(left)}\n")]
    yield tell(last)


def _upload_question(count: int) -> list[Part]:
    return [bold(files_text.question(count)), say(f" {files_text.WHO_SEES}\n")]


def _described(file: Lookup) -> list[Part]:
    """Name, size, hash and source: what someone agrees to."""
    name, source = text.cut(file_name(file.input), 80), display_name(file.place)
    where = text.cut(files_text.SOURCES.get(source, source), 40)
    about = files_text.described(text.size(file.size or 0), file.value, where)
    return [code(name), say(f" {about}\n")]


def _plain(line: Sequence[Part]) -> str:
    return "".join(str(part.to_dict()["text"]) for part in line).strip()


def _first_lines(plain: str, length: int) -> str:
    return plain if len(plain) < length else plain[:length].rpartition("\n")[0]
