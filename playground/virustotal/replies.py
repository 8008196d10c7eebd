"""The fixed replies, word for word as recorded, and the forms that hold ids, dates and links."""

from datetime import UTC, datetime
from typing import Any

Reply = dict[str, Any]

QUEUED = "Scan request successfully queued, come back later for the report"
FILE_DONE = "Scan finished, information embedded"
URL_DONE = "Scan finished, scan information embedded in this object"

NO_ADDRESS: Reply = {"response_code": 0, "verbose_msg": "Missing IP address"}
BAD_ADDRESS: Reply = {"response_code": -1, "verbose_msg": "Invalid IP address"}
NO_DOMAIN: Reply = {"response_code": 0, "verbose_msg": "Domain not found"}
BAD_URL: Reply = {"response_code": -1, "verbose_msg": "Invalid URL, the scan request was not queued"}


def no_file(resource: str) -> Reply:
    """Never seen, or forgotten."""
    text = "The requested resource is not among the finished, queued or pending scans"
    return {"response_code": 0, "resource": resource, "verbose_msg": text}


def bad_file(resource: str) -> Reply:
    """Neither a hash nor a scan_id. The code is 0, not -1."""
    text = "Invalid resource, check what you are submitting"
    return {"response_code": 0, "resource": resource, "verbose_msg": text}


def no_url(resource: str) -> Reply:
    """Never submitted."""
    return {"response_code": 0, "resource": resource, "verbose_msg": "Resource does not exist in the dataset"}


def queued(resource: str, scan_id: str) -> Reply:
    """Submitted, not finished; by hash, the scan_id is the bare SHA-256."""
    text = "Your resource is queued for analysis"
    return {"response_code": -2, "resource": resource, "scan_id": scan_id, "verbose_msg": text}


def date(seconds: float) -> str:
    """VirusTotal's dates are UTC without saying so."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def permalink(what: str, scan_id: str) -> str:
    """The old form, as every v2 recording before 2020 has it; `what` is file or url."""
    subject, _, seconds = scan_id.partition("-")
    return f"https://www.virustotal.com/{what}/{subject}/analysis/{seconds}/"
