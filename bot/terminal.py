"""The operator's terminal: messages as lines on it, and the commands doctor, audit and forget."""

import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bot import storage
from bot.backend import backend
from bot.database import Database
from bot.instances import instances
from bot.manifest import SCOPES, Mode
from bot.settings import Settings
from bot.startup import database
from bot.storage.history import AuditTrail, Entry
from handlers.case import StoreDown
from handlers.text import about
from handlers.text import terminal as terminal_text
from handlers.text.findings import ICONS
from handlers.text.format import Audience, outside
from handlers.text.language import line
from handlers.turns.about import Probe, health
from handlers.views import messages
from handlers.views.rich_text import Message, clean
from vt.verdict import State

DONE, NOT_DONE, WRONG, FAILED, SPENT = range(5)  # exit statuses
Json = Mapping[str, Any]
AUDIT_COLUMNS = ("at", "outcome", "calls", "user", "channel", "way", "verb", "what")
"""The instance of VirusTotal is one more, if there is a choice."""
LONGEST_CELL = 64  # characters to which the columns of a table are aligned: a SHA-256
COLOURS = {
    State.RISKY: "red",
    State.SUSPICIOUS: "dark_orange",
    State.CLEAN: "green",
    State.PENDING: "yellow",
    State.NOT_CHECKED: "magenta",
}


def operator(settings: Settings) -> Audience:
    """The reader at a terminal, to whom settings may be named."""
    return Audience(settings.contact, operator=True)


async def doctor(settings: Settings) -> int:
    """Check what the settings name: exit status 1 when something does not answer, or Slack has not granted a scope."""
    from bot.slack_client import web_client  # noqa: PLC0415 - only this command speaks to Slack

    kinds = {name: one.kind for name, one in instances(settings).items()}
    show(messages.note(terminal_text.doctor(settings.mode.value, kinds)))
    async with backend(settings) as parts, web_client(settings) as slack:
        probes: dict[str, Probe] = {**parts.pings(), "database": parts.cases.ping}
        if settings.mode is not Mode.NONE:
            probes["slack"] = slack.api_test if settings.is_oauth else slack.auth_test
        status = await healthy(probes, operator(settings))
        if settings.is_oauth:
            from bot.oauth import examined  # noqa: PLC0415 - with one fixed token nothing of it is needed

            told, is_well = await examined(settings, parts, slack)
            show(messages.note(told))
            return status if is_well else NOT_DONE
        missing = sorted(SCOPES.keys() - slack.access.granted) if slack.access.granted is not None else []
        if missing:
            show(messages.note(terminal_text.missing_scopes(missing)))
        return NOT_DONE if missing else status


async def healthy(probes: Mapping[str, Probe], audience: Audience) -> int:
    """Show what answers and what does not: exit status 1 when something does not."""
    found = await health(probes, audience)
    show(messages.note(about.ping(found)))
    return NOT_DONE if any(fault for _, fault in found.values()) else DONE


