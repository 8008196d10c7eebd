"""Which analysis a report is of: scan_id is `<sha256>-<unix seconds>`."""

from datetime import datetime, timedelta
from typing import Any

SAME_SCAN = timedelta(minutes=10)
"""What is submitted again within this time is the first submission's scan (measured by public clients)."""


def is_of(raw: dict[str, Any], scan_id: str) -> bool:
    """Is it a finished report, of that analysis or a later one?"""
    return _finished(raw) and _second(str(raw.get("scan_id") or "")) >= _second(scan_id)


def is_since(raw: dict[str, Any], moment: datetime) -> bool:
    """Is it a finished report, of what was submitted at that moment, or a later one?"""
    return _finished(raw) and _second(str(raw.get("scan_id") or "")) >= (moment - SAME_SCAN).timestamp()


def _finished(raw: dict[str, Any]) -> bool:
    return raw.get("response_code") == 1 and "scans" in raw


def _second(scan_id: str) -> int:
    """The moment in a scan_id; 0 when it has none (a queued file's may be the bare sha256)."""
    moment = scan_id.rpartition("-")[2]
    return int(moment) if "-" in scan_id and moment.isdecimal() else 0
