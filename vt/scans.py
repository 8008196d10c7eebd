"""Which analysis a report is of: scan_id is `<sha256>-<unix seconds>`."""

from typing import Any


def is_of(raw: dict[str, Any], scan_id: str) -> bool:
    """Is it a finished report, of that analysis or a later one?"""
    if raw.get("response_code") != 1 or "scans" not in raw:
        return False
    return _second(str(raw.get("scan_id") or "")) >= _second(scan_id)


def _second(scan_id: str) -> int:
    """The moment in a scan_id; 0 when it has none (a queued file's may be the bare sha256)."""
    moment = scan_id.rpartition("-")[2]
    return int(moment) if "-" in scan_id and moment.isdecimal() else 0
