"""One run of letters, digits, dots and hyphens: what it is, by itself and by what stands next to it."""

import re

from vt.extract import false_positives, url_bounds
from vt.indicators import factories, hosts, urls
from vt.indicators.defang import DOT
from vt.indicators.kinds import Indicator

Run = re.Match[str]

GROUPS = 8
"""Of an IPv6 address that is written in full."""
MOST_LOCAL = 64
"""Characters before the @, RFC 5321."""
LONGEST_ADDRESS = 80
"""Characters of an IPv6 address with its label, or of a range, and some."""

_EDGES = "-." + DOT
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,64}(?![0-9A-Za-z])")
_SIX = re.compile(r"(?:\w*[g-zG-Z_]\w*:)?([0-9a-fA-F:]*:(?:[0-9]+\.){0,3}[0-9a-fA-F]*?):?\.*")
_TELLING = re.compile(r"[0-9a-fA-F]{3}(?=.*[0-9])|[0-9].*[0-9a-fA-F]{3}")
"""`[1::2]`, `abc::def` and the name of a disk's port have no such group; every address that is routed has."""
_FOUR = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_BLOCK = re.compile(r"/([0-9]{1,3})(?![\w.])")
_PATH = re.compile(r"(?::[0-9]{1,5})?(?:/(?![0-9]{1,3}\.[0-9]{1,3}\.)|\?(?=\w+=))")
_LOCAL = re.compile(rf"[\w.{DOT}!#$%&'*+/=?^{{}}~-]+\Z")
_LOCAL_REST = re.compile(rf"(?:[+=][\w.{DOT}+=-]{{0,64}})?@")
_COPIED_TO = re.compile(r":[\w.~-]*/")
"""`git@github.com:acme/vtbot`: a place to copy from or to, not a mail address."""


def six(run: Run) -> Indicator | None:
    """The IPv6 address that a run with colons is, after a label as in `ip6:2001:db8::1`."""
    written = run[0].replace(DOT, ".")
    if len(written) > LONGEST_ADDRESS or ("::" not in written and written.count(":") < GROUPS - 1):
        return None
    found = _SIX.fullmatch(written)
    if not found or not _TELLING.search(found[1]) or _in_block(run, 128):
        return None
    address = hosts.address(found[1])
    return factories.place(f"[{address}]", found[1]) if address else None


def with_path(name: Run, stop: int) -> tuple[Indicator, int] | None:
    """The URL without a scheme that begins with this host, and where it ends."""
    text, (start, end) = name.string, name.span()
    before = text[max(0, start - 2) : start]
    if not _PATH.match(text, end, stop) or _BLOCK.match(text, end):
        return None
    if before.endswith(("@", "\\")) or (before.endswith("/") and before != "//"):
        return None
    if not (_addresses(name) or _domain(name)):
        return None
    end = url_bounds.closing(text, start, stop)
    asked = url_bounds.trimmed(text[start:end], before[-1:]).lstrip(_EDGES).replace(DOT, ".")
    url = urls.parse(asked)
    return (factories.link(url, asked), end) if url else None


def named(name: Run) -> list[Indicator]:
    """What a run is when no path follows it."""
    digests = _digests(name) if len(name[0]) >= min(factories.HASHES) else []
    if not ("." in name[0] or DOT in name[0]) or _LOCAL_REST.match(name.string, name.end()):
        return digests
    if addresses := _addresses(name):
        return digests + addresses
    local = _local(name)
    domain = _domain(name, doubted=not local)
    if domain is None:
        return digests
    return [
        *digests,
        factories.mail(local, domain[0], f"{local}@{domain[1]}") if local else factories.place(*domain),
    ]


def _digests(name: Run) -> list[Indicator]:
    """The hashes in a run: `VirusShare_…`, `….exe`."""
    return [
        digest
        for found in _HEX.finditer(name.string, name.start(), name.end())
        if (digest := factories.digest(found[0]))
        and not false_positives.other_hash(found.string, *found.span())
    ]


def _addresses(name: Run) -> list[Indicator]:
    """The IPv4 address that a run is, or the two of a range."""
    if not name[0][0].isdecimal() or len(name[0]) > LONGEST_ADDRESS or _in_block(name, 32):
        return []
    parts = name[0].replace(DOT, ".").rstrip("-.").split("-")
    found = [hosts.address(part) if _FOUR.fullmatch(part) else None for part in parts]
    nowhere = None in found or parts[0].startswith("0")
    if nowhere or (DOT not in name[0] and false_positives.version(name.string, name.start())):
        return []
    return [factories.place(part, part) for part in parts]


def _in_block(name: Run, single: int) -> bool:
    """Whether a /24 follows: a network is no indicator, a /32 is one address."""
    block = _BLOCK.match(name.string, name.end())
    return block is not None and int(block[1]) < single


def _domain(name: Run, *, doubted: bool = True) -> tuple[str, str] | None:
    """The name under a known suffix that a run is, normalised and as written."""
    if len(name[0]) > hosts.LONGEST:
        return None
    start = name.end() - len(name[0].lstrip(_EDGES))
    for written in _unjoined(name[0].strip(_EDGES)):
        asked = written.replace(DOT, ".")
        host = hosts.name(asked)
        if host and hosts.registered(host):
            bare = doubted and DOT not in written
            doubtful = bare and false_positives.host(asked, name.string, start, start + len(written))
            return None if doubtful else (host, asked)
    return None


def _unjoined(written: str) -> tuple[str, ...]:
    """`evil.example.The next sentence` may be a host and a sentence, or a host."""
    head, _, last = written.rpartition(".")
    return (head, written) if "." in head and last[:1].isupper() and not last[1:].isupper() else (written,)


def _local(name: Run) -> str:
    """What makes a mail address of the run: the local part before its @; empty when there is none."""
    at = name.start() - 1
    if not name.string.startswith("@", max(0, at)) or _COPIED_TO.match(name.string, name.end()):
        return ""
    found = _LOCAL.search(name.string[max(0, at - MOST_LOCAL) : at])
    local = found[0].replace(DOT, ".") if found else ""
    local = (local if "+" in local else re.split("[=/]", local)[-1]).lstrip("-.'*#&?!{}~^%$")
    return "" if ".." in local or local.endswith(".") else local
