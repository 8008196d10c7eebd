"""Tells names that only look like hosts: file names, sentences, code, names of detections, CSS selectors.

Not asked about names that were defanged: somebody who defangs a value means an indicator.
"""

import re

from vt.indicators import addresses, hosts


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
    """app best black blue build date day domains email events family global green group help host id info int link network new now
    page pink post red report run stream watch"""
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
    """adware android backdoor bds coinminer downloader dropper exploit gen generic generickd genericrxaa grayware
    hacktool heur hktl js linux mal msil o97m osx packed pua pup ransom razy riskware spyware suspicious trojan
    trojandownloader troj unsafe variant vba vbs virus w16 w32 w64 w97m win16 win32 win64 worm x97m"""
)
"""Labels of the names that engines give to malware: Trojan.Win32.Agent.ws."""
_PLATFORM = r"w(?:16|32|64|97m)|win(?:16|32|64|nt)|[xo]97m|msil|vba|osx"
_DETECTION_TYPE = (
    r"adware|android(?:os)?|application|backdoor|bat|bds|behaves?like|docx?|downloader|dr|dropper|elf|exp|gen"
    r"|grayware|hacktool|heur|html|ios|java|jse?|jscript|linux|lnk|mac(?:os)?|mal|malware|multi|not-a-virus|nsis|pdf"
    r"|perl|php|phish(?:ing)?|powershell|ps|ps1|pua|pup|python|ransom\w*|riskware|rtf|script|shell|spyware|suspicious"
    r"|swf|tr|troj(?:an)?(?:[.-]\w+)?|unix|unwanted|variant|vbe?s?|virus|worm|xlsx?|xml"
)
_DETECTION_PREFIX = re.compile(
    rf"(?<![\w.-])(?:{_PLATFORM}|{_DETECTION_TYPE})(?:[/.:][\w-]+)?[/:]\Z", re.IGNORECASE
)
"""`W64/` (Fortinet), `Trojan:Win32/` (Microsoft), `TR/` (Avira), `HEUR:` (Kaspersky) before the name."""
_PLATFORM_PREFIX = re.compile(rf"(?<![\w.-])(?:{_PLATFORM})/\Z", re.IGNORECASE)
_DETECTION_SUFFIX = re.compile(r"![A-Za-z0-9]|@[mM]{1,2}\b")
"""`!tr` (Fortinet), `!MTB` (Microsoft), `@mm` (Symantec) after it."""

CSS_TLDS = _words(
    """black blog blue box cards center click date email gallery green group help info link live map media menu name new next now
    open page photo photos pink post red search select show social style team top video"""
)
"""Top-level domains that are common names of CSS classes."""
CSS_NAMES = _words(
    """active alert article author badge banner body bold box btn button card col column container content current disabled dropdown error field footer
    form grid header hero home icon image input item label large left list login logo main menu modal nav navbar page panel
    primary right row secondary section selected sidebar single small sub tab table text title toast tooltip ui visible
    warning widget wrapper"""
)
"""First labels of `.container.live`, where a class selector starts with a dot."""
HTML_TAGS = _words(
    """a article aside body button dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header html iframe img input
    label legend li main nav ol option p pre section select span strong svg table tbody td textarea tfoot th thead
    tr ul video"""
)
UNMISTAKABLE_TAGS = _words("div dl fieldset ol span tbody textarea tfoot thead ul")
"""Tags that hardly any host starts with; others do, for a country (th, tr) or a purpose (form, img)."""
_SELECTOR = re.compile(r"(?:[a-z][a-z0-9]*|\*)?(?:(?:[.#]|::?)[\w-]+(?:\([^()]{0,40}\))?|\[[^\[\]]{1,60}\])*")
_COMBINATOR = re.compile(r"[\s,>+~]+")
_DECLARATION = re.compile(
    r"""\s*(?:\}|/\*|(?:-\w+-)?(?:align|all|animation|appearance|background|border|bottom|box|clear|clip|color
    |column|content|cursor|display|fill|filter|flex|float|font|gap|grid|height|inset|justify|left|letter|line|list
    |margin|max|min|object|opacity|order|outline|overflow|padding|place|pointer|position|resize|right|row|stroke
    |text|top|transform|transition|user|vertical|visibility|white|width|will|word|writing|z)(?:-[a-z-]+)?\s*:)""",
    re.VERBOSE,
)
"""What follows the opening brace of a CSS rule: its end, a comment, or one of the properties."""
_SELECTOR_CALL = re.compile(
    r"(?:\w*Selector\w*\(|closest\(|\bcss\(|locator\(|\$\(|jQuery\(|\w*_selector(?:_all)?\(|CSS_SELECTOR,|css=)"
    r"\s*[\"'`][^\"'`]*\Z"
)
"""A selector as an argument in a script."""
_TAG_CALL = re.compile(
    r"(?:\bfind(?:All|_all)?|\b(?:has|is|not|filter|children|parents?|select(?:_one)?|get|click|fill|dom\.\w+|m))\(\s*[\"'`]\Z"
)
"""A call whose argument may be a selector: one that starts with the name of a tag."""
_TAG_AND_ID = re.compile(
    r"(?<![\w.-])(?:article|aside|body|div|footer|form|header|li|main|nav|p|section|span|table|td|tr|ul)#\Z"
)
_PSEUDO_CLASS = re.compile(
    r"::?(?:active|after|before|checked|disabled|first|focus|hover|last|not|nth|root|visited)\b"
)
_NAMES_OF_SITES = _words("blog gallery social team")
"""Those of CSS_TLDS that a site with the name of a tag may well be under."""
MIN_SELECTOR_LABELS = 2
COUNTRY_TLD_LENGTH = 2
CONTEXT = 48
"""Characters before a name that are searched for a word that says what it is."""
AFTER = 160
"""Characters after a name: enough for the rest of a CSS selector and its first declaration."""

