"""A loop of requests, one indicator after another, in the manner of the documented SOAR integration's source.

A hash or a URL costs a report and its comments, an address or a domain a report. An unknown URL is submitted, and its
report asked for until it is there. An unknown hash is sent to file/rescan, which refuses public keys. Whatever the
quota refuses (204) is dropped, unless the loop pauses after each call.
"""

import httpx
from job import Job

REPORTS = {
    "hash": ("file/report", "resource"),
    "url": ("url/report", "resource"),
    "ip": ("ip-address/report", "ip"),
    "domain": ("domain/report", "domain"),
}
POLL_SECONDS = 5
SPENT = 204


class SpentError(Exception):
    """204."""


class Loop:
    def __init__(self, job):
        self._job = job
        self._http = httpx.Client(base_url=job.v2, timeout=60, trust_env=False)

    def run(self):
        for kind, value in self._job.indicators:
            try:
                self._look_up(kind, value)
            except SpentError:
                self._job.answer(value, refused=True)
            else:
                self._job.answer(value)

    def _look_up(self, kind, value):
        path, name = REPORTS[kind]
        report = self._call("GET", path, **{name: value})
        is_known = report["response_code"] == 1
        if kind == "hash" and not is_known:
            self._call("POST", "file/rescan", resource=value)
        if kind == "url" and not is_known:
            self._submitted(value)
        if kind in ("hash", "url"):
            self._call("GET", "comments/get", resource=value)

    def _submitted(self, url):
        scan = self._call("POST", "url/scan", url=url)["scan_id"]
        while "scans" not in self._call("GET", "url/report", resource=scan):
            self._job.pause(POLL_SECONDS)

    def _call(self, method, path, **params):
        params = {"apikey": "bench", **params}
        sent = {"params": params} if method == "GET" else {"data": params}
        reply = self._http.request(method, path, **sent)
        self._job.called()
        if reply.status_code == SPENT:
            raise SpentError
        return reply.json() if reply.content else {}


job = Job()
Loop(job).run()
job.report()
