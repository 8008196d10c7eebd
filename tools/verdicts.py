"""The table of docs/verdicts.md: replies of VirusTotal about hosts, judged by both rules on the day of recording.

`python -m tools.verdicts FOLDER` writes it, from a folder with recorded replies: NAME.json, and NAME.meta.json with the
request and the headers of the response; and from the documented results in the folder `documented` beside it. They are no
part of this repository; a test compares the table with them where they are at hand.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from handlers.text import findings as findings_text
from vt.actions import BY_KEY
from vt.evidence import HostCriteria, HostRule
from vt.verdict import Finding, State, Subject, judge

BEGIN, END = "<!-- recorded hosts -->", "<!-- /recorded hosts -->"
DOCUMENT = Path(__file__).parents[1] / "docs" / "verdicts.md"
ENDPOINTS = {"domain_report__": "domain-report", "ip-address_report__": "scan-ip"}
LATER = timedelta(days=365)
NOT_RISKY = "not RISKY"
RISKY = "RISKY"
_DATE = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody who knows the host says: which one it is, and how an answer should call it."""

    host: str
    says: str
    must: str = ""
    """What it has to be by default on the day of its recording: RISKY, NOT_RISKY, or neither."""


KNOWN: Mapping[str, Known] = {
    "domain_report__200_rc1__vtx_2019-05-02": Known(
        "github.com",
        "people put malware on GitHub: look at the file, the site is not the attacker's",
        NOT_RISKY,
    ),
    "domain_report__200_rc1__pwelch_2014-12-25": Known(
        "virustotal.com", "malware and its scanners ask VirusTotal: not risky", NOT_RISKY
    ),
    "domain_report__200_rc1__sekoia_2019-07": Known(
        "027.ru", "a parked name with a bad past: suspicious, worth a look"
    ),
    "domain_report__200_rc1__opendxl_2018-06": Known("027.ru", "the same name a year earlier: suspicious"),
    "domain_report__200_rc0__vtx_2019-05-03": Known(
        "a name that does not exist", "nobody knows it; that is not clean"
    ),
    "ip-address_report__200_rc1__pwelch_2014-12-25": Known(
        "8.8.8.8", "google.com's resolver; malware asks it for names, as everybody does: not risky", NOT_RISKY
    ),
    "ip-address_report__200_rc1__vtx_2019-05-02": Known(
        "1.1.1.1", "Cloudflare's resolver, in the strings of much malware: not risky", NOT_RISKY
    ),
    "ip-address_report__200_rc1__soc_2019-03": Known(
        "167.99.81.228", "hands out Mirai for every processor, today: risky, block it", RISKY
    ),
    "ip-address_report__200_rc1__opendxl_2018-01": Known(
        "a server of a Russian web host",
        "hundreds of sites, one bad file 105 days ago: suspicious, ask which site",
    ),
    "ip-address_report__200_rc1__sekoia_2019-07": Known(
        "a server of Unified Layer", "phishing of 2017 on shared hosting, a little since: suspicious"
    ),
    "ip-address_report__200_rc1__chickadee_test0_2020-06": Known(
        "164.77.130.222", "Emotet's server, flagged by few engines: suspicious at 25, risky at 3"
    ),
    "ip-address_report__200_rc1__chickadee_test1_2020-06": Known(
        "165.227.86.122", "one URL, and no engine flags it"
    ),
    "ip-address_report__200_rc1__polarity_2017": Known(
        "an address of an observatory", "names only, nothing that an engine looked at: unknown"
    ),
    "ip-address_report__200_rc0_missing__polarity_2017": Known(
        "an address without a record", "nobody knows it; that is not clean"
    ),
    "ip-address_report__200_rcneg1_invalid__soc_2019-03": Known(
        "no address", "there is nothing to say about it"
    ),
    "documented_domain_report": Known(
        "example.co.in", "a documented search engine of the first hundred sites: not risky", NOT_RISKY
    ),
    "documented_scan_ip": Known("192.0.2.1", "documented: few engines flag little: suspicious", NOT_RISKY),
}
"""By how the recording's name begins."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded reply about a host, and when it was recorded."""

    name: str
    action: str
    raw: Any
    day: datetime

    def judged(self, criteria: HostCriteria, now: datetime) -> Finding:
        """What the reply means by these criteria, at the default threshold."""
        action = BY_KEY[self.action]
        subject = Subject(action, None, self.name)
        return judge(subject, self.raw, threshold=action.threshold, now=now, criteria=criteria)


def recordings(folder: Path) -> Iterator[Recording]:
    """The recorded replies about hosts, by name, and the documented ones."""
    for path in sorted(folder.glob("*.json")):
        action = next((key for prefix, key in ENDPOINTS.items() if path.name.startswith(prefix)), None)
        if action and not path.name.endswith(".meta.json"):
            raw = json.loads(path.read_text("utf-8"))
            meta = json.loads(path.with_suffix(".meta.json").read_text("utf-8"))
            yield Recording(path.stem, action, raw, _recorded(path.stem, raw, meta))
    for name, action in (("domain_report", "domain-report"), ("scan_ip", "scan-ip")):
        path = folder.parent / "documented" / f"{name}.json"
        if path.is_file():
            [result] = json.loads(path.read_text("utf-8"))
            raw = result["EntityResult"]
            yield Recording(f"documented_{name}", action, raw, _recorded(name, raw, {}))


def _recorded(name: str, raw: Any, meta: Mapping[str, Any]) -> datetime:
    """From the response's headers; else the newest date that a list of the reply holds; else from the name."""
    for header in meta.get("response_headers", {}).get("Date", []):
        return parsedate_to_datetime(header).astimezone(UTC)
    lists = {key: value for key, value in raw.items() if "detected_" in key}
    if dates := _DATE.findall(json.dumps(lists)):
        return datetime.fromisoformat(max(dates)).replace(tzinfo=UTC)
    year = re.search(r"_(20\d\d)", name)
    return datetime(int(year[1]) if year else 2020, 12, 31, tzinfo=UTC)


def cell(found: Finding) -> str:
    """A verdict and the engines that an answer names with it, in words that do not change with the answer's layout."""
    count, total = found.rule.worst if found.rule else (0, None)
    return f"{findings_text.ICONS[found.state]} {found.state}{f' {count} of {total}' if count else ''}"


def known_of(one: Recording) -> Known:
    """What somebody who knows the host says."""
    return next(said for prefix, said in KNOWN.items() if one.name.startswith(prefix))


def row(one: Recording) -> str:
    """A row of the table."""
    known = known_of(one)
    served, documented = HostCriteria(), HostCriteria(HostRule.DOCUMENTED)
    cells = [
        known.host,
        f"{one.day:%Y-%m-%d}",
        known.must,
        cell(one.judged(served, one.day)),
        cell(one.judged(documented, one.day)),
        cell(one.judged(served, one.day + LATER)),
        known.says,
    ]
    return f"| {' | '.join(cells)} |"


def table(folder: Path) -> str:
    """The table as Markdown, between its marks: the worst by the documented rule first."""
    order = list(State)

    def worst(one: Recording) -> tuple[int, int]:
        found = one.judged(HostCriteria(HostRule.DOCUMENTED), one.day)
        return order.index(found.state), -(found.rule.count if found.rule else 0)

    head = "| host | recorded | has to be | `served` | `documented` | `served`, a year later | what a person would say |"
    rows = [row(one) for one in sorted(recordings(folder), key=worst)]
    return "\n".join([BEGIN, head, "|---|---|---|---|---|---|---|", *rows, END])


def main() -> None:
    """Write the table into docs/verdicts.md."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(before + table(Path(sys.argv[1])) + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