_HOST_CONTEXT = re.compile(
    r"""(?: \b(?:domains?|host(?:name)?s?|(?:web)?sites?|fqdns?|c2|c&c|dns|servers?)(?:\ (?:is|was|at|on|named|called))?
    | \b(?:beacon\w*|connect\w*|resolv\w+|redirect\w*)\ to | \bcontact\w* )[:=\s"'(]*\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_PATH_CONTEXT = re.compile(r"[\w.~%$)}-]/\Z|(?<!\\)\\\Z")
"""After a folder, or after a backslash that does not start the name of a share."""


def is_not_host(name: str, text: str, start: int, end: int) -> bool:
    """Whether a name under a known suffix, at text[start:end] and not defanged, is something other than a host."""
    labels, lower = name.split("."), name.lower().split(".")
    before, after = text[max(0, start - CONTEXT) : start], text[end : end + AFTER]
    return (
        before.endswith("$")
        or (after[:1] in {"(", "[", "="} and labels[-1] not in COMMON_TLDS - ATTRIBUTE_TLDS)
        or _is_sentence(labels)
        or _is_detection(name, before, after)
        or _is_css_selector(lower, before, after)
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


def _is_detection(name: str, before: str, after: str) -> bool:
    """The name that an engine gives to malware, by its words or by what is around it."""
    prefixed = before.endswith(("/", ":"))
    if prefixed and _PLATFORM_PREFIX.search(before):
        return True
    if name == name.lower():
        return bool(prefixed and _DETECTION_SUFFIX.match(after) and _DETECTION_PREFIX.search(before))
    words = re.split(r"[._]", name.lower())[:-1]
    return bool(
        not DETECTION_WORDS.isdisjoint(words)
        or before.endswith("!")
        or _DETECTION_SUFFIX.match(after)
        or (prefixed and _DETECTION_PREFIX.search(before))
    )


def _is_css_selector(labels: list[str], before: str, after: str) -> bool:
    """A selector: before a rule, as an argument in a script, or by a tag or class that CSS names so."""
    first, last = labels[0], labels[-1]
    if last in GLOBAL_TLDS:
        return False
    inner = (CSS_NAMES | CSS_TLDS).issuperset(labels[1:-1])
    tagged = first in UNMISTAKABLE_TAGS or (first in HTML_TAGS and inner)
    if (
        _PSEUDO_CLASS.match(after)
        or _TAG_AND_ID.search(before)
        or (tagged and _TAG_CALL.search(before))
        or ("(" in before and _SELECTOR_CALL.search(before))
        or _is_before_rule(after)
    ):
        return True
    if last not in CSS_TLDS:
        return False
    if before.endswith((".", "#")):
        return first in CSS_NAMES
    at_start = not before or before[-1].isspace() or before[-1] in ",>+~" or before.endswith("[:")
    quoted = before.endswith(("'", '"', "`")) and len(labels) > MIN_SELECTOR_LABELS
    known = last not in _NAMES_OF_SITES or len(labels) > MIN_SELECTOR_LABELS
    return tagged and known and (at_start or (quoted and inner))


def _is_before_rule(after: str) -> bool:
    """Whether only the rest of a selector is between a name and the brace of a CSS rule."""
    selector, brace, body = after.partition("{")
    if not brace or not _DECLARATION.match(body):
        return False
    first, *others = _COMBINATOR.split(selector)
    parts = [part for part in others if part]
    named = all(part in HTML_TAGS or part[0] in ".#:[*" or re.search(r"[.#:\[]", part) for part in parts)
    return named and all(_SELECTOR.fullmatch(part) for part in (first.lstrip(), *parts))


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
    in_path = _PATH_CONTEXT.search(before) is not None and not addresses.is_after_label(before)
    if in_path and (before.endswith("\\") or last in PROGRAM_SUFFIXES):
        return True
    single = len(labels) == 2 or labels[-2].isdecimal()  # noqa: PLR2004 - a label and its suffix
    script = last in SCRIPT_SUFFIXES and (in_path or (single and not after.startswith("/")))
    return (script or last in FILE_SUFFIXES) and not hosts.has_long_suffix(".".join(labels))
