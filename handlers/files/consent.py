"""Consent: a file that VirusTotal does not know is uploaded once its asker agrees, to that content, within 10 minutes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from handlers import text
from handlers.files.ownership import first, unanswered
from handlers.request import Case
from handlers.text import files as words
from handlers.views.rich_text import MOST_TEXT, Message, Part, bold, code, fallback, rich, say, tell
from vt.capabilities import can_upload
from vt.files.places import display_name
from vt.files.safe_path import file_name
from vt.files.upload_policy import matches_any
from vt.lookup import Lookup
from vt.verdict import NEVER_UPLOADED, Note

LIVES = timedelta(minutes=10)
MOST = 10
"""Files that one question is about."""
CHARACTERS = 3_000
"""What a question takes of a message at most."""


def waiting(lookups: Iterable[Lookup]) -> list[Lookup]:
    """The files that somebody is asked about."""
    return unanswered(lookups)[:MOST]


def concerns(lookups: Iterable[Lookup]) -> bool:
    """Is there anything to say about uploads?"""
    return any(lookup.note in (Note.NEEDS_CONSENT, *NEVER_UPLOADED) for lookup in lookups)


def agreed(lookups: Iterable[Lookup]) -> tuple[Lookup, ...]:
    """The same lookups, when the asker agreed to what the question was about."""
    lookups = tuple(lookups)
    meant = waiting(lookups)
    return tuple(lookup.consented() if lookup in meant else lookup for lookup in lookups)


def over(about: Case, at: datetime) -> bool:
    """Was its question put too long ago?"""
    return all(at - since > LIVES for since in _since(about))


def _since(about: Case) -> Iterator[datetime]:
    """When it was put. Rows from before that was kept know when VirusTotal did not know the files."""
    if about.asked_at:
        yield about.asked_at
        return
    known = [since for file in waiting(about.lookups) if (since := file.reanalyse_after or file.checked_at)]
    yield from sorted(known)[:1]


def offered(lookups: Iterable[Lookup], now: datetime, never: Sequence[str]) -> tuple[Lookup, ...]:
    """The same lookups, with the question about the files that VirusTotal knows. `never`: names that nobody can agree to."""
    return tuple(_offered(one, now, never) if can_upload(one.finding(now)) else one for one in lookups)


def _offered(lookup: Lookup, now: datetime, never: Sequence[str]) -> Lookup:
    if matches_any(file_name(lookup.input), never):
        return lookup.done(Note.NEVER_BY_NAME)
    return lookup.reanalysis_offered(now)


def asked(message: Message, case: Case, policy: str, now: datetime) -> Message:
    """The answer, followed by the question whether its unknown files may be uploaded, or by why it is not put."""
    files = waiting(case.lookups)
    why_not = _why_not(case, policy, now) if files else ""
    lasts = words.lasts(first(case).user, next(_since(case), now) + LIVES)
    lines = list(_lines(case.lookups, why_not, lasts))
    if not lines:
        return message
    blocks: list[Block] = [rich(*(part for line in lines for part in line))]
    if files and not why_not:
        blocks.append(_button(files, case.request.id))
    # Without its blocks the answer has no button.
    plain = fallback(map(_plain, _lines(case.lookups, why_not, words.WITHOUT_BUTTON)))
    return Message(
        f"{_first_lines(message.text, MOST_TEXT - len(plain))}\n{plain}",
        (*message.blocks, *(block.to_dict() for block in blocks)),
    )


def _why_not(case: Case, policy: str, now: datetime) -> str:
    if policy == "deny":
        return words.UPLOADS_DENIED
    return words.OVER if over(case, now) else ""


def _button(files: Sequence[Lookup], case_id: str) -> Block:
    label = words.BUTTON_UPLOAD if len(files) == 1 else words.BUTTON_UPLOAD_ALL.format(count=len(files))
    return ActionsBlock(elements=[ButtonElement(action_id="upload", text=label, value=case_id)])


def _plain(line: Sequence[Part]) -> str:
    return "".join(str(part.to_dict()["text"]) for part in line).strip()


def _first_lines(plain: str, room: int) -> str:
    return plain if len(plain) < room else plain[:room].rpartition("\n")[0]


def in_words(files: Sequence[Lookup]) -> str:
    """The question as plain text, for a terminal."""
    lines: list[Sequence[Part]] = [_question(files), *map(_described, files)]
    return "\n".join(map(_plain, lines))


def _lines(lookups: Sequence[Lookup], why_not: str, last: str) -> Iterator[list[Part]]:
    """The question, line by line. `last`: what is said about its button."""
    files = waiting(lookups)
    never = [file_name(lookup.input) for lookup in lookups if lookup.note in NEVER_UPLOADED]
    if never and len(lookups) > 1:
        yield [say(f"{words.NEVER.format(names=text.cut(', '.join(never), 300))}\n")]
    if not files:
        return
    if why_not:
        yield [say(f"{why_not}\n")]
        return
    yield _question(files)
    yield from map(_described, files)
    if left := sum(lookup.note == Note.NEEDS_CONSENT for lookup in lookups) - len(files):
        yield [say(f"{words.MORE.format(count=left)}\n")]
    yield tell(last)


def _question(files: Sequence[Lookup]) -> list[Part]:
    return [bold(words.question(len(files))), say(f" {words.WHO_SEES}\n")]


def _described(file: Lookup) -> list[Part]:
    """Name, size, hash and source: what someone agrees to."""
    name, source = text.cut(file_name(file.input), 80), display_name(file.place)
    where = text.cut(words.SOURCES.get(source, source), 40)
    about = words.described(text.size(file.size or 0), file.value, where)
    return [code(name), say(f" {about}\n")]
