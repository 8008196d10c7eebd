"""What is done in a terminal without Slack: one answer, a check of the settings."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.text import Text

from bot import file_sources
from bot.backend import Backend, backend, utc_now
from bot.question import NoQuestion, Question, command
from bot.settings import Mode, Settings
from bot.slack_client import web_client
from handlers import text
from handlers.commands import Command, LookupCommand, UsageError
from handlers.deps import StoreDown
from handlers.request import Verb
from handlers.text import about, modals
from handlers.text import files as files_text
from handlers.text.format import Audience
from handlers.turns import consent
from handlers.turns.about import Probe, health
from handlers.turns.answers import INTERVAL
from handlers.views import answer, messages
from handlers.views.answer import AnswerContext
from handlers.views.rich_text import Message, clean
from vt.errors import Internal, Unsupported
from vt.lookup import Lookup
from vt.privacy import UploadPolicy
from vt.results import json_result
from vt.service import Lookups, Service, next_turn
from vt.verdict import Finding, Note, State

DONE, NOT_DONE, WRONG, FAILED = range(4)
"""Exit statuses."""
Json = Mapping[str, Any]
COLOURS = {
    "RISKY": "red",
    "SUSPICIOUS": "dark_orange",
    "CLEAN": "green",
    "PENDING": "yellow",
    "NOT CHECKED": "magenta",
}


async def ask(settings: Settings, question: Question) -> int:
    """One answer.

    Exit status 1 when something could not be checked, 2 when the question is wrong, 3 for what `--fail-on` names.
    """
    try:
        wanted = command(question.line, settings.thresholds)
    except NoQuestion:
        _say(about.NO_QUESTION)
        return WRONG
    except UsageError as usage_error:
        _say(text.usage_error(usage_error, _operator(settings)))
        return WRONG
    if wanted.verb is Verb.HELP:
        _show(messages.help_message())
        return DONE
    wrong = wanted.wrong if isinstance(wanted, LookupCommand) else ()
    if wrong:
        _say(text.wrong_values(wrong))
    if isinstance(wanted, LookupCommand):
        wanted = replace(wanted, lookups=tuple(map(file_sources.from_dash, wanted.lookups)))
    lookups = wanted.lookups if isinstance(wanted, LookupCommand) else ()
    if file_sources.stdin_is_closed(lookups):
        _say(files_text.NO_STDIN)
        return WRONG
    try:
        async with (
            file_sources.stdin_kind(settings, lookups) as kinds,
            backend(settings, kinds=kinds) as parts,
        ):
            status = await _answer(parts, wanted, settings, question)
            return NOT_DONE if wrong and status == DONE else status
    except StoreDown:
        _say(text.CANNOT_TAKE)
        return NOT_DONE


async def _answer(parts: Backend, wanted: Command, settings: Settings, question: Question) -> int:
    policy, audience = settings.upload_policy, _operator(settings)
    if wanted.verb is Verb.PING:
        return await _healthy({"key": parts.service.client.ping, "database": parts.cases.ping}, audience)
    if wanted.verb is Verb.QUOTA:
        _show(messages.note(about.quota(await parts.quota_store.left())))
        return DONE
    if not isinstance(wanted, LookupCommand):
        _say(modals.ONLY_IN_SLACK)
        return WRONG
    if not wanted.lookups:
        _say(text.NO_MAIL)
        return WRONG
    prepared = await _prepared(parts.service, wanted.lookups, policy)
    lookups = await _settled(parts.service, prepared, fresh=wanted.fresh)
    if files := messages.asked_about(lookups):
        left = sum(lookup.note is Note.NEEDS_CONSENT for lookup in lookups) - len(files)
        if policy is UploadPolicy.CONFIRM and await _agrees(files, left):
            lookups = await _settled(parts.service, consent.agree(lookups))
        else:
            _say(files_text.UPLOADS_DENIED if policy is UploadPolicy.DENY else files_text.NOT_AGREED)
    found = [lookup.finding(utc_now()) for lookup in lookups]
    if question.as_json:
        sys.stdout.write(json.dumps(json_result(found), ensure_ascii=False, indent=1) + "\n")
    else:
        context = AnswerContext("", utc_now(), final=False, invented=parts.invented, audience=audience)
        _show(answer.answer(found, context))
    if question.fail_on and any(map(question.fail_on.fails, found)):
        return FAILED
    return NOT_DONE if any(map(_missing, found)) else DONE


def _operator(settings: Settings) -> Audience:
    """Whoever is at a terminal may read the settings' names."""
    return Audience(settings.contact, operator=True)


async def _prepared(service: Service, lookups: Lookups, policy: UploadPolicy) -> Lookups:
    allowed = tuple(one.auto_consented() for one in lookups) if policy is UploadPolicy.ALLOW else lookups
    return await service.expand(allowed)


