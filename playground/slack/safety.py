"""What is alive in something shown: links, and calls to people and channels."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_LIVE = re.compile(r"https://(?:www\.)?virustotal\.com/|https://[a-z0-9-]+\.slack\.com/|slack://")
_MARKED = re.compile(r"<([a-z][a-z0-9+.-]*:[^|>]+)", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w/.\[\]<])(?:https?://|ftp://|www\.)[^\s|>`]+", re.IGNORECASE)
_CALLED = re.compile(r"<!(?:here|channel|everyone|subteam\^)", re.IGNORECASE)
_NAMED = re.compile(r"<[@#]([A-Z0-9]+)")
_URL_FIELDS = ("url", "image_url", "thumbnail_url", "title_url", "video_url")


def links(content: Any) -> list[str]:
    """Every link that a client would make of this, dead or alive, without those of buttons."""
    return [link for node in nodes(content) for link in _links(node)]


def live_links(content: Any) -> Iterator[str]:
    """A sentence for each link, of buttons and pictures too, that leads neither to VirusTotal nor to Slack."""
    for node in nodes(content):
        yield from (f"live link {url[:80]!r}" for url in _targets(node) if not _LIVE.match(url))


def strange_calls(content: Any, told: Collection[str]) -> Iterator[str]:
    """A sentence for each call to a group, and for each name that is not among those told."""
    for node in nodes(content):
        yield from _mentions(node, told)


def _targets(node: Mapping[str, Any]) -> Iterator[str]:
    yield from _links(node)
    if node.get("type") != "link":
        yield from (node[key] for key in _URL_FIELDS if isinstance(node.get(key), str))


def _links(node: Mapping[str, Any]) -> Iterator[str]:
    if node.get("type") == "link":
        yield node["url"]
    if text := _marked_up(node):
        yield from _MARKED.findall(text)
        yield from _BARE.findall(text)


def _mentions(node: Mapping[str, Any], told: Collection[str]) -> Iterator[str]:
    text = _marked_up(node)
    if _CALLED.search(text) or node.get("type") in ("broadcast", "usergroup"):
        yield f"calls a whole channel or group: {text[:80]!r}"
    named = [*_NAMED.findall(text), *(node[k] for k in ("user_id", "channel_id") if k in node)]
    yield from (
        f"mentions {name!r}, which the bot was never told about" for name in named if name not in told
    )


def _marked_up(node: Mapping[str, Any]) -> str:
    """Text of this node in which Slack looks for links and mentions."""
    text = node.get("text")
    return text if isinstance(text, str) and node.get("type") in ("mrkdwn", "markdown", None) else ""


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in it, the outermost first. Every check of a message begins here, so each test waits for it."""
    left = [value]
    while left:
        value = left.pop()
        inner = value
        if isinstance(value, dict):
            yield value
            inner = value.values()
        elif not isinstance(value, list):
            continue
        left += [item for item in inner if isinstance(item, (dict, list))][::-1]
