"""Tells what only looks like an indicator: a file name, a sentence, code, a version, another kind of hash.

Not asked about hosts and addresses that were defanged: somebody who defangs a value means an indicator.
"""

import re

from vt.indicators import hosts


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILE_SUFFIXES = _words("cab dot java mov properties py zip")
"""Top-level domains that are nearly always the suffix of a file name."""
SCRIPT_SUFFIXES = _words("bar bz foo inc md mk mm pl pm prof ps pub rs sh so st tf")
"""File suffixes after a single label (main.rs); countries or brands after more labels."""
PROGRAM_SUFFIXES = _words("app com")
"""File suffixes only inside a path (/opt/Safari.app)."""
SENTENCE_OPENERS = _words("am as at be by do in is it me my no so to us")
"""Country domains that are words which start a sentence."""
COMMON_TLDS = _words("com net org edu gov info biz")
GLOBAL_TLDS = _words("com net org")
CODE_TLDS = _words(
    """abc arpa call channel compare data fast map name next open phone pid pin play read safe save search secure
    select smart target"""
)
"""Top-level domains that hardly anybody registers a name under, and that are words of every program."""
ATTRIBUTE_TLDS = _words(
    """app best build date day domains email events family global group help host id info int link network new now
    page post report run stream watch"""
)
"""Top-level domains that are common names of attributes and fields."""
SELF_NAMES = _words("cls self super this")
OBJECT_NAMES = _words(
    """agent app args asyncio client cloud color config console container context ctx data date datetime df dns
    document event file host http item k8s key kubernetes log logger logging message node object obj observer opts
    other os pod process props req request res resp response server service session source state sys target thread
    tls url user value window"""
)
"""What programs and log schemas call their objects: user.id, logger.info."""
PLATFORM_NAMES = _words("ado asp java microsoft ml system vb windows")
"""First labels of ASP.NET, System.IO, java.net."""
PACKAGE_PREFIXES = _words("android androidx com edu gov io java javax net org")
"""First labels of package names: com.example.app."""
DETECTION_WORDS = _words(
    """adware android backdoor coinminer downloader dropper exploit hacktool heur js linux msil osx pua pup ransom
    riskware spyware trojan trojandownloader vbs virus w32 w64 win32 win64 worm"""
)
"""Labels of the names that engines give to malware: Trojan.Win32.Agent.ws."""
COUNTRY_TLD_LENGTH = 2
CONTEXT = 48
"""Characters before a value that are searched for a word that says what it is."""

_HOST_CONTEXT = re.compile(
    r"""(?: \b(?:domains?|host(?:name)?s?|(?:web)?sites?|fqdns?|c2|c&c|dns|servers?)(?:\ (?:is|was|at|on|named|called))?
    | \b(?:beacon\w*|connect\w*|resolv\w+|redirect\w*)\ to | \bcontact\w* )[:=\s"'(]*\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_VERSION_CONTEXT = re.compile(
    r"""(?: (?:\b(?:v|ver|versions?|builds?|releases?|rev|revision|firmware|fw|oid|sections?|drivers?)\b|§)
    [\s:=.\#(]{0,3} (?:from\s+|is\s+)?
    (?:v?[0-9]+(?:\.[0-9]+){1,4}\s*(?:to|and|or|until|through|,|-+>?|→|/)\s*){0,3} | [<>=!~]=\s?
    | (?<![\w./-])[a-z][\w+-]*/ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_OTHER_HASH_CONTEXT = re.compile(
    r"""(?: \b(?: (?:imp|import|authenti|pe|tel|v|rich|icon|favicon)(?:[ _-]?header)?[ _-]?hash | ja[34]s? | jarm
    | commit|revision|rev|merge|checkout|cherry-pick|tree|parent|head(?:\ is\ now)?(?:\ at)? | serial(?:[ ]number)? | etag|nonce|salt|uuid|guid
    | build[ _-]?id | [\w-]*(?:trace|span|request|req|session|correlation|transaction)[ _-]?id
    | [\w-]*(?:token|secret|passwd|password|api[ _-]?key) | key )\b["'`\s]{0,3}[:=\s-]{0,12}["'`]? | @ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_PATH_CONTEXT = re.compile(r"[\w.~%$)}-]/\Z|(?<!\\)\\\Z")
"""After a folder, or after a backslash that does not start the name of a share."""


def is_version(text: str, start: int) -> bool:
    """Whether four numbers are a version: after such a word, a comparison, or a product name and slash."""
    return _VERSION_CONTEXT.search(text[max(0, start - CONTEXT) : start]) is not None


def is_other_hash(text: str, start: int, end: int) -> bool:
    """Whether a hash is not that of a file: an imphash, a commit, the id of a request, a secret."""
    before = text[max(0, start - CONTEXT) : start]
    return (before.endswith("-") and text.startswith("-", end)) or _OTHER_HASH_CONTEXT.search(
        before
    ) is not None


def is_no_host(name: str, text: str, start: int, end: int) -> bool:
    """Whether a name under a known suffix, at text[start:end], is something other than a host."""
    labels, lower = name.split("."), name.lower().split(".")
    before, after = text[max(0, start - CONTEXT) : start], text[end : end + 1]
    return (
        before.endswith("$")
        or (after in {"(", "[", "="} and labels[-1] not in COMMON_TLDS - ATTRIBUTE_TLDS)
        or _is_sentence(labels)
        or (name != name.lower() and not DETECTION_WORDS.isdisjoint(lower[:-1]))
        or (
            (_is_code(lower) or _is_file(lower, before, after))
            and lower[0] != "www"
            and not _HOST_CONTEXT.search(before)
        )
    )


def _is_sentence(labels: list[str]) -> bool:
    """A sentence without a space after its dot, a constant, or the variant in the name of a detection (Emotet.AC)."""
    *inner, last = labels
    if last.istitle():
        return last.lower() in SENTENCE_OPENERS or (
            len(last) > COUNTRY_TLD_LENGTH and last.lower() not in COMMON_TLDS
        )
    mixed = last.isupper() and any(label.isalpha() and not label.isupper() for label in inner)
    return mixed and last.lower() not in GLOBAL_TLDS


def _is_code(labels: list[str]) -> bool:
    """A log field, an attribute, a platform or a package."""
    first, *inner, last = labels
    return (
        last in CODE_TLDS
        or (first in SELF_NAMES and last not in GLOBAL_TLDS)
        or ((first in OBJECT_NAMES or len(first) == 1) and last in ATTRIBUTE_TLDS)
        or (first in PLATFORM_NAMES and not inner and last in {"net", "io"})
        or (
            first in PACKAGE_PREFIXES
            and bool(inner)
            and last not in COMMON_TLDS
            and (len(last) > COUNTRY_TLD_LENGTH or last == "io")
        )
    )


def _is_file(labels: list[str], before: str, after: str) -> bool:
    """A file name, by its suffix or by the path around it."""
    last = labels[-1]
    in_path = _PATH_CONTEXT.search(before) is not None
    if in_path and (before.endswith("\\") or last in PROGRAM_SUFFIXES):
        return True
    single = len(labels) == 2 or labels[-2].isdecimal()  # noqa: PLR2004 - a label and its suffix
    script = last in SCRIPT_SUFFIXES and (in_path or (single and after != "/"))
    return (script or last in FILE_SUFFIXES) and not hosts.has_long_suffix(".".join(labels))
