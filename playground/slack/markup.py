"""What Slack makes of typed text on its way to a bot: entities, links, mentions, rich text."""

import re
from collections.abc import Iterator
from typing import Any

from playground.slack.records import Person
from playground.slack.state import State

_TOKEN = re.compile(
    r"(?P<url>https?://[^\s<>|]+)"
    r"|(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w/])@(?P<person>[\w-]+)"
    r"|(?<![\w/&])#(?P<channel>[\w-]+)"
    r"|(?<![\w@./\[-])(?P<host>(?:[a-z0-9-]+\.)+(?:com|net|org|io|ru|de|co|info|biz|xyz|top|app|dev)\b(?:/[^\s<>|]*)?)",
    re.IGNORECASE,
)
_MARK = re.compile(r"<([^<>]*)>")
_TRAILING = ".,;:!?)'\""
_CALLS = ("here", "channel", "everyone")


def escape(text: str) -> str:
    """With `&`, `<` and `>` as entities, and nothing else."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The other way round."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def marked(state: State, text: str, *, labels: bool = False) -> str:
    """As a bot gets it: links and mentions in `<…>`. `labels`: with names, as slash commands have them."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        mark, length = _mark(state, match, labels=labels)
        parts += [escape(text[end : match.start()]), mark]
        end = match.start() + length
    return "".join([*parts, escape(text[end:])])


def _mark(state: State, match: re.Match[str], *, labels: bool) -> tuple[str, int]:
    """The mark for a match, and how much of the text it stands for."""
    kind, found = str(match.lastgroup), match[0]
    if kind in ("url", "host"):
        found = found.rstrip(_TRAILING)
        safe = escape(found)
        return (f"<{safe}>" if kind == "url" else f"<http://{safe}|{safe}>"), len(found)
    if kind == "mail":
        return f"<mailto:{found}|{found}>", len(found)
    return _named(state, kind, match[kind], labels=labels) or escape(found), len(found)


def _named(state: State, kind: str, name: str, *, labels: bool) -> str | None:
    if kind == "person" and name in _CALLS:
        return f"<!{name}>"
    try:
        if kind == "channel":
            channel = state.channel(name)
            return f"<#{channel.id}|{channel.name}>"
        person = mentioned(state, name)
    except LookupError:
        return None
    return f"<@{person.id}|{person.name}>" if labels else f"<@{person.id}>"


def mentioned(state: State, name: str) -> Person:
    """Whom `@name` means: a name, or the display name of an app, in letters of either case. LookupError: nobody."""
    for person in state.people.values():
        names = [person.id, person.name, *([person.real_name] if person.bot_id else [])]
        if name.lower() in [one.lower() for one in names]:
            return person
    raise LookupError(f"there is nobody called {name!r}")


def rich(text: str) -> tuple[dict[str, Any], ...]:
    """The rich_text block that Slack puts beside a person's text."""
    if not text:
        return ()
    section = {"type": "rich_text_section", "elements": list(_elements(text))}
    return ({"type": "rich_text", "block_id": "typed", "elements": [section]},)


def _elements(text: str) -> Iterator[dict[str, Any]]:
    for position, part in enumerate(_MARK.split(text)):
        if position % 2:
            yield _element(part)
        elif part:
            yield {"type": "text", "text": unescape(part)}


def _element(mark: str) -> dict[str, Any]:
    target, _, label = mark.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!"):
        return {"type": "broadcast", "range": target[1:]}
    link = {"type": "link", "url": unescape(target)}
    return link | ({"text": unescape(label)} if label else {})
