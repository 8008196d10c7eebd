"""URLs that carry a password or a token: whoever reads them can act as somebody else. Found, and shown without it.

By the names of parameters, by what stands before the host, and by how the tokens of well-known services look. When in
doubt it is a secret: the cost is a question, the other way round it is an account.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
LONGEST = 4_096
"""Characters of a URL that are looked at; the rest of a longer one is nobody's business."""
DEPTH = 3
"""How deep URLs in URLs are looked for."""
LONG = 16
"""Characters from which a piece of a path behind a telling word is a token."""

_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://\S+", re.IGNORECASE)
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*://)([^/?#\\\s]*)(\S*)", re.IGNORECASE)
_PIECE = re.compile(r"[^/?#!;&=]+")
_PARAMETER = re.compile(r"(?<=[?&;#/!])([^=?&;#/\s]{1,100})=([^&;#\s]+)")
_SEPARATED = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_NAMES = re.compile(
    "apikey|accesskey(?:id)?|(?:access|auth|confirmation|id|refresh|reset|session|user)?token|assertion|auth|authcode"
    "|authkey|authorization|bearer|code|confirmation|cred|credentials?|csrf|hmac|invit(?:e|ation)|jsessionid|jwt|key"
    "|lostpw|magic|oauth|oobcode|otp|pass|passcode|passphrase|passw(?:or)?d|phpsessid|pin|privatekey|pwd?|recovery"
    "|saml(?:request|response)|secret|session(?:id|key)?|sid|sig|sign|signature|signedrequest|sso|ticket|tk|totp"
    "|verification|wresult"
)
"""Names of parameters, or the last words of them, without what separates words."""
_PATH_WORDS = re.compile(
    r"(?i)\b(?:(?:re)?set|passw(?:or)?d|pw|recover|restore|forgot|unlock|invit|join|verif|confirm|activat|magic|log-?in"
    r"|sign-?(?:in|up|on)|auth|sso|token|session|secret|private|unsubscribe|share|onetime|otp|webhook|services|callback"
    r"|preauth|guest|access|key)"
)
_TOKENS = re.compile(
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # a JSON Web Token
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|[sr]k_(?:live|test)_\w{16,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|dop_v1_\w{30,}"
    r"|(?<=/bot)[0-9]{8,10}:[\w-]{30,}"  # of Telegram
    r"|(?<=hooks\.slack\.com/services/)\S+|(?<=/api/webhooks/)[0-9]+/[\w-]{30,}|(?<=/webhookb2/)\S+"
    r"|(?<=docs\.google\.com/)\w+/d/[\w-]{20,}|(?<=drive\.google\.com/)\w+/d/[\w-]{20,}"
    r"|(?<=dropbox\.com/)s(?:cl/f[io])?/[\w-]{10,}"
)
"""How the tokens and secret links of well-known services look."""

Span = tuple[int, int]


@lru_cache(maxsize=4096)
def secret(url: str) -> bool:
    """Whether a URL carries a password or a token."""
    return any(True for _ in _secrets(url))


def masked(text: str) -> str:
    """A text in which every URL is shown without its secrets."""
    return _URL.sub(lambda url: _masked(url[0]), text) if "://" in text else text


@lru_cache(maxsize=4096)
def _masked(url: str) -> str:
    shown, done = "", 0
    for start, stop in sorted(_secrets(url)):
        if start >= done:
            shown += url[done:start] + HIDDEN
        done = max(done, stop)
    return shown + url[done:]


def _secrets(url: str, depth: int = DEPTH) -> Iterator[Span]:
    """The places in a URL of what nobody else may know."""
    if len(url) > LONGEST:
        yield LONGEST, len(url)
    parts = _PARTS.fullmatch(url[:LONGEST])
    if parts is None or not depth:
        return
    url = parts[0]
    login, at, _ = parts[2].rpartition("@")
    if at and (
        ":" in login or "." not in login
    ):  # a dotted name in front of the host hides it, as phishers do
        yield parts.start(2), parts.start(2) + len(login)
    rest = parts.start(3)
    yield from (
        one.span(2) for one in _PARAMETER.finditer(url, rest) if _telling(one[1]) or _wrapped(one[2], depth)
    )
    yield from (one.span() for one in _TOKENS.finditer(url, parts.end(1)))
    yield from _in_path(url, rest)
    inner = url.find("://", rest)
    if inner > 0:
        begin = max(url.rfind(mark, 0, inner) for mark in "/=?&#") + 1
        yield from ((begin + start, begin + stop) for start, stop in _secrets(url[begin:], depth - 1))


def _telling(name: str) -> bool:
    """Does a parameter of this name hold a secret? `X-Amz-Signature`, `resetToken`, `user[password]`, `%74oken`."""
    words = [word.lower() for word in _SEPARATED.split(unquote(unquote(name))) if word]
    return any(_NAMES.fullmatch("".join(words[start:])) for start in range(len(words)))


def _wrapped(value: str, depth: int) -> bool:
    """Is it a URL with a secret that was encoded into a parameter?"""
    plain = unquote_plus(unquote_plus(value))
    return plain != value and "://" in plain and any(True for _ in _secrets(plain, depth - 1))


def _in_path(url: str, start: int) -> Iterator[Span]:
    """What looks random behind a word as in /reset/…, in the path or in a fragment that is one."""
    before = ""
    for piece in _PIECE.finditer(url, start):
        if _random(piece[0]) and _PATH_WORDS.search(before):
            yield piece.span()
        before = piece[0]


def _random(piece: str) -> bool:
    """Long, and no words: with digits, or of upper and lower case mixed; no file's name."""
    plain = unquote(piece)
    if len(plain) < LONG or re.search(r"\.\w{1,5}$", plain) or _slug(plain):
        return False
    mixed = any(c.isupper() for c in plain) and any(c.islower() for c in plain)
    return any(c.isdigit() for c in plain) or (mixed and "-" not in plain)


def _slug(piece: str) -> bool:
    """`how-to-fix-windows-10`: most of its words are letters only."""
    words = re.split(r"[-_+ ]", piece)
    return len(words) > 2 and sum(word.isalpha() for word in words) * 2 > len(words)  # noqa: PLR2004 - a title
