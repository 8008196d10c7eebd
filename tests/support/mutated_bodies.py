"""Replies of VirusTotal with something wrong in them: recorded ones where they are present, built-in ones, and mutations."""

import copy
import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256

from tests.support.contradictions import CONTRADICTING, DATES, OTHER, SHA, contradicting, report_of
from tests.support.replies import RECORDED
from vt.indicators import read

URL = "http://example.com/a?b=c"
HUSH = "hush-4f1d9c77aa20"
"""A token in hostile URLs: nobody may read it."""
_ENGINES = {name: {"detected": False, "result": "clean site", "update": "20261120"} for name in "ABC"}
_SCANNED = {"response_code": 1, "positives": 0, "total": 3, "scans": _ENGINES, "verbose_msg": "Scan finished"}
_DATED = {"scan_date": "2026-11-20 10:00:00", "first_seen": "2020-01-01 00:00:00"}
_HOST = {
    "response_code": 1,
    "verbose_msg": "in dataset",
    "undetected_urls": [["http://example.com/", SHA, 0, 66, "2022-11-23 06:51:49"]],
    "undetected_referrer_samples": [{"sha256": SHA, "positives": 0, "total": 66, "date": None}],
    "detected_urls": [],
    "detected_communicating_samples": [],
    "resolutions": [{"hostname": "a.example.com", "last_resolved": "2022-11-23 06:51:49"}],
    "whois": "Registrar: x",
}
_FILE = _SCANNED | _DATED | {"resource": SHA, "sha256": SHA, "scan_id": f"{SHA}-1795300000"}
BUILT_IN = {
    "scan-hash": (SHA, _FILE),
    "scan-file": (SHA, _FILE),
    "scan-url": (URL, _SCANNED | _DATED | {"resource": URL, "url": URL}),
    "scan-ip": ("8.8.8.8", _HOST | {"asn": 15169, "as_owner": "Google", "country": "US"}),
    "domain-report": ("example.com", _HOST | {"categories": ["parked"], "BitDefender category": "parked"}),
}
_ENDPOINTS = {
    "file_report": ("scan-hash", SHA),
    "url_report": ("scan-url", URL),
    "ip-address_report": ("scan-ip", "8.8.8.8"),
    "domain_report": ("domain-report", "example.com"),
}
_NAMES = ("resource", "url", "sha256", "sha1", "md5", "scan_id")
"""Where a report says what it is about."""
_DIGEST = re.compile("[0-9a-f]{64}")
_ESCAPED_LETTER = re.compile("%(4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])")
_ANALYSIS = re.compile("[0-9a-f]{64}-[0-9]{1,12}")


@dataclass(frozen=True)
class Sample:
    """A reply before it is mutated, the action and value that it answers, and all names of what it is about."""

    action: str
    value: str
    raw: object
    names: frozenset[str]


def samples():
    """All replies to begin with."""
    built_in = [_sample(action, value, raw) for action, (value, raw) in BUILT_IN.items()]
    return [*built_in, *_recorded()]


def _recorded():
    for path in sorted(RECORDED.glob("*_report__200_*.json")) if RECORDED.is_dir() else ():
        if path.name.endswith(".meta.json"):
            continue
        action, value = _ENDPOINTS[path.name.partition("__")[0]]
        raw = json.loads(path.read_text())
        if isinstance(raw, list) and len(raw) != 1:
            continue
        report = raw[0] if isinstance(raw, list) else raw
        if action in ("scan-hash", "scan-url"):
            named = (report.get(key) for key in ("url", "sha256", "resource"))
            value = next((name for name in named if name and read(name)), value)
        yield _sample(action, value, raw)


def _sample(action, value, raw):
    report = raw[0] if isinstance(raw, list) else raw
    names = {value, *(report[key] for key in _NAMES if isinstance(report.get(key), str))}
    return Sample(action, value, raw, frozenset(_plain(name) for name in names))


def unknown(value):
    """The reply about a file that VirusTotal does not know."""
    return {
        "response_code": 0,
        "resource": value,
        "verbose_msg": "not among the finished, queued or pending scans",
    }


def receipt(value):
    """The reply to an upload of the file."""
    link = f"https://www.virustotal.com/file/{value}/analysis/1795300000/"
    named = {"resource": value, "sha256": value, "scan_id": f"{value}-1795300000", "permalink": link}
    return named | {"response_code": 1, "verbose_msg": "Scan request successfully queued"}


def _plain(name):
    return name.strip().casefold().removeprefix("http://").rstrip("/")


