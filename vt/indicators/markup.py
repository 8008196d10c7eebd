"""Chat markup taken away, so that what is left is what was typed.

`<http://evil.example|evil.example>` is what the client made of a typed `evil.example`: the label stands. A link
under any other label is its address; the label is somebody's words about it. Mentions, channels and dates go.
"""

import re

_MARKED = re.compile(r"<(?:[@#!]|(mailto:|[A-Za-z][A-Za-z0-9+.-]*:))([^<>|]*)(?:\|([^<>]*))?>")


def typed(text: str) -> str:
    """The text without markup; a link that stays is kept in its angle brackets, which end it."""
    if "<" in text:
        text = _MARKED.sub(_typed, text)
    return unescaped(text)


def unescaped(text: str) -> str:
    """The three characters that a client sends as entities; once, since a name may look like an entity itself."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _typed(marked: re.Match[str]) -> str:
    scheme, address, label = marked.groups()
    if scheme is None or scheme == "tel:":
        return " "
    if scheme == "mailto:":
        return f"<{address.partition('?')[0]}>"
    if label and scheme == "http:" and address.strip("/") == label.removeprefix("http://").rstrip("/"):
        return label
    return f"<{scheme}{address}>"
