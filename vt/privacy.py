"""What is not sent to VirusTotal: well-known hosts, URLs with a secret in them, and files that hold keys."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

from vt.indicators import Indicator, Kind, host_of
from vt.indicators.hosts import is_within
from vt.verdict import Note

# Well-known hosts --------------------------------------------------------------------------------------

INCIDENT_TOOLS = frozenset(
    {
        *("slack.com", "slack-edge.com", "slack-files.com", "virustotal.com", "datadoghq.com"),
        *("zoom.us", "webex.com", "whereby.com", "meet.google.com", "teams.microsoft.com", "teams.live.com"),
        *("atlassian.net", "statuspage.io", "pagerduty.com", "opsgenie.com", "servicenow.com"),
        *("splunkcloud.com", "sentry.io", "grafana.net", "mitre.org", "cisa.gov", "nist.gov", "first.org"),
    }
)
"""Services where incidents are discussed and tracked: a link there, or below, is no indicator of the incident."""
EVERYDAY_HOSTS = frozenset(
    {
        *("google.com", "gmail.com", "youtube.com", "microsoft.com", "outlook.com", "office.com", "live.com"),
        *("apple.com", "icloud.com", "amazon.com", "aws.amazon.com", "github.com", "gitlab.com"),
        *("linkedin.com", "facebook.com", "wikipedia.org", "mozilla.org", "cloudflare.com"),
        *("debian.org", "ubuntu.com", "python.org"),
    }
)
"""Hosts that say nothing by themselves. A URL there may still be malicious, and is looked up."""
DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
"""Address prefixes for documentation (RFC 5737, RFC 3849)."""


def is_well_known(indicator: Indicator) -> bool:
    """Whether nobody would look it up: an address of examples, or a host that everybody knows."""
    named = host_of(indicator)
    host = named.value if named else ""
    if host.startswith(DOCUMENTATION) or is_within(host, INCIDENT_TOOLS):
        return True
    return indicator.kind is not Kind.URL and host in EVERYDAY_HOSTS


# Secrets in URLs ---------------------------------------------------------------------------------------

HIDDEN = "***"
MAX_EXAMINED = 4_096
"""Characters of a URL that are examined. The rest of a longer one is treated as secret."""
MAX_NESTING = 3
"""How many levels of URLs within URLs are examined."""
MIN_TOKEN_LENGTH = 16
"""Minimum length in characters of a token in a path, after a word such as "reset"."""

_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://\S+", re.IGNORECASE)
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*://)([^/?#\\\s]*)(\S*)", re.IGNORECASE)
_BROKEN_LOGIN = re.compile(r"((?!\[)[^/?#\\\s@:]*:(?![0-9]+(?:[/?#\\]|$))\S*)@")
_BROKEN_WEB_LOGIN = re.compile(r"((?!\[)[^/?#\\\s@:]*:(?![0-9]+(?:[/?#\\]|$))[^\s@]*)@")
"""A login whose password has a character that ends the host, such as a slash; of a database also one with another @."""
_PIECE = re.compile(r"[^/?#!;&=]+")
_PARAMETER = re.compile(r"(?<=[?&;#/!])([^=?&;#/\s]{1,100})=([^&;#\s]+)")
_SETTING = re.compile(r"(?:^|[;,&\s{])[\s\"']*(\w[\w .-]{0,40}?)[\"']?\s*[=:]\s*[^\s;,&]")
"""What `Server=x;Password=y` and `{"token": "y"}` name."""
_SEPARATED = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")
_NAMES = re.compile(
    "apikey|accesskey(?:id)?|(?:access|auth|confirmation|id|refresh|reset|session|user)?tokens?|assertion|auth|authcode"
    "|authkey|authorization|basic|bearer|code|confirmation|creds?|credentials?|csrf|hmac|invit(?:e|ation)|jsessionid|jwt"
    "|key|lostpw|magic|nonce|oauth|oobcode|otp|pass|passcode|passphrase|passw(?:or)?d|pgt|phpsessid|pin|privatekey|pwd?"
    "|recovery|saml(?:art|request|response)|secret|sess(?:ion)?(?:id|key)?|sid|sig|sign|signature|signedrequest|sso"
    "|ticket|tk|tokenhint|totp|verification|verifier|wpnonce|wresult"
    "|clave|contrase[n\u00f1]a|kennwort|mdp|motdepasse|parola|passwor[dt]|senha|wachtwoord|\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6\u7801"
    "|\u30d1\u30b9\u30ef\u30fc\u30c9"
)
"""Names of parameters that hold a secret, or their last words, without the separators between words."""
_PATH_WORDS = re.compile(
    r"(?i)\b(?:(?:re)?set|passw(?:or)?d|pw|recover|restore|forgot|unlock|invit|join|verif|confirm|activat|magic|log-?in"
    r"|sign-?(?:in|up|on)|o?auth|sso|token|session|secret|private|unsubscribe|share|onetime|otp|webhook|services|callback"
    r"|preauth|guest|access|key)"
)
_TOKENS = re.compile(
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # a JSON Web Token
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|[sr]k_(?:live|test)_\w{16,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|dop_v1_\w{30,}"
    r"|(?<=/bot)[0-9]{8,10}:[\w-]{30,}"  # of Telegram
    r"|(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/\S+|(?<=/api/webhooks/)[0-9]+/[\w-]{30,}|(?<=/webhookb2/)\S+"
    r"|(?<=outlook\.office\.com/)webhook/\S+|(?<=sharepoint\.com/):\w:/\S+|(?<=1drv\.ms/)\w/\S+"
    r"|(?<=docs\.google\.com/)\w+/d/[\w-]{20,}|(?<=drive\.google\.com/)\w+/d/[\w-]{20,}"
    r"|(?<=dropbox\.com/)s(?:cl/f[io])?/[\w-]{10,}"
)
"""Formats of the tokens and secret links of well-known services."""


@lru_cache(maxsize=4096)
def has_secret(url: str) -> bool:
    """Whether a URL holds a password or a token: whoever reads such a URL can act as somebody else.

    Secrets are recognised by the names of parameters, as user information before the host, and by the format of
    well-known services' tokens. In doubt it is a secret: a false alarm costs a question, a missed one an account.
    """
    return any(True for _ in _secrets(url))


def masked(text: str) -> str:
    """The text, with every secret in its URLs replaced by HIDDEN."""
    return _URL.sub(lambda url: _masked(url[0]), text)


@lru_cache(maxsize=4096)
def _masked(url: str) -> str:
    shown = ""
    done = 0
    for start, stop in sorted(_secrets(url)):
        if start >= done:
            shown += url[done:start] + HIDDEN
        done = max(done, stop)
    return shown + url[done:]


def _secrets(url: str, depth: int = MAX_NESTING) -> Iterator[tuple[int, int]]:
    """The start and end of each secret in a URL. They may overlap."""
    if len(url) > MAX_EXAMINED:
        yield MAX_EXAMINED, len(url)
    parts = _PARTS.fullmatch(url[:MAX_EXAMINED])
    if parts is None or not depth:
        return
    url = parts[0]
    is_web = parts[1].lower() in ("http://", "https://")
    if broken := (_BROKEN_WEB_LOGIN if is_web else _BROKEN_LOGIN).match(url, parts.start(2)):
        yield broken.span(1)
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
    """Whether a parameter of this name holds a secret, such as X-Amz-Signature, resetToken, user[password], %74oken."""
    words = [word.lower() for word in _SEPARATED.split(unquote(unquote(name))) if word]
    words = words[:-1] if words and words[-1].isdigit() else words  # tokens[0]
    return any(_NAMES.fullmatch("".join(words[start:])) for start in range(len(words)))


def _wraps_secret(value: str, depth: int) -> bool:
    """Whether the value of a parameter is an encoded URL, or an encoded list of settings, that holds a secret."""
    plain = unquote_plus(unquote_plus(value))
    if plain == value:
        return False
    named = any(_names_secret(name) for name in _SETTING.findall(plain))
    return named or ("://" in plain and any(True for _ in _secrets(plain, depth - 1)))


def _in_path(url: str, start: int) -> Iterator[tuple[int, int]]:
    """Random-looking parts of the path, or of a fragment used like one, after a word as in /reset/…."""
    before = ""
    for piece in _PIECE.finditer(url, start):
        if _looks_random(piece[0]) and _PATH_WORDS.search(before):
            yield piece.span()
        before = piece[0]


def _looks_random(piece: str) -> bool:
    """Whether it looks random: long, with digits or mixed case, not made of words, and not a file name."""
    plain = unquote(piece)
    words = re.split(r"[-_+ ]", plain)
    # Of how-to-fix-windows-10, which is made of words, most consist of letters only.
    is_title = len(words) > 2 and sum(word.isalpha() for word in words) * 2 > len(words)  # noqa: PLR2004
    if len(plain) < MIN_TOKEN_LENGTH or re.search(r"\.\w{1,5}$", plain) or is_title:
        return False
    mixed = any(c.isupper() for c in plain) and any(c.islower() for c in plain)
    return any(c.isdigit() for c in plain) or (mixed and "-" not in plain)


# Files that are never uploaded -------------------------------------------------------------------------

SECRET_NAMES = (
    *("*.pem", "*.key", "*.ppk", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdb", "*.kdbx"),
    *("*.gpg", "*.pgp", "*.asc", "*.age", "*.ovpn", "*.tfstate", "*.kubeconfig", "*.agekey"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key"),
    *("*.env", ".env.*", ".netrc", "_netrc", ".pgpass", ".htpasswd", ".git-credentials", ".npmrc", ".pypirc"),
    *("shadow", "shadow-", "gshadow", "credentials", "secring.*", "login.keychain*", "ntds.dit"),
)
"""Names of keys, key stores, password files and environments, with `*` and `?`; upper and lower case are the same."""
HEAD_BYTES = 4096
"""How much of a file's beginning is searched for a private key."""
_SECRET_CONTENT = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"|\APuTTY-User-Key-File-"
    rb"|\A\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5"  # KeePass
    rb"|\A\xfe\xed\xfe\xed"  # a Java key store
    rb"|AGE-SECRET-KEY-1"
)


class SubmitPolicy(StrEnum):
    """Whether URLs that VirusTotal does not know may be submitted to it, as the operator set it."""

    CONFIRM = "confirm"
    """When somebody asks for it and confirms."""
    ALLOW = "allow"
    """When somebody asks for it."""
    DENY = "deny"


class UploadPolicy(StrEnum):
    """Whether files that VirusTotal does not know are uploaded, the strictest last."""

    ALLOW = "allow"
    """Without asking anybody."""
    CONFIRM = "confirm"
    """Once the person who asked for the file agrees."""
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class UploadDenylist:
    """The names, with `*` and `?`, of files that are never uploaded; files that contain a private key never are."""

    names: tuple[str, ...] = SECRET_NAMES

    def by_name(self, name: str) -> Note | None:
        """The note that says that a file of this name is never uploaded; None if it may be."""
        return Note.NEVER_BY_NAME if matches_any(name, self.names) else None

    def by_content(self, head: bytes) -> Note | None:
        """The same for a file by its first HEAD_BYTES: whether they hold a private key or start a key store."""
        return Note.NEVER_BY_CONTENT if _SECRET_CONTENT.search(head) else None


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file name matches one of the patterns, ignoring case."""
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)
