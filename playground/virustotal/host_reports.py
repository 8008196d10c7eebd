"""Invented reports on domains and IP addresses: who is beside them, what was seen there. They hold no verdict."""

import hashlib
from functools import lru_cache
from typing import Any

from playground.virustotal import replies
from playground.virustotal.invented import DAY, Outcome, is_well_known, outcome
from playground.virustotal.seeded_random import SeededRandom

OWNERS = (
    (13335, "Example CDN, Inc.", "US", "NA"),
    (14061, "Sample Ocean, LLC", "GB", "EU"),
    (16276, "Exemple SAS", "FR", "EU"),
    (24940, "Muster Online GmbH", "DE", "EU"),
    (46606, "Unified Sample Layer", "US", "NA"),
    (4134, "Sample Telecom Backbone", "CN", "AS"),
    (6471, "Ejemplo Chile S.A.", "CL", "SA"),
    (12389, "Primer Telecom", "RU", "EU"),
)

THEMES = (
    # a category as BitDefender, Forcepoint and Dr.Web put it
    ("computersandsoftware", "information technology", "social networks"),
    ("parked", "parked domain", "known infection source"),
    ("business", "business and economy", "e-commerce"),
    ("news", "news and media", "news"),
    ("malware", "malicious web sites", "known infection source"),
    ("advertisements", "advertisements", "advertisements"),
)

WORDS = ("mail", "cdn", "shop", "login", "static", "update", "portal", "files", "secure", "img", "api", "old")
PATHS = ("", "index.html", "login.php", "wp-content/a.zip", "doc/invoice.doc", "update/setup.exe", "a/b/c.js")
FEW = (0, 1, 2, 3, 5, 8, 13, 21)
"""How long most lists are; VirusTotal stops at 100, and at 1000 for resolutions."""


@lru_cache(maxsize=256)
def address(ip: str, today: int) -> replies.Reply:
    """An ip-address/report."""
    seen = _Seen(ip, today)
    rng = seen.rng
    asn, owner, country, continent = rng.pick(OWNERS)
    names = [f"{rng.pick(WORDS)}{rng.below(1000)}.example.net" for _ in range(8)]
    return {
        "asn": asn,
        "as_owner": owner,
        "country": country,
        "continent": continent,
        "network": f"{ip.rpartition('.')[0]}.0/24",
        "response_code": 1,
        "verbose_msg": "IP address in dataset",
        "whois": f"NetRange: {ip.rpartition('.')[0]}.0 - {ip.rpartition('.')[0]}.255\nNetName: SAMPLE-{asn}\nCountry: {country}",
        "whois_timestamp": today - DAY * rng.between(1, 90),
        "resolutions": [
            {"last_resolved": date, "hostname": f"{rng.pick(WORDS)}{index}.example.com"}
            for index, date in enumerate(seen.resolved())
        ],
        **seen.urls([ip, *names]),
        **seen.samples(("downloaded", "communicating", "referrer")),
    }


@lru_cache(maxsize=256)
def domain(name: str, today: int) -> replies.Reply:
    """A domain/report."""
    seen = _Seen(name, today)
    rng = seen.rng
    first, second, third = rng.pick(THEMES)
    bad = seen.outcome is Outcome.RISKY
    return {
        "BitDefender category": first,
        "Forcepoint ThreatSeeker category": second,
        "Dr.Web category": third,
        "categories": [first, second],
        "Webutation domain info": {
            "Verdict": "malicious" if bad else "safe",
            "Adult content": "no",
            "Safety score": rng.between(5, 50) if bad else 100,
        },
        **_mentions(name, rng, bad=bad),
        "response_code": 1,
        "verbose_msg": "Domain found in dataset",
        "whois": _whois(name, today, rng),
        "whois_timestamp": today - DAY * rng.between(1, 90),
        "domain_siblings": [],
        "subdomains": [f"{word}.{name}" for word in rng.shuffled(WORDS)[: rng.below(6)]],
        "resolutions": [
            {"last_resolved": date, "ip_address": f"198.51.100.{rng.between(1, 254)}"}
            for date in seen.resolved()
        ],
        "dns_records": [{"type": "A", "value": f"198.51.100.{rng.between(1, 254)}", "ttl": 3599}],
        "dns_records_date": today - DAY * rng.between(1, 30),
        **seen.urls([name]),
        **seen.samples(("downloaded", "communicating", "referrer")),
    }


