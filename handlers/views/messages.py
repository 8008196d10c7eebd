"""What the bot says besides answers: a sentence, help, the card in a thread, questions, progress, and its home. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from handlers.case import Case, Sighting
from handlers.request import Detail
from handlers.text import about, channels, modals
from handlers.text import files as files_text
from handlers.text import usage as usage_text
from handlers.text.findings import ICONS, verdict_words
from handlers.text.format import beside, cut, minute, size
from handlers.text.language import Channel, Line, line
from handlers.views import answer
from handlers.views.rich_text import (
    MOST_TEXT,
    Message,
    Part,
    bold,
    clean,
    code,
    fallback,
    rendered,
    rich,
    say,
    sentence,
    tell,
)
from handlers.watch import Duplicate
from vt.actions import ACTIONS, BY_KEY
from vt.errors import Reserved
from vt.files.hosts import display_name
from vt.files.provider import file_name
from vt.indicators import defang
from vt.lookup import Lookup
from vt.verdict import NEVER_UPLOADED, Finding, Note


def note(line: str) -> Message:
    """A message of one sentence of ours."""
    return Message(fallback([line]), rendered([sentence(line)]))


def form_offer(modal_id: str) -> Message:
    """The message that offers the form again, when it could not be opened in time; what was typed is kept."""
    button = ButtonElement(action_id="form", text=usage_text.OPEN_FORM, value=modal_id)
    blocks = [rich(say(usage_text.FORM_AGAIN)), ActionsBlock(elements=[button])]
    return Message(fallback([usage_text.FORM_AGAIN]), rendered(blocks))


def help_message(*, has_choice: bool = False) -> Message:
    """The message for /vt help. `has_choice`: there are several instances of VirusTotal."""
    typed = [*usage_text.help_lines(), *([about.INSTANCE_HELP] if has_choice else [])]
    rows = [part for form, does in typed for part in (code(form), say(f" {does}\n"))]
    blocks = [rich(say(usage_text.HELP_HEAD)), rich(*rows), rich(say(usage_text.HELP_STATES))]
    lines = [
        usage_text.HELP_HEAD,
        *(f"{form}: {does}" for form, does in typed),
        usage_text.HELP_STATES,
    ]
    return Message(fallback(lines), rendered(blocks))


# The card ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardContext(answer.AnswerContext):
    """What a card says and offers beside the verdicts."""

    duplicates: tuple[Duplicate, ...] = ()
    dry_run_of: str = ""
    """The channel in which the card would have been posted, for a dry run."""
    detail: Detail = Detail.SHORT


def card(findings: Sequence[Finding], context: CardContext) -> Message:
    """The card: the worst verdict first; those that are waited for say until when."""
    return answer.composed(findings, context, _buttons(findings, context), list(_circumstances(context)))


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
        yield line(channels.DRY_RUN, channel=Channel(context.dry_run_of))
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
        label = files_text.upload(len(files))
        button = ButtonElement(action_id="upload", text=label, value=case.request.id)
        blocks.append(ActionsBlock(elements=[button]))
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
    return note("\n".join(lines) or about.ASKING)


def progress_line(file: Lookup, count: int) -> str:
    """How many bytes of a file were read for its hash or, once that is known, uploaded."""
    sentence = files_text.uploading if file.value else files_text.reading
    return sentence(cut(file_name(file.input), 80), size(count), size(file.size or 0))


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
    name, source = cut(file_name(file.input), 80), display_name(file.place)
    where = cut(files_text.SOURCES.get(source, source), 40)
    described = files_text.described(size(file.size or 0), file.value, where)
    return [code(name), say(f" {described}\n")]


def _plain(line: Sequence[Part]) -> str:
    return "".join(str(part.to_dict()["text"]) for part in line).strip()


def _first_lines(plain: str, length: int) -> str:
    return plain if len(plain) < length else plain[:length].rpartition("\n")[0]


# The home ----------------------------------------------------------------------------------------------

EXAMPLES = ACTIONS[:3]
SUBJECT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class HomeContent:
    """What one person sees."""

    now: datetime
    latest: Sequence[Sighting]  # their last lookups, the newest first
    left: Mapping[str, Mapping[str, tuple[int, int]]]
    """Calls used and allowed, by window, of each instance of VirusTotal by name: "" where there is no choice."""
    channels: Sequence[str]
    """Ids of channels with settings of their own that this person may change."""
    health: Mapping[str, tuple[float, str]]
    """By part, the seconds it took and what is wrong with it ("" when nothing is); empty for people who are no admins."""
    invented: bool = False
    """The sandbox answers instead of VirusTotal."""


def home(content: HomeContent) -> View:
    """The whole home."""
    sections = (_what_it_does, _latest, _quota, _channels, _health)
    return View(type="home", blocks=[block for section in sections for block in section(content)])


def closed_home(why: str) -> View:
    """The home of someone who may not use the bot: one sentence that says why."""
    return View(type="home", blocks=[sentence(why)])


def _what_it_does(content: HomeContent) -> Iterator[Block]:
    yield HeaderBlock(text=usage_text.FORM_TITLE)
    yield rich(say(usage_text.HELP_HEAD))
    if content.invented:
        yield rich(say(about.INVENTED))
    labels = {one.key: cut(f"{one.title} {defang(one.example)}", 75) for one in EXAMPLES}
    buttons = [ButtonElement(action_id=f"example:{key}", text=labels[key], value=key) for key in labels]
    yield ActionsBlock(elements=[*buttons, ButtonElement(action_id="home-form", text=usage_text.OPEN_FORM)])
    yield rich(say(modals.EXAMPLES_GO))
    yield rich(say(usage_text.HELP_STATES))


def _latest(content: HomeContent) -> Iterator[Block]:
    yield DividerBlock()
    yield rich(bold(modals.YOUR_LATEST))
    parts = [part for one in content.latest for part in _row(one)]
    yield rich(*parts) if parts else rich(say(modals.NOTHING_YET))


def _row(one: Sighting) -> Iterator[Part]:
    hidden = one.without_secrets()
    what = one.input if BY_KEY[one.action].files else defang(hidden.value or hidden.input)
    yield bold(f"{ICONS[one.state]} {verdict_words(one.state, one.count, one.total)}")
    yield say("  ")
    yield code(cut(clean(what), SUBJECT_CHARACTERS))
    if one.at:
        yield say("  ")
        yield from tell(minute(one.at))
    yield say("\n")


def _quota(content: HomeContent) -> Iterator[Block]:
    yield DividerBlock()
    for name, left in content.left.items():
        yield rich(
            bold(f"{beside(modals.QUOTA_LEFT, name) if name else modals.QUOTA_LEFT}: "),
            say(modals.left(left)),
        )


def _channels(content: HomeContent) -> Iterator[Block]:
    if not content.channels:
        return
    yield DividerBlock()
    yield rich(bold(modals.CHANNELS), say(f"\n{modals.CHANNELS_HOW}"))
    for channel in content.channels:
        yield SectionBlock(
            text=MarkdownTextObject(text=f"<#{channel}>", verbatim=True),
            accessory=ButtonElement(action_id="home-settings", text=channels.SETTINGS, value=channel),
        )


def _health(content: HomeContent) -> Iterator[Block]:
    if content.health:
        yield DividerBlock()
        yield rich(bold(modals.HEALTH), say("\n"), *tell(about.ping(content.health)))
        yield ActionsBlock(elements=[ButtonElement(action_id="home-check", text=modals.CHECK_KEY)])
