"""The answer to each endpoint: parameters in, bytes out. Knows batches and arguments, nothing of HTTP or keys."""

import json
from collections.abc import Callable
from typing import Any

from playground.virustotal import comments, hosts, replies
from playground.virustotal.calls import Upload
from playground.virustotal.files import Files
from playground.virustotal.recordings import Recording
from playground.virustotal.state import State
from playground.virustotal.urls import Urls

Params = dict[str, str]
Entry = replies.Reply | Recording
REPORTS = {"public": 4, "private": 25}
"""How many resources a call to a report may name; the others are dropped without a word."""
SCANS = 25


class MissingArgumentError(Exception):
    """400: a parameter is not there, or is empty."""


class Answers:
    """One method an endpoint."""

    def __init__(self, state: State, kind: str) -> None:
        self._state = state
        self._files = Files(state)
        self._urls = Urls(state)
        self._private = kind == "private"
        self._reports = REPORTS[kind]
        self._by_endpoint: dict[str, Callable[[Params], list[Entry]]] = {
            "file/report": self._file_report,
            "file/rescan": self._file_rescan,
            "url/report": self._url_report,
            "url/scan": self._url_scan,
            "domain/report": lambda params: [hosts.domain(state, _need(params, "domain"))],
            "ip-address/report": lambda params: [hosts.address(state, _need(params, "ip"))],
            "comments/get": lambda params: [
                comments.of(state, _need(params, "resource"), params.get("before", ""))
            ],
            "comments/put": lambda params: [
                comments.put(state, _need(params, "resource"), _need(params, "comment"))
            ],
        }

    def to(self, endpoint: str, params: Params) -> tuple[int, bytes]:
        """Status and body. Raises MissingArgumentError."""
        return _encoded(self._by_endpoint[endpoint](params))

    def to_upload(self, upload: Upload) -> tuple[int, bytes]:
        """The reply of file/scan."""
        return _encoded([self._files.upload(upload)])

    def _file_report(self, params: Params) -> list[Entry]:
        everything = self._private and _is_set(params, "allinfo")
        wanted = _several(params, "resource", ",", self._reports)
        return [_echoing(self._files.report(each, all_info=everything), each, wanted) for each in wanted]

    def _file_rescan(self, params: Params) -> list[Entry]:
        wanted = _several(params, "resource", ",", SCANS)
        return [_echoing(self._files.rescan(each), each, wanted) for each in wanted]

    def _url_report(self, params: Params) -> list[Entry]:
        submit = _is_set(params, "scan")
        wanted = _several(params, "resource", "\n", self._reports)
        return [_echoing(self._urls.report(each, submit=submit), each, wanted) for each in wanted]

    def _url_scan(self, params: Params) -> list[Entry]:
        return [self._urls.scan(each) for each in _several(params, "url", "\n", SCANS)]


def _is_set(params: Params, name: str) -> bool:
    """Clients write 1 or true."""
    return params.get(name, "").lower() in ("1", "true")


def _need(params: Params, name: str) -> str:
    if value := params.get(name, "").strip():
        return value
    raise MissingArgumentError(name)


def _several(params: Params, name: str, separator: str, limit: int) -> list[str]:
    values = [value.strip() for value in _need(params, name).split(separator)]
    found = [value for value in values if value]
    if not found:
        raise MissingArgumentError(name)
    return found[:limit]


def _echoing(entry: Entry, resource: str, wanted: list[str]) -> Entry:
    """In a list a recording says what was asked, or no client could tell which is which. Alone it stays untouched."""
    if len(wanted) == 1 or not isinstance(entry, Recording) or "resource" not in entry.reply:
        return entry
    return {**entry.reply, "resource": resource}


def _encoded(entries: list[Entry]) -> tuple[int, bytes]:
    """One resource is an object, several are a list."""
    if len(entries) > 1:
        return 200, json.dumps([_plain(entry) for entry in entries]).encode()
    entry = entries[0]
    return (entry.status, entry.body) if isinstance(entry, Recording) else (200, json.dumps(entry).encode())


def _plain(entry: Entry) -> Any:
    return entry.reply if isinstance(entry, Recording) else entry