class _Seen:
    """The evidence about one subject, drawn from its rng."""

    def __init__(self, subject: str, today: int) -> None:
        self.rng = SeededRandom("host", subject)
        self.outcome = outcome(subject)
        self._subject = subject
        self._today = today
        self._number = 0

    def resolved(self) -> list[str | None]:
        """Dates of resolutions; now and then one is null."""
        dates = [self._date() for _ in range(self._many(1000))]
        return [None if self.rng.below(40) == 0 else date for date in dates]

    def urls(self, hosts: list[str]) -> dict[str, Any]:
        """detected_urls are objects, undetected_urls are lists of five."""
        detected = [
            {
                "url": self._url(hosts),
                "positives": self._positives(15),
                "total": self.rng.between(60, 72),
                "scan_date": self._date(),
            }
            for _ in range(self._evidence())
        ]
        undetected = [
            [self._url(hosts), self._sha256(), 0, self.rng.between(60, 72), self._date()]
            for _ in range(self._many(100))
        ]
        return {"detected_urls": _newest_first(detected, "scan_date"), "undetected_urls": undetected}

    def samples(self, kinds: tuple[str, ...]) -> dict[str, Any]:
        """Of each kind a list with and one without detections. The first detected one of a risky subject is grave."""
        found: dict[str, Any] = {}
        grave = self.outcome is Outcome.RISKY
        for kind in kinds:
            detected = [self._sample(self._positives(60)) for _ in range(self._evidence())]
            if grave:
                # Seen lately, so that it is risky by either rule.
                lately = replies.date(self._today - 10 * DAY)
                detected[0] = self._sample(self.rng.between(30, 62)) | {"date": lately}
                grave = False
            if is_well_known(self._subject) and kind != "downloaded":
                detected = [self._sample(self.rng.between(1, 60)) for _ in range(self.rng.between(3, 20))]
            found[f"detected_{kind}_samples"] = _newest_first(detected, "date")
            found[f"undetected_{kind}_samples"] = [self._sample(0) for _ in range(self._many(100))]
        return found

    def _evidence(self) -> int:
        """How many bad things: none when clean, at least one otherwise."""
        return 0 if self.outcome is Outcome.CLEAN else max(self._many(100), 1)

    def _positives(self, most: int) -> int:
        return self.rng.between(1, most if self.outcome is Outcome.RISKY else 5)

    def _many(self, most: int) -> int:
        """Mostly few, now and then as many as VirusTotal gives."""
        if self.rng.below(40) == 0:
            return most
        return self.rng.pick(FEW)

    def _sample(self, positives: int) -> dict[str, Any]:
        sample: dict[str, Any] = {
            "positives": positives,
            "total": self.rng.between(max(55, positives), 73),
            "sha256": self._sha256(),
        }
        return sample if self.rng.below(3) == 0 else {"date": self._date(), **sample}

    def _url(self, hosts: list[str]) -> str:
        return f"{self.rng.pick(('http', 'https'))}://{self.rng.pick(hosts)}/{self.rng.pick(PATHS)}"

    def _sha256(self) -> str:
        self._number += 1
        return hashlib.sha256(f"{self._subject} {self._number}".encode()).hexdigest()

    def _date(self) -> str:
        days = self.rng.between(1, 30) if self.rng.below(3) == 0 else self.rng.between(31, 1200)
        return replies.date(self._today - DAY * days + self.rng.below(DAY))


def _newest_first(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row.get(key) or "", reverse=True)


def _mentions(name: str, rng: SeededRandom, *, bad: bool) -> dict[str, Any]:
    """What some vendors say of some domains."""
    badware = "URL domain/host was seen to host badware at some point in time"
    rank = rng.pick((0, 0, 100, 10_000))
    found: dict[str, Any] = {}
    if bad:
        found |= {"Opera domain info": f"The {badware}", "BitDefender domain info": f"This {badware}"}
    if rank:
        found["Alexa domain info"] = f"{name} is one of the top {rank:,} sites in the world"
        found["Alexa rank"] = rng.between(1, rank)
    for vendor in ("Websense ThreatSeeker category", "TrendMicro category", "Alexa category"):
        if rng.below(3) == 0:
            found[vendor] = rng.pick(THEMES)[1]
    if rng.below(3) == 0:
        found["alphaMountain.ai category"] = rng.pick(("Business/Economy (alphaMountain.ai)", "Suspicious"))
    return found


def _whois(name: str, today: int, rng: SeededRandom) -> str | None:
    """Null now and then."""
    if rng.below(12) == 0:
        return None
    created, expires = today - DAY * rng.between(5, 7000), today + DAY * rng.between(5, 700)
    return "\n".join(
        (
            f"Domain Name: {name.upper()}",
            "Registrar: Sample Registrar, Inc.",
            f"Creation Date: {replies.date(created).replace(' ', 'T')}Z",
            f"Registry Expiry Date: {replies.date(expires).replace(' ', 'T')}Z",
            "Name Server: NS1.EXAMPLE.NET",
            "Name Server: NS2.EXAMPLE.NET",
            "DNSSEC: unsigned",
        )
    )
