"""Answers to look at: each of the six states, as different kinds of indicators have them, and lists of 3, 12 and 60."""

import hashlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from slack_sdk.web.async_client import AsyncWebClient

from handlers.case import Sighting, Summary
from handlers.posting import POST_OPTIONS
from handlers.views import answer
from handlers.views.answer import AnswerContext
from playground.slack.workspace import Workspace
from tests.support.browser import shown, window
from vt.actions import BY_KEY
from vt.indicators import read
from vt.lookup import Lookup
from vt.steps import after_report
from vt.verdict import State

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
LINES_ABOVE = {390: 12, 1280: 8}
"""The most lines above the buttons of one finding, by the width of the window."""


def looked_up(action, value, raw=None, **changes):
    """What is found out about a value when VirusTotal says this."""
    row = BY_KEY[action]
    lookup = Lookup.of(read(value), row, row.threshold)
    if raw is not None:
        lookup = after_report(lookup, raw, NOW, may_rescan=False)
    return lookup.evolve(**changes).finding(NOW)


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
    "RISKY file": looked_up("scan-hash", SHA, content(54, 60)),
    "RISKY file, private key": looked_up(
        "scan-hash", SHA, content(54, 60, type="Win32 EXE", first_seen=written(NOW - 900 * DAY))
    ),
    "RISKY address": looked_up("scan-ip", "192.0.2.1", host(30)),
    "RISKY domain": looked_up(
        "domain-report", "evil.test", host(30, categories=["malware", "phishing and fraud", "parked domain"])
    ),
    "RISKY URL": looked_up("scan-url", "http://evil.test/login", url(9)),
    "SUSPICIOUS address": looked_up("scan-ip", "192.0.2.1", host(6)),
    "SUSPICIOUS email": looked_up("domain-report", "someone@evil.test", host(4)),
    "CLEAN address": looked_up("scan-ip", "192.0.2.1", host(0)),
    "CLEAN file": looked_up("scan-hash", SHA, content(0)),
    "UNKNOWN file": looked_up("scan-hash", SHA, {"response_code": 0, "resource": SHA, "verbose_msg": "?"}),
    "PENDING file": looked_up("scan-hash", SHA, {"response_code": -2, "resource": SHA, "scan_id": SHA}),
    "NOT CHECKED quota": looked_up("scan-ip", "192.0.2.1", error=WAITING),
    "NOT CHECKED internal": looked_up("scan-ip", "10.0.0.1"),
}
"""One finding, by what it is."""


def several(count):
    """So many findings: of every state, and files that were asked for by two hashes."""
    mixed = []
    for number in range(count):
        sha256 = hashlib.sha256(bytes([number])).hexdigest()
        mixed += [
            looked_up("scan-hash", sha256, content(54 - number, 60, sha256=sha256)),
            looked_up("scan-hash", sha256[:32], content(54 - number, 60, sha256=sha256)),
            looked_up("scan-ip", f"192.0.2.{number}", host(30 - number)),
            looked_up("domain-report", f"host-{number}.evil.test", host(5)),
            looked_up("scan-hash", f"{sha256[:60]}abcd", content(0)),
            looked_up("scan-ip", f"198.51.100.{number}", {"response_code": 0, "verbose_msg": "?"}),
            looked_up("scan-ip", f"203.0.113.{number}", error=WAITING),
        ]
    return mixed[:count]


LISTS = {f"{count} indicators": several(count) for count in (3, 12, 60)}
SCENES = {**{name: [one] for name, one in ONE.items()}, **LISTS}


def message(findings):
    """The answer about them, looked up before in the same channel."""
    records = {}
    for one in findings:
        if one.state in (State.RISKY, State.SUSPICIOUS):
            records[Sighting.of(one).subject] = Summary(2, NOW - 3 * DAY, here=True, channel=None, last=None)
    return answer.answer(findings, AnswerContext("case-id", NOW, records=records, invented=True))


@asynccontextmanager
async def posted(scenes=None):
    """The address of a page where each scene is posted as a message in #general."""
    async with Workspace(retries=()) as slack, shown(slack) as address:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        for findings in (scenes or SCENES).values():
            said = message(findings)
            await client.chat_postMessage(channel="C0GENERAL1", **said.content, **POST_OPTIONS)
        yield address
        assert slack.faults == [], slack.faults[:3]


@asynccontextmanager
async def looked_at(browser, address, width, scheme="light"):
    """A window on those messages, and the list items with them, in order."""
    size = {"width": width, "height": 900}
    async with window(browser, address, place="C0GENERAL1", viewport=size, color_scheme=scheme) as seat:
        items = seat.page.locator("main li.message").filter(has_text="VirusTotal")
        yield seat, (await items.all())[-len(SCENES) :]


LINES = """(item) => {
  const end = item.querySelector('.actions')?.getBoundingClientRect().top ?? Infinity
  const begin = item.querySelector('.who').getBoundingClientRect().bottom
  const walker = document.createTreeWalker(item, NodeFilter.SHOW_TEXT)
  const tops = []
  while (walker.nextNode()) {
    const range = document.createRange()
    range.selectNodeContents(walker.currentNode)
    for (const box of range.getClientRects()) {
      const middle = (box.top + box.bottom) / 2
      if (box.width && middle > begin && middle < end && !walker.currentNode.parentElement.closest('details')) tops.push(middle)
    }
  }
  tops.sort((a, b) => a - b)
  return tops.filter((top, at) => at === 0 || top - tops[at - 1] > 8).length
}"""
"""How many lines of text there are above the buttons of a message."""