def names_another(sample, report):
    """Does a report say that it is about something else? Names in other places than the documented ones do not count."""
    echo = report.get("resource")
    if sample.action == "scan-url" and isinstance(echo, str):
        echo = _ESCAPED_LETTER.sub(lambda found: chr(int(found[1], 16)), echo)  # RFC 3986, 6.2.2.2
    digests = {name[:64] for name in sample.names if _DIGEST.match(name)}
    # Another analysis of the same content is about the same.
    is_analysis = isinstance(echo, str) and _ANALYSIS.fullmatch(echo) and echo[:64] in digests
    if isinstance(echo, str) and echo and _plain(echo) not in sample.names and not is_analysis:
        return True
    if sample.action == "scan-url":
        url = report.get("url")
        if isinstance(url, str) and url and _plain(url) not in sample.names:
            return True
    keys = {"scan-hash": ("sha256", "scan_id"), "scan-file": ("sha256", "scan_id")}
    found = (report.get(key) for key in keys.get(sample.action, ()))
    return any(
        isinstance(name, str) and _DIGEST.match(name.casefold()) and name[:64].casefold() not in digests
        for name in found
    )


def names_it(sample, report):
    """Does a report say that it is about the sample?"""
    named = [_plain(report[key]) for key in _NAMES if isinstance(report.get(key), str) and report[key]]
    link = str(report.get("permalink") or "").casefold()
    digests = {name[:64] for name in sample.names if _DIGEST.match(name)}
    return any(name in sample.names or name[:64] in digests for name in named) or any(
        one in link for one in digests
    )


def varied(sample, number):
    """The same about another hash, URL, address or domain, so that many can be asked for at once."""
    raw = sample.raw[0] if isinstance(sample.raw, list) else sample.raw
    if sample.action in ("scan-ip", "domain-report"):
        return replace(sample, value=_host(sample.action, number))
    if sample.action == "scan-url":
        value = f"http://h{number}.example.com/a?b=c"
        digest = sha256(value.encode()).hexdigest()
        raw = raw | {"url": value, "resource": value, "scan_id": f"{digest}-1556755115", "permalink": None}
        return _sample(sample.action, value, raw)
    value = sha256(str(number).encode()).hexdigest()
    text = json.dumps(raw).replace(sample.value, value).replace(str(raw.get("sha256")), value)
    return _sample(sample.action, value, json.loads(text))


def _host(action, number):
    return f"8.8.{number // 250}.{number % 250 + 1}" if action == "scan-ip" else f"h{number}-example.com"


def shortened(sample, chance):
    """The sample with lists and engines cut to a few entries, as most replies are: long ones take long to show."""
    report = sample.raw[0] if isinstance(sample.raw, list) else sample.raw
    short = {key: _short(value, chance) for key, value in report.items()}
    if isinstance(short.get("scans"), dict):
        # As many as are named detect, so that the counts still fit.
        short["positives"] = sum(bool(one.get("detected")) for one in short["scans"].values())
    return replace(sample, raw=[short] if isinstance(sample.raw, list) else short)


def _short(value, chance):
    most = chance.randint(1, 4)
    if isinstance(value, list):
        return value[:most]
    if isinstance(value, dict):
        return dict(list(value.items())[: most + 2])
    return value[:300] if isinstance(value, str) else value


# Mutations ---------------------------------------------------------------------------------------------

_NUMBERS = (
    0,
    2,
    3,
    25,
    60,
    10_000,
    10_001,
    -1,
    -2,
    54.0,
    float("inf"),
    float("nan"),
    1,
    -5,
    40,
    0.9,
    1.0,
    0.0,
    -0.0,
    1e308,
    9.9e-324,
    10**12,
    10**400,
    -(10**400),
    2**63,
    True,
    False,
)
_WORDS = (
    "54",
    "1e1",
    "\uff15\uff14",
    " 54 ",
    "5_4",
    "+54",
    "NaN",
    "",
    "0",
    "1",
    "54/60",
    "0 ",
    "None",
    "-",
    "null",
    "clean",
    "2019-02-05 15:41:52",
    " \n",
    "x" * 5000,
)
_CHARACTERS = (
    "\0",
    "\x1f",
    "\ud800x",
    "\udfff",
    "\u202egpj.exe",
    "\u2066a\u2069",
    "\ufeff",
    "\u200b",
    "\x1b[31m",
)
_MARKUP = (
    "<!channel>",
    "<@U1>",
    "<http://evil.com|x>",
    "*b* _i_ `c`",
    "<b>x</b>",
    "&lt;!here&gt;",
    "|",
    "[x](http://evil.com)",
    "![x](http://evil.com/a.png)",
    "<https://evil.com/harvest|Approve in Slack>",
    "<!date^1^{date_short}^http://evil.com|now>",
    "<!subteam^S1|@oncall>",
    "<mailto:a@evil.com|mail>",
    "<#C1|general>",
    "&#60;!channel&#62;",
    "@here",
)
_LINKS = (
    "http://evil.com/",
    "HTTPS://EVIL.COM/a",
    "evil.com",
    "www.evil.com",
    "ftp://evil.com/x",
    "\u202ehttp://evil.com",
    "https://evil.com/\ud800",
    "https://www.virustotal.com/|http://evil.com/",
    "https://www.virustotal.com.evil.com/",
    f"http://evil.com/reset?token={HUSH}",
    "a\nhttp://evil.com",
    "mail@evil.com",
    "https://evil.com?x=y|virustotal.com",
    "http:\\\\evil.com",
    "http:/\u200b/evil.com",
    "https://evil\u3002com/",
    "slack://evil.com",
    "javascript:location='http://evil.com'",
    f"postgres://u:p/{HUSH}@evil.com/x",
)
_PARTS = (
    [],
    {},
    [54],
    [None],
    [[]],
    ["http://evil.com/"],
    {"detected": True},
    {"positives": 54},
    [["x", SHA, 40, 60]],
)
VALUES = (
    None,
    *_NUMBERS,
    *DATES,
    *_WORDS,
    *_CHARACTERS,
    *_MARKUP,
    *_LINKS,
    *_PARTS,
    f"{OTHER}-1",
    f"{SHA}-{'9' * 5000}",
    OTHER,
    SHA[::-1],
)
KEYS = (
    *("Positives", "positives ", "detected_similar_samples", "detected_embedded_urls", "DETECTED_URLS"),
    *(
        "scan_date",
        "first_seen",
        "positives",
        "total",
        "scans",
        "detected_urls",
        "undetected_urls",
        "response_code",
    ),
    *("resource", "sha256", "url", "verbose_msg", "whois", "error", "data", "", "\ud800", "\0", "\u202ex"),
    *(
        "http://evil.com/",
        "http://evil.com category",
        "evil.com domain info",
        "x category",
        "<!channel> rank",
    ),
)
ENGINES = ("http://evil.com/", "evil.com", "<!here>", "\u202eMcAfee", "", "\0", "x" * 300, "A")


