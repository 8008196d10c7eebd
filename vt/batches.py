"""Replies about one resource or several, matched with what was asked: VirusTotal drops what is over a limit."""

from collections.abc import Sequence
from typing import Any

from vt import errors

Raw = dict[str, Any]


def single(reply: Any) -> Raw:
    """The one object that was asked for; a list of one is accepted (recorded: file/report with one resource)."""
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    if not isinstance(reply, dict):
        raise errors.Unreadable("shape")
    return reply


def by_resource(asked: Sequence[str], reply: Any) -> dict[str, Raw]:
    """Match a batch's entries with what was asked. What VirusTotal dropped is missing from the result."""
    entries = reply if isinstance(reply, list) else [reply]
    if not all(isinstance(entry, dict) for entry in entries):
        raise errors.Unreadable("shape")
    left = list(entries)
    found: dict[str, Raw] = {}
    for resource in asked:
        entry = next((entry for entry in left if _names(entry, resource)), None)
        if entry is not None:
            found[resource] = entry
            left.remove(entry)
    missing = [resource for resource in asked if resource not in found]
    if len(missing) == 1 and len(left) == 1 and not _names_another(left[0], missing[0]):
        found[missing[0]] = left[0]
    return found


def _names(entry: Raw, resource: str) -> bool:
    """Does this entry echo that resource? A URL may come back normalised, a hash in another case."""
    echoes = {str(entry.get(key, "")) for key in ("resource", "scan_id", "md5", "sha1", "sha256", "url")}
    plain = resource.rstrip("/").casefold()
    return resource in echoes or any(echo.rstrip("/").casefold() == plain for echo in echoes if echo)


def _names_another(entry: Raw, resource: str) -> bool:
    """A file's entry echoes its hash exactly; one that echoes another hash is not ours."""
    echo = str(entry.get("resource", ""))
    return bool(echo) and "://" not in resource and "://" not in echo
