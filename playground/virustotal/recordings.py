"""Recorded replies: a folder of name.json or name.body, each with a name.meta.json, found again by what they answer."""

import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from playground.virustotal import replies
from playground.virustotal.addresses import normalised
from playground.virustotal.hashes import Hashes

ENDPOINTS = (
    "file/report",
    "file/scan",
    "file/rescan",
    "url/report",
    "url/scan",
    "domain/report",
    "ip-address/report",
    "comments/get",
)
SUBJECTS = {
    "domain/report": "domain",
    "ip-address/report": "ip",
    "url/scan": "url",
}
"""The parameter that says what is asked about; elsewhere it is `resource`."""
ECHOES = {
    "file/report": ("resource", "md5", "sha1", "sha256", "scan_id"),
    "file/scan": ("sha256",),
    "file/rescan": ("resource", "sha256"),
    "url/report": ("resource", "url", "scan_id"),
    "url/scan": ("resource", "url"),
    "comments/get": ("resource",),
}
"""The keys of a reply that say what it is about."""
DATE = re.compile(r"\b[12][0-9]{3}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\b")
OWN_AFFAIRS = frozenset({301, 302, 303, 307, 308, 401, 403})
"""Statuses that say something of the key or the host that were used, and nothing of the subject."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A reply to be served untouched, and the same parsed."""

    status: int
    body: bytes
    reply: Any


class Key(NamedTuple):
    """What a recording answers. `endpoint` is "url/report?scan=1" where that was asked."""

    endpoint: str
    subject: str


class Recordings:
    """All of a folder, or none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._found: dict[Key, tuple[str, str, Recording]] = {}
        self.files: list[Hashes] = []
        for path in sorted(folder.iterdir()) if folder else ():
            if path.suffix in {".json", ".body"} and not path.name.endswith(".meta.json"):
                self._take(path)

    def get(self, endpoint: str, subject: str) -> Recording | None:
        """The newest recording that answers this."""
        found = self._found.get(Key(endpoint, subject))
        return found[2] if found else None

    def add(self, endpoint: str, subject: str, reply: replies.Reply) -> None:
        """A reply of one's own for one subject; it wins over every recording."""
        recording = Recording(200, json.dumps(reply).encode(), reply)
        for key in _spellings(endpoint, "", subject):
            self._keep(key, "own", "", recording)

    def finished(self, endpoint: str, subject: str) -> replies.Reply | None:
        """The recorded report, when it is one (response_code 1)."""
        found = self.get(endpoint, subject)
        if found is None or not isinstance(found.reply, dict) or "scans" not in found.reply:
            return None
        return found.reply

    def _take(self, path: Path) -> None:
        meta = _meta(path.with_suffix(".meta.json"))
        body = path.read_bytes()
        status = meta.get("status", {}).get("code", 200)
        endpoint = _endpoint(path.name, meta)
        if endpoint is None or status in OWN_AFFAIRS:
            return
        parsed = _json(body)
        for part, whole in _entries(parsed, body):
            reply = part if isinstance(part, dict) else {}
            for key in set(_keys(endpoint, meta, reply)):
                self._keep(key, _when(meta, whole), path.name, Recording(status, whole, reply))
            if {"md5", "sha1", "sha256"} <= reply.keys():
                self.files.append(Hashes(reply["md5"], reply["sha1"], reply["sha256"]))

    def _keep(self, key: Key, when: str, name: str, recording: Recording) -> None:
        """The newest wins; of two equally old ones the later name."""
        if key not in self._found or self._found[key][:2] <= (when, name):
            self._found[key] = (when, name, recording)


def _meta(path: Path) -> dict[str, Any]:
    """Source, request, status; a recording may go without."""
    found = _json(path.read_bytes()) if path.exists() else {}
    return found if isinstance(found, dict) else {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _entries(parsed: Any, body: bytes) -> Iterator[tuple[Any, bytes]]:
    """A list of several is as many answers; a list of one is served as that list."""
    if isinstance(parsed, list) and len(parsed) > 1:
        for entry in parsed:
            yield entry, json.dumps(entry).encode()
    else:
        yield (parsed[0] if isinstance(parsed, list) and parsed else parsed), body


def _endpoint(name: str, meta: dict[str, Any]) -> str | None:
    """From the request, or else from the file's name: `ip-address_report__…`."""
    if "request" in meta:
        _, _, endpoint = urlsplit(meta["request"].get("uri", "")).path.partition("/vtapi/v2/")
        return endpoint if endpoint in ENDPOINTS else None
    return next((known for known in ENDPOINTS if name.startswith(known.replace("/", "_") + "__")), None)


def _keys(endpoint: str, meta: dict[str, Any], reply: dict[str, Any]) -> Iterator[Key]:
    request = _request(meta)
    scan = "?scan=1" if request.get("scan") == "1" else ""
    subject = request.get(SUBJECTS.get(endpoint, "resource"))
    if subject:
        yield from _spellings(endpoint, scan, subject)
    if scan:
        return
    for echo in ECHOES.get(endpoint, ()):
        if isinstance(reply.get(echo), str):
            yield from _spellings(endpoint, scan, reply[echo])
    if not subject and reply.get("response_code") == 1:
        inferred = {"domain/report": _domain, "ip-address/report": _address}.get(endpoint)
        if inferred and (found := inferred(reply)):
            yield Key(endpoint, found)


def _request(meta: dict[str, Any]) -> dict[str, str]:
    request = meta.get("request", {})
    return dict(parse_qsl(urlsplit(request.get("uri", "")).query) + parse_qsl(request.get("body", "")))


def _spellings(endpoint: str, scan: str, subject: str) -> Iterator[Key]:
    """As written, and as the stand-in looks it up."""
    yield Key(endpoint + scan, subject)
    if endpoint.startswith("url/"):
        yield Key(endpoint + scan, normalised(subject) or subject)
    else:
        yield Key(endpoint + scan, subject.lower())


def _when(meta: dict[str, Any], body: bytes) -> str:
    """When it was recorded; else the newest date that it holds."""
    if recorded := meta.get("source", {}).get("recorded_at"):
        return _utc(recorded)
    return max(DATE.findall(body.decode(errors="replace")), default="")


def _utc(recorded: str) -> str:
    """As mail headers or as ISO 8601 write it; what is neither counts as written."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return parse(recorded).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        except ValueError:
            continue
    return recorded


def _hosts(reply: dict[str, Any]) -> set[str]:
    urls = [entry["url"] for entry in reply.get("detected_urls", ())]
    urls += [entry[0] for entry in reply.get("undetected_urls", ())]
    return {host for host in (urlsplit(url).hostname for url in urls) if host}


def _domain(reply: dict[str, Any]) -> str | None:
    """The one name that every URL and subdomain is of, when there is one."""
    names = _hosts(reply) | set(reply.get("subdomains", ()))
    top = min(names, key=len, default="")
    return top if top and all(name == top or name.endswith("." + top) for name in names) else None


def _address(reply: dict[str, Any]) -> str | None:
    """The one address among the URLs' hosts, when there is one and it lies in the network."""
    found = {host for host in _hosts(reply) if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host)}
    if len(found) != 1:
        return None
    network = ipaddress.ip_network(reply.get("network") or "0.0.0.0/0", strict=False)
    address = found.pop()
    return address if ipaddress.ip_address(address) in network else None