async def _agrees(files: Sequence[Lookup], left: int) -> bool:
    """Asked at a terminal, and nowhere else: a script cannot agree by chance. `left`: files that are not asked about."""
    with file_sources.keyboard(files) as keyboard:
        if keyboard is None or not sys.stderr.isatty():
            return False
        if left:
            _say(files_text.MORE.format(count=left))
        sys.stderr.write(f"vtbot: {messages.plain_question(files)} [y/N] ")
        sys.stderr.flush()
        return (await asyncio.to_thread(keyboard.readline)).strip().lower() in ("y", "yes")


def _missing(finding: Finding) -> bool:
    """Not checked though it could be; that an internal address is not sent is an answer."""
    if finding.note is Note.NEEDS_CONSENT:
        return True
    return finding.state is State.NOT_CHECKED and not isinstance(finding.error, Internal | Unsupported)


class _Progress:
    """Says on stderr how far a file is, at most every three seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def on_bytes(self, lookup: Lookup, count: int) -> None:
        """Take note of how many bytes of a file were read, or uploaded, so far."""
        if time.monotonic() - self._last > INTERVAL:
            self._last = time.monotonic()
            _say(messages.progress_line(lookup, count))


async def _settled(service: Service, lookups: Lookups, *, fresh: bool = False) -> Lookups:
    """Go on until everything is settled, and say on stderr what is waited for."""
    progress = _Progress()
    while True:
        async for board in service.advance(lookups, progress.on_bytes, fresh=fresh):
            lookups = board
        at = next_turn(lookups)
        if at is None:
            return lookups
        for lookup in lookups:
            if not lookup.settled:
                _say(text.waiting(lookup.finding(utc_now()), utc_now()))
        await asyncio.sleep(max(0.0, (at - utc_now()).total_seconds()))


async def doctor(settings: Settings) -> int:
    """Check what the settings name: exit status 1 when something does not answer."""
    _show(
        messages.note(
            about.doctor(settings.mode.value, settings.vt_key_kind, invented=settings.vt_api_key is None)
        )
    )
    async with backend(settings) as parts, web_client(settings) as slack:
        probes: dict[str, Probe] = {"key": parts.service.client.ping, "database": parts.cases.ping}
        if settings.mode is not Mode.NONE:
            probes["slack"] = slack.auth_test
        return await _healthy(probes, _operator(settings))


async def _healthy(probes: Mapping[str, Probe], audience: Audience) -> int:
    found = await health(probes, audience)
    _show(messages.note(about.ping(found)))
    return NOT_DONE if any(fault for _, fault in found.values()) else DONE


def _say(line: str) -> None:
    """One line about the work, whatever a file in it is called: a name must not speak to the terminal."""
    sys.stderr.write(f"vtbot: {clean(line).replace(chr(10), ' ')}\n")


def _show(message: Message) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for line in lines(message.blocks, message.text):
        console.print(line)


def lines(blocks: Sequence[Json], text: str) -> list[Text]:
    """A message as lines: its blocks, or its plain text when it has none. Buttons have numbers."""
    if not blocks:
        return [Text(text)]
    numbers = iter(range(1, 100))
    return [line for block in blocks for line in _block(block, numbers)]


def _block(block: Json, numbers: Iterator[int]) -> Iterator[Text]:
    match block["type"]:
        case "rich_text":
            for part in block["elements"]:
                yield from _lines(part)
        case "context":
            yield Text(
                " · ".join(_without_marks(element["text"]) for element in block["elements"]), style="dim"
            )
        case "actions":
            labels = [label for element in block["elements"] for label in _labels(element)]
            yield Text("  ".join(f"({next(numbers)}) {label}" for label in labels), style="cyan")
        case _:
            yield Text(str(block.get("text", "")))


def _without_marks(mrkdwn: str) -> str:
    """Text as Slack would show it, but for names, which are not known here: `<@U1>` is @U1, a moment its fixed form."""
    shown = re.sub(r"<(?:[^<>|]*\|)?([^<>]*)>", r"\1", mrkdwn)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _labels(element: Json) -> list[str]:
    """What can be pressed; each entry of an overflow menu has a number of its own, as in the workspace."""
    entries = element["options"] if element["type"] == "overflow" else [element]
    return [
        (one.get("text") or one.get("placeholder") or {"text": element["action_id"]})["text"]
        for one in entries
    ]


def _lines(part: Json) -> list[Text]:
    text = Text("▌ ", style="yellow") if part["type"] == "rich_text_quote" else Text()
    for piece in part["elements"]:
        text.append(_said(piece), style=_style(piece))
    text.rstrip()
    return list(text.split("\n"))


def _said(piece: Json) -> str:
    """A moment as its fixed form; somebody or a channel by id, which is all that is known here."""
    match piece["type"]:
        case "date":
            return str(piece["fallback"])
        case "user":
            return f"@{piece['user_id']}"
        case "channel":
            return f"#{piece['channel_id']}"
        case _:
            return str(piece.get("text") or piece.get("url", ""))


def _style(piece: Json) -> str:
    if "url" in piece:
        return f"underline link {piece['url']}"
    if not piece.get("style", {}).get("bold"):
        return ""
    return "bold " + next((colour for state, colour in COLOURS.items() if state in piece["text"]), "")
