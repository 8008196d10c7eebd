"""Findings to look at: each of the six states, as different kinds of indicators have them, lists of 3, 12 and 60, and the longest."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta

from tests.support.replies import RECORDED
from vt.actions import BY_KEY
from vt.errors import FileFault, HostFault, LargeNotAllowed, QuotaSpent, Reserved, VTError, pack, tree
from vt.evidence import DEFAULT_CRITERIA, HostCriteria, HostRule
from vt.indicators import read
from vt.lookup import Lookup, Step
from vt.results import json_text
from vt.steps import after_report
from vt.verdict import Note

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SHA = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
ENGINES = {
    "Microsoft": "Trojan:Win32/Emotet.PSE!MTB",
    "Kaspersky": "HEUR:Trojan-Banker.Win32.Emotet.gen",
    "ESET-NOD32": "a variant of Win32/Kryptik.HGTV",
    "BitDefender": "Trojan.GenericKDZ.65230",
    "Sophos": "Mal/EncPk-APV",
}


def finding(action, value, raw=None, criteria=DEFAULT_CRITERIA, **changes):
    """What is found out about a value when VirusTotal says this."""
    row = BY_KEY[action]
    lookup = Lookup.of(read(value), row, row.threshold).evolve(criteria=criteria)
    if raw is not None:
        lookup = after_report(lookup, raw, NOW, may_rescan=False)
    return lookup.evolve(**changes).finding(NOW)


def json_result(found):
    """The documented JSON, read."""
    return json.loads("".join(json_text(found)))


def written(at):
    return f"{at:%Y-%m-%d %H:%M:%S}"


def content(positives, total=70, sha256=SHA, **more):
    """A report on a file."""
    scans = {name: {"detected": True, "result": result} for name, result in ENGINES.items()}
    return {
        "response_code": 1,
        "resource": sha256,
        "sha256": sha256,
        "sha1": hashlib.sha1(sha256.encode(), usedforsecurity=False).hexdigest(),
        "md5": hashlib.md5(sha256.encode(), usedforsecurity=False).hexdigest(),
        "scan_id": f"{sha256}-1795300000",
        "scan_date": written(NOW - 2 * DAY),
        "permalink": f"https://www.virustotal.com/gui/file/{sha256}/detection/f-{sha256}-1795300000",
        "positives": positives,
        "total": total,
        "scans": scans if positives else {"Microsoft": {"detected": False}},
        "verbose_msg": "Scan finished, information embedded",
        **more,
    }


def host(positives, **more):
    """A report on a host that served a URL which so many engines flag, and is contacted by files."""
    urls = [
        {
            "url": "http://evil.test/a",
            "positives": positives,
            "total": 70,
            "scan_date": written(NOW - 9 * DAY),
        }
    ]
    contacting = [{"sha256": SHA, "positives": 60, "total": 71, "date": written(NOW - DAY)}]
    looked_at = [{"sha256": "b" * 64, "positives": 0, "total": 58, "date": written(NOW - 3 * DAY)}]
    return {
        "response_code": 1,
        "country": "DE",
        "as_owner": "Example Hosting GmbH",
        "detected_urls": urls if positives else [],
        "detected_communicating_samples": contacting if positives else [],
        "undetected_downloaded_samples": looked_at,
        "resolutions": [{"hostname": "mail.evil.test", "last_resolved": written(NOW - 40 * DAY)}],
        "verbose_msg": "IP address in dataset",
        **more,
    }


def url(positives):
    """A report on a URL."""
    scans = {"Kaspersky": {"detected": True, "result": "malware site"}}
    return content(positives) | {
        "scans": scans if positives else {"Kaspersky": {"detected": False}},
        "url": "http://evil.test/login/",
        "resource": "http://evil.test/login",
    }


WAITING = {"code": "quota-spent", "data": {"retry_at": "2026-11-22T03:00:38Z"}}
ONE = {
    "RISKY file": finding("scan-hash", SHA, content(54, 60)),
    "RISKY file, private key": finding(
        "scan-hash", SHA, content(54, 60, type="Win32 EXE", first_seen=written(NOW - 900 * DAY))
    ),
    "RISKY address": finding("scan-ip", "192.0.2.1", host(30)),
    "RISKY domain": finding(
        "domain-report", "evil.test", host(30, categories=["malware", "phishing and fraud", "parked domain"])
    ),
    "RISKY URL": finding("scan-url", "http://evil.test/login", url(9)),
    "SUSPICIOUS address": finding("scan-ip", "192.0.2.1", host(6)),
    "SUSPICIOUS email": finding("domain-report", "someone@evil.test", host(4)),
    "CLEAN address": finding("scan-ip", "192.0.2.1", host(0)),
    "CLEAN file": finding("scan-hash", SHA, content(0)),
    "UNKNOWN file": finding("scan-hash", SHA, {"response_code": 0, "resource": SHA, "verbose_msg": "?"}),
    "PENDING file": finding("scan-hash", SHA, {"response_code": -2, "resource": SHA, "scan_id": SHA}),
    "NOT CHECKED quota": finding("scan-ip", "192.0.2.1", error=WAITING),
    "NOT CHECKED internal": finding("scan-ip", "10.0.0.1"),
}
"""One finding, by what it is."""


def several(count):
    """So many findings: of every state, and files that were asked for by two hashes."""
    mixed = []
    for number in range(count):
        sha256 = hashlib.sha256(bytes([number])).hexdigest()
        mixed += [
            finding("scan-hash", sha256, content(54 - number, 60, sha256=sha256)),
            finding("scan-hash", sha256[:32], content(54 - number, 60, sha256=sha256)),
            finding("scan-ip", f"192.0.2.{number}", host(30 - number)),
            finding("domain-report", f"host-{number}.evil.test", host(5)),
            finding("scan-hash", f"{sha256[:60]}abcd", content(0)),
            finding("scan-ip", f"198.51.100.{number}", {"response_code": 0, "verbose_msg": "?"}),
            finding("scan-ip", f"203.0.113.{number}", error=WAITING),
        ]
    return mixed[:count]


LISTS = {f"{count} indicators": several(count) for count in (3, 12, 60)}
SCENES = {**{name: [one] for name, one in ONE.items()}, **LISTS}


# Every kind of single answer, at its longest ---------------------------------------------------------------

LONG_URL = f"http://{'very-long-name-of-a-host.' * 4}evil.test/{'path/' * 20}index.php?{'q=1&' * 200}"
LONG_PATH = f"/srv/{'samples-of-the-incident/' * 12}{'invoice-' * 12}2026.pdf.exe"
SHA_FORMS = (SHA, content(1)["sha1"], content(1)["md5"])
DATA = {
    str: "why",
    bool: True,
    int: 123_456,
    float: 120.5,
    datetime: NOW,
    datetime | None: NOW,
    tuple[str, ...] | None: ("/srv/a",) * 9,
}
LONG_NAMES = {
    name: {"detected": True, "result": f"{result} {'variant ' * 20}"} for name, result in ENGINES.items()
}


def _error(kind, **more):
    """What could not be checked for this reason."""
    data = [DATA[field.type] for field in fields(kind)] if is_dataclass(kind) else []
    return finding("scan-ip", "192.0.2.1", error=pack(kind(*data)), **more)


def _file(positives, note, **changes):
    """A file that was hashed, with something that its reader must know."""
    lookup = Lookup.of_file(LONG_PATH, BY_KEY["scan-file"], 3).hashed(SHA, 123_456_789)
    raw = content(positives) if positives is not None else {"response_code": 0, "resource": SHA}
    return lookup.evolve(raw=raw, step=Step.DONE, checked_at=NOW, note=note, **changes).finding(NOW)


def _old(positives):
    """Everything that can be known against a host, of which nothing counts any more but one URL."""
    old = written(NOW - 400 * DAY)
    return host(
        positives,
        as_owner="Northern Regions Telecommunications and Internet Exchange Association Ltd.",
        categories=["malware distribution", "phishing and fraud", "parked domain"],
        detected_downloaded_samples=[{"sha256": SHA, "positives": 63, "total": 71, "date": old}],
        detected_referrer_samples=[{"sha256": SHA, "positives": 55, "total": 71, "date": old}],
    )


DOCUMENTED = HostCriteria(HostRule.DOCUMENTED)


def _parent(positives):
    """An email address whose host is unknown: the report is on the parent domain."""
    address = f"someone@{'long-name.' * 9}example.com"
    lookup = Lookup.of(read(address), BY_KEY["domain-report"], 25)
    lookup = after_report(lookup, {"response_code": 0}, NOW, may_rescan=False)
    return after_report(lookup, _old(positives), NOW, may_rescan=False).finding(NOW)


def longest():
    """One finding of every kind and for every reason, as long as it gets, by name."""
    long = content(54, 60, type="PE32+ executable for MS Windows (GUI) x86-64", scans=LONG_NAMES)
    found = {
        "hash": finding("scan-hash", SHA, long | {"first_seen": written(NOW - 900 * DAY)}),
        "hash, SUSPICIOUS": finding("scan-hash", SHA, long | {"positives": 2}),
        "URL": finding("scan-url", LONG_URL, url(54) | {"scans": LONG_NAMES, "url": f"{LONG_URL}#", "response": 404}),
        "URL, SUSPICIOUS": finding("scan-url", LONG_URL, url(2)),
        "URL, UNKNOWN": finding("scan-url", LONG_URL, {"response_code": 0}),
        "octets": finding("scan-ip", "192.000.002.001", _old(30)),
        **{f"address, {count}": finding("scan-ip", "192.0.2.1", _old(count)) for count in (0, 4, 30)},
        **{f"domain, {count}": finding("domain-report", "evil.test", _old(count)) for count in (0, 4, 30)},
        **{
            f"address as documented, {count}": finding("scan-ip", "192.0.2.1", _old(count), DOCUMENTED)
            for count in (0, 4, 30)
        },
        **{f"parent domain, {count}": _parent(count) for count in (4, 30)},
        **{f"email, {count}": finding("domain-report", "someone@evil.test", _old(count)) for count in (4, 30)},
        **{f"error {kind.__name__}": _error(kind) for kind in tree() if kind not in (VTError, FileFault, HostFault)},
        **{f"waits for {kind.__name__}": _error(kind, step=Step.ASK, not_before=NOW + DAY) for kind in (QuotaSpent, Reserved)},
    }  # fmt: skip
    for note in Note:
        for positives in (None, 2, 54):
            error = {"error": pack(LargeNotAllowed())} if note is Note.NOT_UPLOADED else {}
            found[f"file, {note.name}, {positives}"] = _file(positives, note, **error)
    for path in sorted(RECORDED.glob("*.json")) if RECORDED.is_dir() else ():
        action, value = OF_RECORDING.get(path.name.partition("__")[0], ("", ""))
        if action and not path.name.endswith(".meta.json"):
            raw = json.loads(path.read_text())
            found |= {path.stem: finding(action, value, raw)} if isinstance(raw, dict) else {}
    return found


OF_RECORDING = {
    "ip-address_report": ("scan-ip", "192.0.2.1"),
    "file_report": ("scan-hash", SHA),
    "url_report": ("scan-url", LONG_URL),
    "domain_report": ("domain-report", "evil.test"),
}
HASHES_OF_ONE_FILE = [finding("scan-hash", value, content(54, 60, type="Win32 EXE")) for value in SHA_FORMS]
