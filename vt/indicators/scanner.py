"""The scanner: goes through a text once and decides what each piece of it is. Takes time linear in any text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import re2

from vt.indicators import addresses, false_positives, hashes, hosts, indicator, markup
from vt.indicators.addresses import Token
from vt.indicators.indicator import Indicator, Kind
from vt.indicators.refang import DOT, refang_marked

MAX_LENGTH = 200_000
"""Characters that are searched; Slack's longest message is a fifth of it."""
MAX_CANDIDATES = 1_000
"""Candidates that are looked at closely. A text with more of them was not written by a person."""

_PREFILTER = re2.compile(
    r"(?i)\.\S|[0-9a-f]{32}|://|::|\[:|(?:[0-9a-f]{1,4}:){7}|\bd[o0]t\b|[\[({]\s*\.|[0-9] \. [0-9]|[․·∙•。．｡０-９]|&(?:amp;)*(?:#|period)"
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


def extract(text: str, *, unknown_hosts: bool = False) -> list[Indicator]:
    """The indicators in a text, defanged or not, in order of appearance and without duplicates.

    `unknown_hosts`: also the URLs whose host is under no known suffix, with `known_host` False. Chat markup is understood,
    and links to Slack's own messages and files are left out. MAX_LENGTH and MAX_CANDIDATES bound the time for any text.
    """
    text = text[:MAX_LENGTH]
    if not _PREFILTER.search(text.encode(errors="replace")):
        return []
    text = refang_marked(markup.to_plain_text(markup.strip_markup(text)))
    # A space where an indicator ends without one: at a line break in JSON, a change of script.
    if "\\" in text and not _WINDOWS_PATH.search(text):
        text = _ESCAPED_NEWLINE.sub(" ", text)
    text = text if text.isascii() else _SCRIPT_CHANGE.sub(" ", text)
    # RE2 searches bytes faster than str, and in ASCII their offsets are the same.
    chunks = _candidate().finditer(text.encode() if text.isascii() else text)
    # None is a candidate that is no indicator, which counts towards the limit.
    found = (one for chunk in chunks for one in _scan_chunk(text, *chunk.span()))
    kept = (one for one in islice(found, MAX_CANDIDATES) if one and (unknown_hosts or one.known_host))
    return [one for one in dict.fromkeys(kept) if not markup.CHAT_LINK.match(one.value)]


def _scan_chunk(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """The URLs with a scheme, and what is between them."""
    while (mark := text.find("://", start, stop)) >= 0:
        scheme = _SCHEME.search(text[max(start, mark - _MAX_SCHEME_LENGTH) : mark])
        opening = mark - len(scheme[0]) if scheme else mark
        yield from _scan_tokens(text, start, opening)
        start = max(_url_end(text, opening, stop), mark + 3)
        yield _url(_trim_url(text[opening:start], text[max(0, opening - 1) : opening]))
    yield from _scan_tokens(text, start, stop)


def _url(written: str) -> Indicator | None:
    """The URL, whose host is public or was defanged; or, with `known_host` False, may be a name of somebody's own network."""
    refanged = written.replace(DOT, ".")
    url = hosts.parse_url(refanged)
    if url is None:
        return None
    found = indicator.from_url(url, refanged)
    if hosts.is_public(url.host) or (DOT in written and "." in url.host):
        return found
    is_named = not hosts.is_ipv4(url.host) and not hosts.is_internal_name(url.host)
    return replace(found, known_host=False) if is_named and found.kind is Kind.URL else None


def _scan_tokens(text: str, start: int, stop: int) -> Iterator[Indicator | None]:
    """The addresses, names, hashes and URLs without a scheme."""
    while run := _RUN.search(text, start, stop):
        start = run.end()
        if ":" in run[0] and (ipv6 := addresses.read_ipv6(run)):
            yield ipv6
            continue
        for token in _TOKEN.finditer(text, *run.span()):
            if url := _read_url(token, stop):
                yield url[0]
                start = url[1]
                break
            yield from _read_token(token) or (None,)


# Where a URL starts and ends ---------------------------------------------------------------------------

_MAX_SCHEME_LENGTH = 16
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+]*\Z")
_MAYBE_END = re.compile(
    r"""[()\[\]{}]
    | (?P<end> \\[nrtu"']                   # an escaped line break or quote in JSON
      | '(?=[,;)\]}+])                     # the end of a string in a script
      | (?:;|&&)(?=(?:\./|cd|chmod|curl|echo|nohup|perl|python|rm|sh|bash|sudo|wget)\b)   # the next command
      | ,(?=(?:https?|s?ftps?)://) )       # the next URL of a list
    | [',]""",
    re.VERBOSE,
)
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_TRAILING_PUNCTUATION = ".,:;!?'*~$([{\\…–—" + DOT


def _url_end(text: str, start: int, stop: int) -> int:
    """Where the URL that starts at `start` ends; it may still have the punctuation of the sentence at its end.

    A closing bracket ends it when it was opened before the URL, a quote or comma when one stands before it.
    """
    before = text[max(0, start - 1) : start]
    depth = dict.fromkeys(_BRACKETS.values(), 0)
    for found in _MAYBE_END.finditer(text, start, stop):
        char = found[0]
        if char in _BRACKETS:
            depth[_BRACKETS[char]] += 1
        elif char in depth:
            depth[char] -= 1
            if depth[char] < 0:
                return found.start()
        elif found["end"] or char == before:
            return found.start()
    return stop


def _trim_url(text: str, before: str) -> str:
    """A URL without the punctuation, the possessive or the emphasis at its end. `before` is the character before it."""
    return text.removesuffix("'s").rstrip(_TRAILING_PUNCTUATION + ("_" if before == "_" else ""))


# What a token is ---------------------------------------------------------------------------------------

_MAX_LOCAL_PART = 64
"""Characters before the @ of a mail address, RFC 5321."""
_EDGES = "-." + DOT
_PATH = re.compile(r"(?::[0-9]{1,5})?(?:/(?![0-9]{1,3}\.[0-9]{1,3}\.)|\?(?=\w+=))")
_LOCAL_PART = re.compile(rf"[\w.{DOT}!#$%&'*+/=?^{{}}~-]+\Z")
_IS_LOCAL_PART = re.compile(rf"(?:[+=][\w.{DOT}+=-]{{0,64}})?@(?!(?:SSL|[0-9]{{1,5}})[@\\\\])")
"""Not `\\\\evil.example@SSL\\share` or `@8080`, as Windows writes WebDAV."""
_SCP_PATH = re.compile(r":[\w.~-]*/")
"""`git@github.com:acme/vtbot`: the source or target of scp or git, not a mail address."""


def _read_url(token: Token, stop: int) -> tuple[Indicator, int] | None:
    """The URL without a scheme that starts with this token, and where it ends."""
    text, (start, end) = token.string, token.span()
    before = text[max(0, start - 2) : start]
    is_inside = before.endswith(("@", "\\")) or (before.endswith("/") and before != "//")
    if is_inside or not _PATH.match(text, end, stop):
        return None
    # The number after it is a port: after an address, before a protocol, after an interface.
    is_endpoint = token[0][-1].isdecimal() or text.startswith(":", end) or addresses.is_after_interface(token)
    is_port = is_endpoint and addresses.has_port_suffix(token)
    if is_port or not (addresses.read_ipv4(token) or _domain(token)):
        return None
    end = _url_end(text, start, stop)
    refanged = _trim_url(text[start:end], before[-1:]).lstrip(_EDGES + "_").replace(DOT, ".")
    url = hosts.parse_url(refanged)
    return (indicator.from_url(url, refanged), end) if url else None


def _read_token(token: Token) -> list[Indicator]:
    """What a token is when no URL starts with it: hashes, addresses, or one domain or mail address."""
    written = token[0]
    found = hashes.read(token) if len(written) >= min(indicator.HASH_KINDS) else []
    if not ("." in written or DOT in written) or _IS_LOCAL_PART.match(token.string, token.end()):
        return found
    if ipv4 := addresses.read_ipv4(token):
        return found + ipv4
    local = _local_part(token)
    domain = _domain(token, trusted=bool(local))
    if domain and local:
        found.append(indicator.from_email(local, domain[0], f"{local}@{domain[1]}"))
    elif domain:
        found.append(indicator.from_host(*domain))
    return found


def _domain(token: Token, *, trusted: bool = False) -> tuple[str, str] | None:
    """The name under a known suffix that a token is, normalised and as written.

    One that was defanged, or is `trusted`, is not tested for being a file name, code or a sentence.
    """
    if len(token[0]) > hosts.MAX_NAME_LENGTH:
        return None
    start = token.end() - len(token[0].lstrip(_EDGES))
    for written in _name_candidates(token):
        refanged = written.replace(DOT, ".")
        host = hosts.normalise_name(refanged)
        if host and hosts.is_registered_name(host):
            is_trusted = trusted or DOT in written
            end = start + len(written)
            is_host = is_trusted or not false_positives.is_not_host(refanged, token.string, start, end)
            return (host, refanged) if is_host else None
    return None


def _name_candidates(token: Token) -> Iterator[str]:
    """What to try as a name, the likeliest first.

    In `evil.example.The next sentence` the name ends before the last dot; the underscores of `_evil.example_`
    may be emphasis; tcpdump adds the port, as in `evil.example.https`.
    """
    written = token[0].strip(_EDGES)
    head, _, last = written.rpartition(".")
    if "." in head and last[:1].isupper() and not last[1:].isupper():
        yield head
    yield written
    if written.endswith("_"):
        yield written.rstrip("_")
    if written.startswith("_"):
        yield written.strip("_")
    if name := addresses.without_port(written, token):
        yield name


def _local_part(token: Token) -> str:
    """The local part before the @ that stands before the token; empty when the token is not in a mail address."""
    at = token.start() - 1
    if not token.string.startswith("@", max(0, at)) or _SCP_PATH.match(token.string, token.end()):
        return ""
    found = _LOCAL_PART.search(token.string[max(0, at - _MAX_LOCAL_PART) : at])
    local = found[0].replace(DOT, ".") if found else ""
    if "+" not in local:
        local = re.split("[=/]", local)[-1]  # smtp.mailfrom=bob@evil.com
    local = local.lstrip("-.'*#&?!{}~^%$")
    return "" if ".." in local or local.endswith(".") else local
