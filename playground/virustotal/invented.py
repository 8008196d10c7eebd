"""Invented reports on files and URLs: realistic, and the same for the same subject every time."""

import string
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from playground.virustotal import engines, replies
from playground.virustotal.hashes import Hashes
from playground.virustotal.seeded_random import SeededRandom

DAY = 86_400
Row = TypeVar("Row", bound=tuple[str, ...])


class Outcome(Enum):
    """How an invented subject turns out."""

    RISKY = "risky"
    SUSPICIOUS = "suspicious"
    CLEAN = "clean"
    UNKNOWN = "unknown"


FACES = (Outcome.RISKY, Outcome.SUSPICIOUS, Outcome.CLEAN) * 3 + (Outcome.UNKNOWN,)


WELL_KNOWN = frozenset(
    (
        "1.1.1.1",
        "8.8.4.4",
        "8.8.8.8",
        "9.9.9.9",
        "cloudflare.com",
        "github.com",
        "google.com",
        "microsoft.com",
        "slack.com",
        "virustotal.com",
    )
)
"""Hosts that everybody uses, malware too. As in recorded replies, nothing bad is on them, and many bad files contact them."""


def is_well_known(host: str) -> bool:
    """Is it one of these, with or without www?"""
    return host.removeprefix("www.") in WELL_KNOWN


def outcome(subject: str) -> Outcome:
    """Three in ten each, and one in ten that VirusTotal has never seen."""
    return Outcome.CLEAN if is_well_known(subject) else SeededRandom("outcome", subject).pick(FACES)


@lru_cache(maxsize=256)
def file(hashes: Hashes, today: int) -> replies.Reply:
    """A file/report without `resource`. Of an unknown outcome it is a clean one: someone must have uploaded it."""
    rng = SeededRandom("file", hashes.sha256)
    positives = _engines_that_flag(rng, outcome(hashes.sha256), most=62)
    seconds = _some_time_ago(rng, today)
    rows = rng.shuffled(engines.ANTIVIRUS)[: rng.between(max(58, positives), len(engines.ANTIVIRUS))]
    flagging = set(_first_the_well_known(rng, [name for name, _, _ in rows])[:positives])
    family = rng.pick(engines.FAMILIES)
    scans = {
        name: {
            "detected": name in flagging,
            "version": version,
            "result": _name(rng, form, family) if name in flagging else None,
            "update": replies.date(seconds - DAY * rng.below(3))[:10].replace("-", ""),
        }
        for name, version, form in rows
    }
    scan_id = f"{hashes.sha256}-{seconds}"
    return {
        "scans": scans,
        "scan_id": scan_id,
        "sha1": hashes.sha1,
        "resource": hashes.sha256,
        "response_code": 1,
        "scan_date": replies.date(seconds),
        "permalink": replies.permalink("file", scan_id),
        "verbose_msg": replies.FILE_DONE,
        "total": len(scans),
        "positives": positives,
        "sha256": hashes.sha256,
        "md5": hashes.md5,
    }


@lru_cache(maxsize=256)
def url(normalised: str, subject: str, today: int) -> replies.Reply:
    """A url/report; results are strings even when clean."""
    rng = SeededRandom("url", subject)
    positives = _engines_that_flag(rng, outcome(subject), most=18)
    seconds = _some_time_ago(rng, today)
    names = rng.shuffled(engines.SITES)[: rng.between(62, len(engines.SITES))]
    flagging = set(names[:positives])
    scan_id = f"{subject}-{seconds}"
    return {
        "scan_id": scan_id,
        "resource": normalised,
        "url": normalised,
        "response_code": 1,
        "scan_date": replies.date(seconds),
        "permalink": replies.permalink("url", scan_id),
        "verbose_msg": replies.URL_DONE,
        "filescan_id": f"{rng.digest()}-{seconds}" if positives and rng.below(4) == 0 else None,
        "positives": positives,
        "total": len(names),
        "scans": {name: _site(rng, name, normalised, flagged=name in flagging) for name in sorted(names)},
    }


