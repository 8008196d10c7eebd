"""Chat markup: undone, so that what is left is what the person typed.

Slack sends a typed `evil.example` as `<http://evil.example|evil.example>`: the label is kept. A link under any
other label is replaced by its address, since the label is only somebody's words about it.
"""

import re

_MARKUP = re.compile(r"<(?:[@#!]|(mailto:|[A-Za-z][A-Za-z0-9+.-]*:))([^<>|]*)(?:\|([^<>]*))?>")
"""A mention, channel or date (no scheme), or a link: its scheme, its address, its label."""


def strip_markup(text: str) -> str:
    """The text without mentions, channels and dates; other links keep their angle brackets, which end them."""
    if "<" in text:
        text = _MARKUP.sub(_plain, text)
    return unescape(text)


def unescape(text: str) -> str:
    """Undoes Slack's three entities. Once only: what was typed may itself look like an entity."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _plain(markup: re.Match[str]) -> str:
    scheme, address, label = markup.groups()
    if scheme is None or scheme == "tel:":
        return " "
    if scheme == "mailto:":
        return f"<{address.partition('?')[0]}>"
    if label and scheme == "http:" and address.strip("/") == label.removeprefix("http://").rstrip("/"):
        return label
    return f"<{scheme}{address}>"
