"""What looks like a host, an address or a hash, and is a file, a sentence, code, a version or another number.

Only what was not defanged is doubted as a host or address: whoever defangs means it.
"""

import re

from vt.indicators import hosts


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILES = _words("cab dot java mov properties py zip")
"""Suffixes that are nearly always files when nobody says otherwise."""
SCRIPTS = _words("bar bz foo inc md mk mm pl pm prof ps pub rs sh so st tf")
"""Suffixes that are files after a single label, and countries or brands after more."""
PROGRAMS = _words("app com")
"""Suffixes that are files inside a path only."""
OPENERS = _words("am as at be by do in is it me my no so to us")
"""Countries whose suffix begins sentences."""
USUAL = _words("com net org edu gov info biz")
GLOBAL = _words("com net org")
CLOSED = _words(
    """abc arpa call channel compare data fast map name next open phone pid pin play read safe save search secure
    select smart target"""
)
"""Suffixes that nobody registers a host under, or hardly anyone, and that are words of every program."""
ATTRIBUTES = _words(
    """app best build date day domains email events family global group help host id info int link network new now
    page post report run stream watch"""
)
SELVES = _words("cls self super this")
OBJECTS = _words(
    """agent app args asyncio client cloud color config console container context ctx data date datetime df dns
    document event file host http item k8s key kubernetes log logger logging message node object obj observer opts
    other os pod process props req request res resp response server service session source state sys target thread
    tls url user value window"""
)
"""What programs and log schemas call things: user.id, logger.info."""
PLATFORMS = _words("ado asp java microsoft ml system vb windows")
"""What is written ASP.NET, System.IO, java.net."""
PACKAGES = _words("android androidx com edu gov io java javax net org")
"""First labels of packages: com.example.app."""
DETECTIONS = _words(
    """adware android backdoor coinminer downloader dropper exploit hacktool heur js linux msil osx pua pup ransom
    riskware spyware trojan trojandownloader vbs virus w32 w64 win32 win64 worm"""
)
"""Labels of the names that engines give: Trojan.Win32.Agent.ws."""
COUNTRY = 2
"""Letters in the suffix of a country."""
NEAR = 48
"""Characters before a value that may say what it is."""

_CALLED = re.compile(
    r"""(?: \b(?:domains?|host(?:name)?s?|(?:web)?sites?|fqdns?|c2|c&c|dns|servers?)(?:\ (?:is|was|at|on|named|called))?
    | \b(?:beacon\w*|connect\w*|resolv\w+|redirect\w*)\ to | \bcontact\w* )[:=\s"'(]*\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_VERSION = re.compile(
    r"""(?: (?:\b(?:v|ver|versions?|builds?|releases?|rev|revision|firmware|fw|oid|sections?|drivers?)\b|§)
    [\s:=.\#(]{0,3} (?:from\s+|is\s+)?
    (?:v?[0-9]+(?:\.[0-9]+){1,4}\s*(?:to|and|or|until|through|,|-+>?|→|/)\s*){0,3} | [<>=!~]=\s?
    | (?<![\w./-])[a-z][\w+-]*/ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_OTHER_HASH = re.compile(
    r"""(?: \b(?: (?:imp|import|authenti|pe|tel|v|rich|icon|favicon)(?:[ _-]?header)?[ _-]?hash | ja[34]s? | jarm
    | commit|revision|rev|merge|checkout|cherry-pick|tree|parent|head(?:\ is\ now)?(?:\ at)? | serial(?:[ ]number)? | etag|nonce|salt|uuid|guid
    | build[ _-]?id | [\w-]*(?:trace|span|request|req|session|correlation|transaction)[ _-]?id
    | [\w-]*(?:token|secret|passwd|password|api[ _-]?key) | key )\b["'`\s]{0,3}[:=\s-]{0,12}["'`]? | @ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_PATH = re.compile(r"[\w.~%$)}-]/\Z|(?<!\\)\\\Z")
"""Behind a folder, or behind a backslash that does not begin a share."""


def version(text: str, start: int) -> bool:
    """Whether four numbers are a version: by the word before, a comparison, or a product with a slash."""
    return _VERSION.search(text[max(0, start - NEAR) : start]) is not None


def other_hash(text: str, start: int, end: int) -> bool:
    """Whether a hash is not one of a file: an imphash, a commit, a request's number, a secret."""
    before = text[max(0, start - NEAR) : start]
    return (before.endswith("-") and text.startswith("-", end)) or _OTHER_HASH.search(before) is not None


def host(name: str, text: str, start: int, end: int) -> bool:
    """Whether a name under a known suffix, at text[start:end], is something else than a host."""
    labels, lower = name.split("."), name.lower().split(".")
    before, after = text[max(0, start - NEAR) : start], text[end : end + 1]
    return (
        before.endswith("$")
        or (after in {"(", "[", "="} and labels[-1] not in USUAL - ATTRIBUTES)
        or _sentence(labels)
        or (name != name.lower() and not DETECTIONS.isdisjoint(lower[:-1]))
        or (
            (_code(lower) or _file(lower, before, after)) and lower[0] != "www" and not _CALLED.search(before)
        )
    )


def _sentence(labels: list[str]) -> bool:
    """A sentence without a space after its dot, or a constant, or the variant in a detection's name (Emotet.AC)."""
    *inner, last = labels
    if last.istitle():
        return last.lower() in OPENERS or (len(last) > COUNTRY and last.lower() not in USUAL)
    mixed = last.isupper() and any(label.isalpha() and not label.isupper() for label in inner)
    return mixed and last.lower() not in GLOBAL


def _code(labels: list[str]) -> bool:
    """A field of a log, an attribute, a platform, a package."""
    first, *inner, last = labels
    return (
        last in CLOSED
        or (first in SELVES and last not in GLOBAL)
        or ((first in OBJECTS or len(first) == 1) and last in ATTRIBUTES)
        or (first in PLATFORMS and not inner and last in {"net", "io"})
        or (first in PACKAGES and bool(inner) and last not in USUAL and (len(last) > COUNTRY or last == "io"))
    )


def _file(labels: list[str], before: str, after: str) -> bool:
    """A file by its suffix, or by its place."""
    last = labels[-1]
    in_path = _IN_PATH.search(before) is not None
    if in_path and (before.endswith("\\") or last in PROGRAMS):
        return True
    single = len(labels) == 2 or labels[-2].isdecimal()  # noqa: PLR2004 - a label and its suffix
    script = last in SCRIPTS and (in_path or (single and after != "/"))
    return (script or last in FILES) and not hosts.deep(".".join(labels))