def named_file(report: replies.Reply) -> replies.Reply:
    """A documented file/report as a scan of today would give it: each engine that it counts is named."""
    rng = SeededRandom("named", report["sha256"])
    more = {
        name: {
            "detected": flagged,
            "version": version,
            "result": _name(rng, form, "EICAR") if flagged else None,
            "update": report["scan_date"][:10].replace("-", ""),
        }
        for (name, version, form), flagged in _uncounted(report, engines.ANTIVIRUS)
    }
    return {**report, "scans": {**report["scans"], **more}}


def named_url(report: replies.Reply) -> replies.Reply:
    """The same for a documented url/report."""
    rng = SeededRandom("named", report["url"])
    more = {
        name: _site(rng, name, report["url"], flagged=flagged)
        for (name,), flagged in _uncounted(report, [(site,) for site in engines.SITES])
    }
    return {**report, "scans": {**report["scans"], **more}}


def _uncounted(report: replies.Reply, known: Sequence[Row]) -> Iterator[tuple[Row, bool]]:
    """Engines that a report counts without naming them, and whether they flag it: the well-known do so first."""
    unnamed = [row for row in known if row[0] not in report["scans"]]
    rows = sorted(unnamed, key=lambda row: row[0] not in engines.WELL_KNOWN)
    flagging = report["positives"] - sum(scan["detected"] for scan in report["scans"].values())
    for number, row in enumerate(rows[: report["total"] - len(report["scans"])]):
        yield row, number < flagging


@lru_cache(maxsize=256)
def all_info(hashes: Hashes, today: int) -> replies.Reply:
    """What a private key may read besides, with allinfo=1."""
    rng = SeededRandom("allinfo", hashes.sha256)
    first = today - DAY * rng.between(400, 1500)
    return {
        "size": rng.between(2_000, 9_000_000),
        "type": "Win32 EXE",
        "tags": ["peexe", "overlay"],
        "ssdeep": f"{rng.between(1, 9) * 192}:{rng.digest()[:40]}:{rng.digest()[:24]}",
        "authentihash": rng.digest(),
        "first_seen": replies.date(first),
        "last_seen": replies.date(first + DAY * rng.below(300)),
        "times_submitted": rng.between(1, 300),
        "unique_sources": rng.between(1, 90),
        "submission_names": [f"{rng.pick(('invoice', 'setup', 'update', 'scan'))}_{rng.below(10_000)}.exe"],
        "additional_info": {
            "magic": "PE32 executable for MS RateLimit (GUI) Intel 80386 32-bit",
            "pe-imphash": rng.digest("md5"),
        },
    }


def _engines_that_flag(rng: SeededRandom, what: Outcome, most: int) -> int:
    """Suspicious is one or two: below every threshold that is sensible."""
    if what is Outcome.RISKY:
        return rng.between(4, most)
    return rng.between(1, 2) if what is Outcome.SUSPICIOUS else 0


def _some_time_ago(rng: SeededRandom, today: int) -> int:
    """Half of the scans are of the last month, the others up to three years old; always before `today`."""
    days = rng.between(1, 30) if rng.below(2) else rng.between(31, 1000)
    return today - DAY * days + rng.below(DAY)


def _first_the_well_known(rng: SeededRandom, names: list[str]) -> list[str]:
    """Who flags first: of the many that find a real threat, the well-known are seldom missing."""
    lucky = rng.shuffled(names)
    return sorted(lucky, key=lambda name: name not in engines.WELL_KNOWN) if rng.below(4) else lucky


def _name(rng: SeededRandom, form: str, family: str) -> str:
    return form.format(
        family=family,
        upper=family.upper(),
        number=rng.between(1_000, 69_999_999),
        letters="".join(rng.pick(string.ascii_uppercase) for _ in range(3)),
        hex=f"{rng.below(1 << 24):06x}",
        percent=rng.between(60, 100),
    )


def _site(rng: SeededRandom, name: str, normalised: str, *, flagged: bool) -> dict[str, Any]:
    if flagged:
        return {"detected": True, "result": rng.pick(("malware site", "phishing site", "malicious site"))}
    if name in engines.UNRATED:
        return {"detected": False, "result": "unrated site"}
    if rng.below(90) == 0:
        return {"detected": False, "result": "suspicious site"}
    clean: dict[str, Any] = {"detected": False, "result": "clean site"}
    if name in engines.DETAILS:
        host = urlsplit(normalised).hostname or ""
        clean["detail"] = engines.DETAILS[name].format(host=host, url=normalised)
    return clean
