"""Finds and masks passwords and tokens in URLs: whoever reads such a URL can act as somebody else.

They are recognised by the names of parameters, as user information before the host, and by the format of well-known
services' tokens. In doubt it is a secret: a false alarm costs a question, a missed secret may cost an account.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
LONGEST = 4_096
"""Characters of a URL that are examined. The rest of a longer one is treated as secret."""
DEPTH = 3
"""How many levels of URLs within URLs are examined."""
LONG = 16
"""Minimum length in characters of a token in a path, after a word such as "reset"."""

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
"""Names of parameters that hold a secret, or their last words, without the separators between words."""
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
"""Formats of the tokens and secret links of well-known services."""

Span = tuple[int, int]


@lru_cache(maxsize=4096)
def secret(url: str) -> bool:
    """Does the URL hold a password or a token?"""
    return any(True for _ in _secrets(url))


def masked(text: str) -> str:
    """The text, with every secret in its URLs replaced by HIDDEN."""
    return _URL.sub(lambda url: _masked(url[0]), text) if "://" in text else text


@lru_cache(maxsize=4096)
def _masked(url: str) -> str:
    shown = ""
    done = 0
    for start, stop in sorted(_secrets(url)):
        if start >= done:
            shown += url[done:start] + HIDDEN
        done = max(done, stop)
    return shown + url[done:]


def _secrets(url: str, depth: int = DEPTH) -> Iterator[Span]:
    """The start and end of each secret in a URL. They may overlap."""
    if len(url) > LONGEST:
        yield LONGEST, len(url)
    parts = _PARTS.fullmatch(url[:LONGEST])
    if parts is None or not depth:
        return
    url = parts[0]
    login, at, _ = parts[2].rpartition("@")
    # A dotted name without a password before the host is no login: phishers write one to hide the real host.
    if at and (":" in login or "." not in login):
        yield parts.start(2), parts.start(2) + len(login)
    rest = parts.start(3)
    yield from (
        one.span(2)
        for one in _PARAMETER.finditer(url, rest)
        if _names_secret(one[1]) or _wraps_secret(one[2], depth)
    )
    yield from (one.span() for one in _TOKENS.finditer(url, parts.end(1)))
    yield from _in_path(url, rest)
    inner = url.find("://", rest)
    if inner > 0:
        begin = max(url.rfind(mark, 0, inner) for mark in "/=?&#") + 1
        yield from ((begin + start, begin + stop) for start, stop in _secrets(url[begin:], depth - 1))


def _names_secret(name: str) -> bool:
    """Does a parameter with this name hold a secret? Such as X-Amz-Signature, resetToken, user[password], %74oken."""
    words = [word.lower() for word in _SEPARATED.split(unquote(unquote(name))) if word]
    return any(_NAMES.fullmatch("".join(words[start:])) for start in range(len(words)))


def _wraps_secret(value: str, depth: int) -> bool:
    """Is the value of a parameter an encoded URL that holds a secret?"""
    plain = unquote_plus(unquote_plus(value))
    return plain != value and "://" in plain and any(True for _ in _secrets(plain, depth - 1))


def _in_path(url: str, start: int) -> Iterator[Span]:
    """Random-looking parts of the path, or of a fragment used like one, after a word as in /reset/…."""
    before = ""
    for piece in _PIECE.finditer(url, start):
        if _looks_random(piece[0]) and _PATH_WORDS.search(before):
            yield piece.span()
        before = piece[0]


def _looks_random(piece: str) -> bool:
    """Does it look random: long, with digits or mixed case, not made of words, and not a file name?"""
    plain = unquote(piece)
    if len(plain) < LONG or re.search(r"\.\w{1,5}$", plain) or _is_slug(plain):
        return False
    mixed = any(c.isupper() for c in plain) and any(c.islower() for c in plain)
    return any(c.isdigit() for c in plain) or (mixed and "-" not in plain)


def _is_slug(piece: str) -> bool:
    """Is it made of words, like how-to-fix-windows-10: do most of them consist of letters only?"""
    words = re.split(r"[-_+ ]", piece)
    return len(words) > 2 and sum(word.isalpha() for word in words) * 2 > len(words)  # noqa: PLR2004 - a title