async def audit(settings: Settings, since: datetime, *, as_json: bool, request_id: str | None = None) -> int:
    """Write the audit trail from then on, the oldest entry first, or only the request with that id.

    Exit status 1 when there is no such request, or the database does not answer.
    """
    columns = (*AUDIT_COLUMNS, "instance") if len(instances(settings)) > 1 else AUDIT_COLUMNS

    async def written(kept: Database) -> int:
        entry = None if request_id is None else await AuditTrail(kept).find(request_id)
        if request_id is not None and entry is None:
            say(line(terminal_text.NO_REQUEST, id=outside(request_id, 80)))
            return NOT_DONE
        try:
            if not as_json:
                sys.stdout.write("\t".join(columns) + "\n")
            async for one in _only(entry) if entry else AuditTrail(kept).since(since):
                sys.stdout.write(f"{_as_json(one) if as_json else _as_row(one, columns)}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read it has read enough. What is still buffered must not complain at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE

    return await _with_database(settings, written)


def _as_json(entry: Entry) -> str:
    """An entry as one line of JSON, with the instance if it is not VT_API_KEY's."""
    known = {**asdict(entry), "at": _time_of(entry)}
    known |= {} if known.pop("instance") == "" else {"instance": entry.instance}
    return json.dumps(known, ensure_ascii=False)


def _as_row(entry: Entry, columns: Sequence[str]) -> str:
    """An entry's columns, separated by tabs; no value can hold a tab or a line break."""
    outcome = f"{entry.outcome}: {entry.why}" if entry.why else entry.outcome
    what = ", ".join(f"{one['action']} {one['value']}" for one in entry.what)
    shown = {**asdict(entry), "at": _time_of(entry), "outcome": outcome, "what": what}
    return "\t".join(clean(str(shown[column])).replace("\n", " ") for column in columns)


def _time_of(entry: Entry) -> str:
    return entry.at.astimezone(UTC).isoformat(timespec="seconds")


async def _only(entry: Entry) -> AsyncIterator[Entry]:
    yield entry


async def forget(settings: Settings, team: str) -> int:
    """Delete all that is kept for a workspace, or an organization's: exit status 1 when the database does not answer."""

    async def deleted(kept: Database) -> int:
        show(messages.note(terminal_text.forgotten(team, await storage.forget(kept, team))))
        return DONE

    return await _with_database(settings, deleted)


async def _with_database(settings: Settings, work: Callable[[Database], Awaitable[int]]) -> int:
    """The exit status of some work: 1 when the database does not answer."""
    async with database(settings) as url:
        kept = Database(url)
        try:
            return await work(kept)
        except StoreDown:
            say(terminal_text.DATABASE_SILENT)
            return NOT_DONE
        finally:
            await kept.close()


def say(line: str) -> None:
    """Write one line to stderr, without control characters, which the name of a file may hold."""
    sys.stderr.write(f"vtbot: {clean(line).replace(chr(10), ' ')}\n")


def show(message: Message) -> None:
    """Write a message to stdout, in colours if that is a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    for shown in lines(message.blocks, message.text):
        console.print(shown)


def new_file(name: str, content: bytes) -> Path:
    """Write a file of that name into the current folder; with a number if there is one already. Raises OSError."""
    path = Path(name)
    for number in count(2):
        with suppress(FileExistsError), path.open("xb") as file:
            file.write(content)
            break
        path = Path(name).with_stem(f"{Path(name).stem}-{number}")
    return path


def lines(blocks: Sequence[Json], text: str, name_of: Callable[[str], str] = str) -> list[Text]:
    """A message as lines: its blocks, or its plain text when it has none. Buttons have numbers.

    `name_of`: the name of a person or channel by id, where names are known.
    """
    if not blocks:
        return [Text(_without_marks(text, name_of))]
    numbers = iter(range(1, 100))
    return [line for block in blocks for line in _block(block, numbers, name_of)]


def _block(block: Json, numbers: Iterator[int], name_of: Callable[[str], str]) -> Iterator[Text]:
    match block["type"]:
        case "rich_text":
            for part in block["elements"]:
                yield from _lines(part, name_of)
        case "header":
            shown = str(block["text"]["text"])
            yield Text(shown, style=_bold(shown))
        case "section":
            texts = [block["text"]] if "text" in block else []
            yield from (Text(_plain(one, name_of)) for one in (*texts, *block.get("fields", ())))
        case "context":
            texts = [_plain(element, name_of) for element in block["elements"]]
            yield Text(" · ".join(texts), style="dim")
        case "container":
            yield Text(str(block["title"]["text"]), style="dim")
            yield from (line for inner in block["child_blocks"] for line in _block(inner, numbers, name_of))
        case "table":
            yield from _table(block["rows"], name_of)
        case "actions":
            labels = [label for element in block["elements"] for label in _labels(element)]
            yield Text("  ".join(f"({next(numbers)}) {label}" for label in labels), style="cyan")
        case _:
            yield Text(str(block.get("text", "")))


def _plain(element: Json, name_of: Callable[[str], str]) -> str:
    """A text object as Slack would show it."""
    text = str(element["text"])
    is_plain = element["type"] != "mrkdwn"
    return text if is_plain else _without_marks(re.sub(r"^\*([^*]+)\*", r"\1", text), name_of)


def _without_marks(mrkdwn: str, name_of: Callable[[str], str]) -> str:
    """Text as Slack would show it: `<@U1>` is @ and a name, a moment its fixed form."""
    shown = re.sub(r"<([@#])(\w+)>", lambda found: found[1] + name_of(found[2]), mrkdwn)
    shown = re.sub(r"<(?:[^<>|]*\|)?([^<>]*)>", r"\1", shown)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _table(rows: Sequence[Sequence[Json]], name_of: Callable[[str], str]) -> Iterator[Text]:
    """Rows with aligned columns; the last one may be of any length."""
    cells = [[_lines(part, name_of)[0] for cell in row for part in cell["elements"]] for row in rows]
    widths = [min(LONGEST_CELL, max(map(len, column))) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell + Text(" " * (width - len(cell))) for cell, width in zip(row, widths, strict=True))
        line = Text("  ").join(padded)
        line.rstrip()
        yield line


def _labels(element: Json) -> list[str]:
    """What can be pressed; each entry of an overflow menu has a number of its own, as in the workspace."""
    entries = element["options"] if element["type"] == "overflow" else [element]
    texts = (one.get("text") or one.get("placeholder") for one in entries)
    return [text["text"] if text else element["action_id"] for text in texts]


def _lines(part: Json, name_of: Callable[[str], str]) -> list[Text]:
    text = Text("▌ ", style="yellow") if part["type"] == "rich_text_quote" else Text()
    for piece in part["elements"]:
        text.append(_said(piece, name_of), style=_style(piece))
    text.rstrip()
    return list(text.split("\n"))


def _said(piece: Json, name_of: Callable[[str], str]) -> str:
    """The text of a piece: a time as its fallback, a person or a channel by name."""
    kind = piece["type"]
    if mark := {"user": "@", "channel": "#"}.get(kind):
        return mark + name_of(piece[f"{kind}_id"])
    return str(piece["fallback"] if kind == "date" else piece.get("text") or piece.get("url", ""))


def _style(piece: Json) -> str:
    if "url" in piece:
        return f"underline link {piece['url']}"
    return _bold(piece["text"]) if piece.get("style", {}).get("bold") else ""


def _bold(shown: str) -> str:
    return "bold " + next((colour for state, colour in COLOURS.items() if ICONS[state] in shown), "")