def mutated(raw, chance):
    """A copy of a reply with one to three values replaced, removed, added, swapped, or put a few levels deeper.

    In some of them, what fits each by itself contradicts the rest.
    """
    holder = [_copied(raw)]
    for _ in range(chance.randint(1, 3)):
        report = report_of(holder[0])
        if isinstance(report, dict) and chance.random() < CONTRADICTING:
            holder[0] = contradicting(holder[0], report, chance)
        else:
            _mutate(holder, chance)
    return holder[0]


def _copied(raw):
    return json.loads(json.dumps(raw))


def _mutate(holder, chance):
    node, key = _place(holder, chance)
    kind = chance.random()
    if kind < 0.45:
        node[key] = _value(chance)
    elif kind < 0.55 and node is not holder:
        del node[key]
    elif kind < 0.62:
        for _ in range(chance.choice((1, 2, 30, 80, 300))):
            node[key] = [node[key]] if chance.random() < 0.5 else {"x": node[key]}
    elif kind < 0.72:
        _exchange(node, key, chance)
    elif kind < 0.82 and isinstance(node.get("scans") if isinstance(node, dict) else None, dict):
        node["scans"][chance.choice(ENGINES)] = {"detected": True, "result": _value(chance)}
    elif isinstance(node, dict):
        node[chance.choice(KEYS)] = _value(chance)
    elif node is not holder:
        node.append(_value(chance))


def _place(holder, chance):
    """A random value somewhere in the reply, by what holds it and its key."""
    node, key = holder, 0
    while isinstance(node[key], dict | list) and node[key] and chance.random() < 0.85:
        node = node[key]
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
    return node, key


def _value(chance):
    return copy.deepcopy(chance.choice(VALUES))


def _exchange(node, key, chance):
    """Two values change places, or one is there as what it is not: the digits as text, the text as a list."""
    other = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
    if chance.random() < 0.5:
        node[key], node[other] = node[other], node[key]
    elif isinstance(node[key], int):
        node[key] = chance.choice((str, float, bool, lambda number: [number]))(
            node[key] if abs(node[key]) < 1e9 else 0
        )
    else:
        node[key] = [node[key]]


def body_of(reply, chance):
    """The bytes that VirusTotal would send; a few are no JSON, have a key twice, or hold a megabyte."""
    kind = chance.random()
    if kind < 0.002 and isinstance(reply, dict):
        reply = reply | {chance.choice(("verbose_msg", "whois", "x category")): "http://evil.com/ " * 60_000}
    body = json.dumps(reply)
    if 0.002 <= kind < 0.02:
        return _twice(body, chance).encode()
    if 0.02 <= kind < 0.03:
        return chance.choice(
            (b"<html>http://evil.com</html>", b"", b"null", b"[]", b"{", b'"x"', b"NaN", b"\xff\xfe{}")
        )
    return body.encode()


def _twice(body, chance):
    """The body with one of its keys once more, before the first."""
    keys = [match[0] for match in re.finditer(r'"[a-z_]+": ', body)]
    if not keys:
        return body
    key = chance.choice(keys)
    return body.replace(key, f"{key}{json.dumps(chance.choice((0, 40, 'x', [])))}, {key}", 1)
