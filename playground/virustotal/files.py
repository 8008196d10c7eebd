"""file/report, file/scan, file/rescan: by hash the last finished report, by scan_id that scan alone."""

from playground.virustotal import documented, invented, replies
from playground.virustotal.calls import Upload
from playground.virustotal.hashes import HASH, SCAN_ID, Hashes, Names
from playground.virustotal.recordings import Recording
from playground.virustotal.state import State, finished, renewed
from playground.virustotal.submissions import Scan


class Files:
    """What the stand-in knows of files."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._names = Names([documented.EICAR, *state.recordings.files])

    def report(self, resource: str, *, all_info: bool = False) -> replies.Reply | Recording:
        """One entry of file/report."""
        wanted = resource.lower()
        if SCAN_ID.fullmatch(wanted):
            found = self._by_scan(wanted)
        elif HASH.fullmatch(wanted):
            found = self._by_hash(wanted)
        else:
            found = self._state.recordings.get("file/report", resource) or replies.bad_file(resource)
        if isinstance(found, Recording):
            return found
        more = self._all_info(found) if all_info else {}
        return {**found, **more, "resource": resource}

    def rescan(self, resource: str) -> replies.Reply | Recording:
        """One entry of file/rescan: the reply has no verbose_msg."""
        wanted = resource.lower()
        if not HASH.fullmatch(wanted):
            return replies.bad_file(resource)
        if recorded := self._state.recordings.get("file/rescan", wanted):
            return self._state.noted(recorded)
        hashes = self._names.of(wanted)
        if not finished(self._latest(hashes)):
            return replies.no_file(resource)
        scan = self._state.submissions.submit(hashes.sha256)
        return {
            "permalink": replies.permalink("file", scan.id),
            "response_code": 1,
            "sha256": hashes.sha256,
            "resource": resource,
            "scan_id": scan.id,
        }

    def upload(self, upload: Upload) -> replies.Reply | Recording:
        """The reply of file/scan: no scan_date."""
        hashes = Hashes(upload.md5, upload.sha1, upload.sha256)
        self._names.remember(hashes)
        if recorded := self._state.recordings.get("file/scan", hashes.sha256):
            return self._state.noted(recorded)
        scan = self._state.submissions.submit(hashes.sha256)
        return {
            "scan_id": scan.id,
            "sha1": hashes.sha1,
            "resource": hashes.sha256,
            "response_code": 1,
            "sha256": hashes.sha256,
            "permalink": replies.permalink("file", scan.id),
            "md5": hashes.md5,
            "verbose_msg": replies.QUEUED,
        }

    def _by_scan(self, scan_id: str) -> replies.Reply | Recording:
        if recorded := self._state.recordings.get("file/report", scan_id):
            return recorded
        scan = self._state.submissions.by_id(scan_id)
        if self._state.submissions.pending(scan):
            return replies.queued(scan_id, scan_id)
        return self._result(self._names.of(scan.subject), scan)

    def _by_hash(self, name: str) -> replies.Reply | Recording:
        hashes = self._names.of(name)
        if found := self._latest(hashes, name):
            return found
        if self._state.submissions.waiting(hashes.sha256):
            return replies.queued(name, hashes.sha256)
        return replies.no_file(name)

    def _latest(self, hashes: Hashes, name: str = "") -> replies.Reply | Recording | None:
        """The newest finished report; a recording only while nothing newer was made here."""
        if scan := self._state.submissions.finished(hashes.sha256):
            return self._result(hashes, scan)
        for known in (name, hashes.sha256):
            if recorded := self._state.recordings.get("file/report", known):
                return recorded
        if hashes.sha256 in documented.FILES:
            return documented.FILES[hashes.sha256]
        if self._state.never_seen(hashes.sha256):
            return None
        return invented.file(hashes, self._state.today)

    def _result(self, hashes: Hashes, scan: Scan) -> replies.Reply:
        """What a scan found: what was known before, under the new date, so that a rescan changes no verdict."""
        recorded = self._state.recordings.finished("file/report", hashes.sha256)
        if example := documented.FILES.get(hashes.sha256):
            example = invented.named_file(example)
        return renewed(recorded or example or invented.file(hashes, self._state.today), "file", scan)

    def _all_info(self, found: replies.Reply) -> replies.Reply:
        if found["response_code"] != 1:
            return {}
        return invented.all_info(self._names.of(found["sha256"]), self._state.today)
