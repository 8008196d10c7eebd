"""An answer as a file: the documented JSON with VirusTotal's replies untouched, or a table for a spreadsheet. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers import text
from handlers.text import modals
from vt.indicators import defang
from vt.results import gui_link, json_result
from vt.verdict import Finding

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is sent to people."""

    name: str
    content: bytes


def as_json(found: Sequence[Finding]) -> Attachment:
    """The documented JSON result, with VirusTotal's replies unchanged."""
    content = json.dumps(json_result(found), ensure_ascii=False, indent=1).encode("utf-8", "replace")
    return Attachment(f"{_name(found)}.json", content)


def as_csv(found: Sequence[Finding]) -> Attachment:
    """One row for each indicator (defanged) or file, in the order they were asked for; nothing in it is a formula."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(modals.COLUMNS)
    writer.writerows([_harmless(cell) for cell in _cells(finding)] for finding in found)
    # With a byte order mark at the beginning, spreadsheets read the file as UTF-8.
    return Attachment(f"{_name(found)}.csv", table.getvalue().encode("utf-8-sig", "replace"))


def _cells(finding: Finding) -> Iterator[str]:
    rule = finding.rule
    analysed = finding.report.analysed_at if finding.report else None
    # A path is not defanged: people copy it, and spreadsheets make no link of it.
    yield finding.input if finding.action.files else defang(finding.input)
    yield finding.indicator.kind.value if finding.indicator else ""
    yield finding.action.title
    yield finding.state.value
    yield str(rule.count) if rule else ""
    yield str(rule.total) if rule and rule.total else ""
    yield str(rule.threshold) if rule else ""
    yield text.minute(analysed) if analysed else ""
    yield text.minute(finding.checked_at) if finding.checked_at else ""
    yield text.remark(finding)
    yield gui_link(finding) or ""


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _name(found: Sequence[Finding]) -> str:
    one = found[0].indicator.value if found[0].indicator and not found[0].action.files else found[0].input
    about = one if len(found) == 1 else f"{len(found)} indicators"
    return "virustotal-" + re.sub(r"[^A-Za-z0-9.-]+", "_", about)[:80].strip("_.")
