"""url/report and url/scan: a URL is its normalised form; its scans are known by the SHA-256 of that."""

import hashlib

from playground.virustotal import documented, invented, replies
from playground.virustotal.addresses import normalised
from playground.virustotal.hashes import SCAN_ID
from playground.virustotal.recordings import Recording
from playground.virustotal.state import State, finished, renewed
from playground.virustotal.submissions import Scan


class Urls:
    """What the stand-in knows of URLs."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_subject = {_subject(url): url for url in documented.URLS}

    def report(self, resource: str, *, submit: bool = False) -> replies.Reply | Recording:
        """One entry of url/report; with `submit` (scan=1) an unknown URL is sent for scanning."""
        if SCAN_ID.fullmatch(resource.lower()):
            return self._by_scan(resource)
        url = normalised(resource)
        if url is None:
            return replies.BAD_URL if submit else replies.no_url(resource)
        found = self._latest(url)
        if submit and not finished(found):
            return self._submit(url, "url/report?scan=1")
        if isinstance(found, Recording):
            return found
        return {**(found or self._unfinished(url, resource)), "resource": resource}

    def scan(self, text: str) -> replies.Reply | Recording:
        """One entry of url/scan."""
        url = normalised(text)
        if url is None:
            return replies.BAD_URL
        return self._submit(url, "url/scan")

    def _submit(self, url: str, endpoint: str) -> replies.Reply | Recording:
        self._by_subject[_subject(url)] = url
        if recorded := self._state.recordings.get(endpoint, url):
            return self._state.noted(recorded)
        scan = self._state.submissions.submit(_subject(url))
        return {
            "permalink": replies.permalink("url", scan.id),
            "resource": url,
            "url": url,
            "response_code": 1,
            "scan_date": replies.date(scan.seconds),
            "scan_id": scan.id,
            "verbose_msg": replies.QUEUED,
        }

    def _unfinished(self, url: str, resource: str) -> replies.Reply:
        scan = self._state.submissions.waiting(_subject(url))
        return replies.queued(resource, scan.id) if scan else replies.no_url(resource)

    def _by_scan(self, scan_id: str) -> replies.Reply | Recording:
        if recorded := self._state.recordings.get("url/report", scan_id):
            return recorded
        scan = self._state.submissions.by_id(scan_id.lower())
        url = self._by_subject.get(scan.subject)
        if url is None:
            return replies.no_url(scan_id)
        if self._state.submissions.pending(scan):
            return replies.queued(scan_id, scan_id)
        return {**self._result(url, scan), "resource": scan_id}

    def _latest(self, url: str) -> replies.Reply | Recording | None:
        subject = _subject(url)
        if scan := self._state.submissions.finished(subject):
            return self._result(url, scan)
        if recorded := self._state.recordings.get("url/report", url):
            return recorded
        if url in documented.URLS:
            return documented.URLS[url]
        return None if self._state.never_seen(subject) else self._invented(url)

    def _result(self, url: str, scan: Scan) -> replies.Reply:
        """What a scan found: what was known before, under the new date."""
        recorded = self._state.recordings.finished("url/report", url)
        if example := documented.URLS.get(url):
            example = invented.named_url(example)
        return renewed(recorded or example or self._invented(url), "url", scan)

    def _invented(self, url: str) -> replies.Reply:
        subject = _subject(url)
        self._by_subject.setdefault(subject, url)
        return invented.url(url, subject, self._state.today)


def _subject(url: str) -> str:
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()
