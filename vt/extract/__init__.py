"""Finds the indicators in what people post. Takes time linear in the text, whatever the text."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import re2

from vt.extract import hosts as hosts_extract
from vt.extract import url_bounds
from vt.indicators import factories, hosts, urls
from vt.indicators.defang import DOT, marked
from vt.indicators.kinds import Indicator
from vt.indicators.markup import typed

LONGEST = 200_000
"""Characters that are looked at; Slack's longest message is a fifth of it."""
PLACES = 1_000
"""Places in a text that are looked at closely; more are not a message that someone wrote."""

_GATE = re2.compile(
    r"(?i)\.\S|[0-9a-f]{32}|://|::|\[:|(?:[0-9a-f]{1,4}:){7}|\bd[o0]t\b|[\[({]\s*\.|[0-9] \. [0-9]|[․·∙•。．｡]|&#|&period"
)
"""Most messages have none of these, and are done."""
_CHUNK = r'[^\s\pZ<>"|`\x00-\x1f\x{fffd}“”„‟«»‹›‘’‚‛…‥‧—、。｡，；：！？（）「」『』【】《》〈〉＜＞｜＂]*'
"""What an indicator may be part of: nothing that ends one in every script."""
_RUN = re.compile(rf"[\w.{DOT}:-]+")
_NAME = re.compile(rf"[\w.{DOT}-]+")
_SPACELESS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_GLUED = re.compile(f"(?<=[{_SPACELESS}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_SPACELESS}])")
"""Between a script that is written without spaces, and letters or digits."""
_ESCAPED = re.compile(r"\\[nrt](?=\w)")
"""The end of a line in JSON, unless it is a folder of Windows."""
_FOLDER = re.compile(r"[A-Za-z]:\\|\\\\|%\\")


@cache
def _candidate() -> Any:
    """A stretch that may hold an indicator: a known suffix, four numbers, a scheme, a hash, colons. In one pass."""
    dot = r"[.\x{e000}]"
    suffix = rf"{dot}(?:(?:{'|'.join(sorted(hosts.top_level()))})\b|[^\x00-\x7f])"
    four = rf"[0-9](?:{dot}[0-9]{{1,3}}){{2}}{dot}[0-9]"
    return re2.compile(
        rf"(?i){_CHUNK}(?:{suffix}|{four}|://|[0-9a-f]{{32}}|::|(?:[0-9a-f]{{1,4}}:){{7}}){_CHUNK}"
    )


def extract(text: str) -> list[Indicator]:
    """The indicators in a text, defanged or not, in order of appearance and without repeats.

    Chat markup is understood. From the first LONGEST characters and the first PLACES in them, so that nobody can
    make it slow.
    """
    text = text[:LONGEST]
    if not _GATE.search(text.encode(errors="replace")):
        return []
    places = _places(_parted(marked(typed(text))))
    return list(dict.fromkeys(found for found in islice(places, PLACES) if found))


def _parted(text: str) -> str:
    """The text with a space where something ends without one."""
    if "\\" in text and not _FOLDER.search(text):
        text = _ESCAPED.sub(" ", text)
    return text if text.isascii() else _GLUED.sub(" ", text)


def _places(text: str) -> Iterator[Indicator | None]:
    """What each place holds. Bytes are faster to search, and in ASCII they are in the characters' places."""
    for stretch in _candidate().finditer(text.encode() if text.isascii() else text):
        yield from _stretch(text, *stretch.span())


def _stretch(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """URLs with a scheme, and what stands between them."""
    while (mark := text.find("://", start, stop)) >= 0:
        opening = url_bounds.opening(text, mark, start)
        yield from _between(text, start, opening)
        start = max(url_bounds.closing(text, opening, stop), mark + 3)
        yield _link(url_bounds.trimmed(text[opening:start], text[max(0, opening - 1) : opening]))
    yield from _between(text, start, stop)


def _link(written: str) -> Indicator | None:
    """A URL with a host that exists for everyone; one under no known suffix only when it was defanged."""
    asked = written.replace(DOT, ".")
    url = urls.parse(asked)
    meant = url and (hosts.public(url.host) or (DOT in written and "." in url.host))
    return factories.link(url, asked) if url and meant else None


def _between(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """What stands where there is no scheme."""
    while run := _RUN.search(text, start, stop):
        start = run.end()
        if ":" in run[0] and (six := hosts_extract.six(run)):
            yield six
            continue
        for name in _NAME.finditer(text, *run.span()):
            if url := hosts_extract.with_path(name, stop):
                yield url[0]
                start = url[1]
                break
            yield from hosts_extract.named(name) or (None,)
