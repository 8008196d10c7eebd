"""What people see of uploads: the question whether files may be uploaded, and how far each file is. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from handlers import text
from handlers.case import Case
from handlers.text import files as words
from handlers.text.format import Line
from handlers.views import answer
from handlers.views.rich_text import MOST_TEXT, Message, Part, bold, code, fallback, rich, say, tell
from vt.files.hosts import display_name
from vt.files.safe_path import file_name
from vt.lookup import Lookup
from vt.verdict import NEVER_UPLOADED, Note

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
    lines = list(_lines(case.lookups, validity, why_not))
    if not lines:
        return message
    blocks: list[Block] = [rich(*(part for line in lines for part in line))]
    files = asked_about(case.lookups)
    if files and not why_not:
        count = len(files)
        label = words.BUTTON_UPLOAD if count == 1 else words.BUTTON_UPLOAD_ALL.format(count=count)
        blocks.append(
            ActionsBlock(elements=[ButtonElement(action_id="upload", text=label, value=case.request.id)])
        )
    # The fallback is what people see when Slack refuses the blocks: then there is no button either.
    plain = fallback(map(_plain, _lines(case.lookups, words.WITHOUT_BUTTON, why_not)))
    return Message(
        f"{_first_lines(message.text, MOST_TEXT - len(plain))}\n{plain}",
        (*message.blocks, *(block.to_dict() for block in blocks)),
    )


def plain_question(files: Sequence[Lookup]) -> str:
    """The question as plain text, for a terminal."""
    lines: list[Sequence[Part]] = [_question(len(files)), *map(_described, files)]
    return "\n".join(map(_plain, lines))


def progress(files: Iterable[tuple[Lookup, int]]) -> Message:
    """How many bytes of each file were read or sent; without files it is VirusTotal that takes long."""
    lines = [progress_line(lookup, count) for lookup, count in files]
    return answer.note("\n".join(lines) or text.ASKING)


def progress_line(file: Lookup, count: int) -> str:
    """How many bytes of a file were read for its hash or, once that is known, uploaded."""
    sentence = words.uploading if file.value else words.reading
    return sentence(text.cut(file_name(file.input), 80), text.size(count), text.size(file.size or 0))


def _lines(lookups: Sequence[Lookup], last: str, why_not: str) -> Iterator[list[Part]]:
    files = asked_about(lookups)
    never = [file_name(lookup.input) for lookup in lookups if lookup.note in NEVER_UPLOADED]
    if never and len(lookups) > 1:
        yield [say(f"{words.NEVER.format(names=text.cut(', '.join(never), 300))}\n")]
    if not files:
        return
    if why_not:
        yield [say(f"{why_not}\n")]
        return
    yield _question(len(files))
    yield from map(_described, files)
    if left := sum(lookup.note is Note.NEEDS_CONSENT for lookup in lookups) - len(files):
        yield [say(f"{words.MORE.format(count=left)}\n")]
    yield tell(last)


def _question(count: int) -> list[Part]:
    return [bold(words.question(count)), say(f" {words.WHO_SEES}\n")]


def _described(file: Lookup) -> list[Part]:
    """Name, size, hash and source: what someone agrees to."""
    name, source = text.cut(file_name(file.input), 80), display_name(file.place)
    where = text.cut(words.SOURCES.get(source, source), 40)
    about = words.described(text.size(file.size or 0), file.value, where)
    return [code(name), say(f" {about}\n")]


def _plain(line: Sequence[Part]) -> str:
    return "".join(str(part.to_dict()["text"]) for part in line).strip()


def _first_lines(plain: str, length: int) -> str:
    return plain if len(plain) < length else plain[:length].rpartition("\n")[0]
