"""The scanner: goes through a text once and yields the indicators in it. Takes time linear in any text."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import re2

from vt.extract import addresses, tokens, url_bounds
from vt.extract.plain_text import to_plain_text
from vt.indicators import hosts, indicator, urls
from vt.indicators.indicator import Indicator
from vt.indicators.markup import strip_markup
from vt.indicators.refang import DOT, refang_marked

MAX_LENGTH = 200_000
"""Characters that are searched; Slack's longest message is a fifth of it."""
MAX_CANDIDATES = 1_000
"""Candidates that are looked at closely. A text with more of them was not written by a person."""

_PREFILTER = re2.compile(
    r"(?i)\.\S|[0-9a-f]{32}|://|::|\[:|(?:[0-9a-f]{1,4}:){7}|\bd[o0]t\b|[\[({]\s*\.|[0-9] \. [0-9]|[․·∙•。．｡０-９]|&#|&period"
)
"""Something that an indicator must have. Most messages have none of it, and are done."""
_CHUNK = r'[^\s\pZ<>"|`\x00-\x1f\x{fffd}“”„‟«»‹›‘’‚‛…‥‧—、。｡，；：！？（）「」『』【】《》〈〉＜＞｜＂]*'
"""A run of characters that may belong to one indicator: no spaces, and no quotes or punctuation of any script."""
_RUN = re.compile(rf"[\w.{DOT}:-]+")
_TOKEN = re.compile(rf"[\w.{DOT}-]+")
_SPACELESS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_SCRIPT_CHANGE = re.compile(f"(?<=[{_SPACELESS}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_SPACELESS}])")
"""Between a script that is written without spaces (Chinese, Japanese, Korean) and Latin letters or digits."""
_ESCAPED_NEWLINE = re.compile(r"\\[nrt](?=\w)")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\|\\\\|%\\")


@cache
def _candidate() -> Any:
    """Matches a chunk that may hold an indicator: a known suffix, four numbers, a scheme, a hash or colons.

    One RE2 alternation over all top-level domains, so that the text is searched in one pass.
    """
    dot = r"[.\x{e000}]"
    suffix = rf"{dot}(?:(?:{'|'.join(sorted(hosts.top_level_domains()))})(?:\b|_)|[^\x00-\x7f])"
    ipv4 = rf"[0-9](?:{dot}[0-9]{{1,3}}){{2}}{dot}[0-9]"
    return re2.compile(
        rf"(?i){_CHUNK}(?:{suffix}|{ipv4}|://|[0-9a-f]{{32}}|::|(?:[0-9a-f]{{1,4}}:){{7}}){_CHUNK}"
    )


def extract(text: str) -> list[Indicator]:
    """The indicators in a text, defanged or not, in order of appearance and without duplicates.

    Chat markup is understood. Only the first MAX_LENGTH characters and MAX_CANDIDATES candidates are looked at,
    so that no text is slow.
    """
    text = text[:MAX_LENGTH]
    if not _PREFILTER.search(text.encode(errors="replace")):
        return []
    found = _scan(_separate(refang_marked(to_plain_text(strip_markup(text)))))
    return list(dict.fromkeys(one for one in islice(found, MAX_CANDIDATES) if one))


def _separate(text: str) -> str:
    """The text with a space where an indicator ends without one: at a line break in JSON, a change of script."""
    if "\\" in text and not _WINDOWS_PATH.search(text):
        text = _ESCAPED_NEWLINE.sub(" ", text)
    return text if text.isascii() else _SCRIPT_CHANGE.sub(" ", text)


def _scan(text: str) -> Iterator[Indicator | None]:
    """What each candidate is; None for a candidate that is no indicator, which counts towards the limit.

    RE2 searches bytes faster than str, and in ASCII their offsets are the same.
    """
    for chunk in _candidate().finditer(text.encode() if text.isascii() else text):
        yield from _scan_chunk(text, *chunk.span())


def _scan_chunk(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """The URLs with a scheme, and what is between them."""
    while (mark := text.find("://", start, stop)) >= 0:
        opening = url_bounds.find_start(text, mark, start)
        yield from _scan_tokens(text, start, opening)
        start = max(url_bounds.find_end(text, opening, stop), mark + 3)
        yield _url(url_bounds.trim(text[opening:start], text[max(0, opening - 1) : opening]))
    yield from _scan_tokens(text, start, stop)


def _url(written: str) -> Indicator | None:
    """A URL whose host is public. One under no known suffix counts only when it was defanged."""
    refanged = written.replace(DOT, ".")
    url = urls.parse(refanged)
    if url is None or not (hosts.is_public(url.host) or (DOT in written and "." in url.host)):
        return None
    return indicator.from_url(url, refanged)


def _scan_tokens(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """The addresses, names, hashes and URLs without a scheme."""
    while run := _RUN.search(text, start, stop):
        start = run.end()
        if ":" in run[0] and (ipv6 := addresses.read_ipv6(run)):
            yield ipv6
            continue
        for token in _TOKEN.finditer(text, *run.span()):
            if url := tokens.read_url(token, stop):
                yield url[0]
                start = url[1]
                break
            yield from tokens.read(token) or (None,)
