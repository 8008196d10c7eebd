"""Replies of VirusTotal on which other clients went wrong, as their public issues describe them: each has its right state."""

import pytest

from playground.virustotal import faults
from tests.support.vt_service import running_service
from vt.verdict import State

SHA, URL = "27" * 32, "http://www.evil-shop.com/"
CLEAN_SITE = {"detected": False, "result": "clean site"}
FILE = {"resource": SHA, "sha256": SHA, "scan_id": f"{SHA}-1795300000", "response_code": 1}
PAGE = {"resource": URL, "url": URL, "response_code": 1, "filescan_id": None}
QUEUED = "Scan request successfully queued, come back later for the report"
SCANNED = {"positives": 0, "total": 1, "scans": {"A": {"detected": False, "result": None}}}
OLD = {"url": "http://likeme-llc.com/", "positives": 8, "total": 66, "scan_date": "2017-03-07 02:18:17"}


@pytest.mark.parametrize(
    ("action", "value", "reply", "state"),
    [
        pytest.param(
            *("scan-url", URL),
            PAGE | {"positives": 1, "total": 65, "scans": {"K": {"detected": True}, "C": CLEAN_SITE}},
            State.SUSPICIOUS,
            id="one of 65 is not clean: Cortex-Analyzers 74",
        ),
        pytest.param(
            "scan-hash",
            SHA,
            FILE | {"verbose_msg": QUEUED},
            State.PENDING,
            id="queued with code 1: cowrie 160",
        ),
        pytest.param(
            "scan-url",
            URL,
            PAGE | {"verbose_msg": QUEUED, "scan_id": f"{'5e' * 32}-1"},
            State.PENDING,
            id="a queued page: VirusTotalNet 44",
        ),
        pytest.param(
            "scan-hash",
            SHA,
            {"response_code": -2, "resource": SHA, "scan_id": SHA},
            State.PENDING,
            id="queued with a bare hash: VTSCAN 1",
        ),
        pytest.param(
            *("scan-hash", SHA),
            {"response_code": -2, "resource": SHA},
            State.PENDING,
            id="queued, and no scan named",
        ),
        pytest.param(
            *("scan-url", URL),
            {"response_code": 1, "resource": URL, "verbose_msg": QUEUED},
            State.PENDING,
            id="a queued page, and no scan named",
        ),
        pytest.param(
            "scan-hash",
            SHA,
            FILE | {"response_code": -1},
            State.NOT_CHECKED,
            id="an error as a code: VirusTotalNet 8",
        ),
        pytest.param(
            "scan-hash",
            SHA,
            FILE | {"scans": SCANNED["scans"], "total": 1},
            State.NOT_CHECKED,
            id="no positives: yeti 282",
        ),
        pytest.param("scan-hash", SHA, [], State.NOT_CHECKED, id="an empty list: cuckoo-modified 105"),
        pytest.param(
            "scan-hash", SHA, [FILE | SCANNED], State.CLEAN, id="a list of one: cuckoo-modified 105"
        ),
        pytest.param(
            "scan-url",
            URL,
            PAGE | {"positives": 0, "total": 0, "scans": {}},
            State.UNKNOWN,
            id="empty scans: VirusTotalNet 17",
        ),
        pytest.param(
            "scan-url",
            URL,
            PAGE | {"positives": 0, "total": 0, "scans": None},
            State.UNKNOWN,
            id="scans null: VirusTotalNet 17",
        ),
        pytest.param(
            *("domain-report", "likeme-llc.com"),
            {"response_code": 1, "whois": None, "domain_siblings": [], "detected_urls": [OLD]},
            State.SUSPICIOUS,
            id="null beside detections: MISP 2029",
        ),
        pytest.param(
            *("domain-report", "likeme-llc.com"),
            {"response_code": 0, "verbose_msg": "Domain not found"},
            State.UNKNOWN,
            id="not found in a 200: passivedns-client 16",
        ),
    ],
)
async def test_what_others_read_wrongly(action, value, reply, state):
    """Neither clean for want of a number, nor an exception."""
    async with running_service() as vt:
        endpoint = {"scan-hash": "file", "scan-url": "url", "domain-report": "domain"}[action]
        vt.sandbox.faults.always(f"{endpoint}/report", faults.says(reply))
        assert vt.states(await vt.asks(action, value)) == [state]


@pytest.mark.parametrize("action", ["scan-hash", "scan-url"])
@pytest.mark.parametrize(
    "fault",
    [faults.status(204), faults.status(200), faults.status(200, b" "), faults.html(200), faults.status(429)],
    ids=["204", "empty", "space", "page", "429"],
)
async def test_a_rate_limit_is_no_report(action, fault):
    """Empty bodies and pages in place of JSON: utilitybelt 51, virustotal_api 20, MISP 2029, TheHive 177."""
    async with running_service() as vt:
        vt.sandbox.faults.always("*", fault)
        [found] = vt.found(await vt.asks(action, SHA if action == "scan-hash" else URL))
        assert (found.state, found.report) == (State.NOT_CHECKED, None)
        assert found.error
