"""Recorded replies, served again to the byte."""

import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

from tests.support.replies import RECORDED, recorded
from tests.support.vt_client import EICAR_MD5, KEY, Clock, recording_folder, served


async def test_a_reply_of_ones_own_is_served():
    """`tell` fixes the reply about one subject, until it is told anew; other subjects are as ever."""
    async with served(invent=False) as vt:
        vt.sandbox.tell("ip-address/report", "198.51.100.9", {"response_code": 1, "country": "NL"})
        vt.sandbox.tell("ip-address/report", "198.51.100.9", {"response_code": 1, "country": "BE"})
        assert (await vt.get("ip-address/report", ip="198.51.100.9")).json()["country"] == "BE"
        assert (await vt.get("ip-address/report", ip="198.51.100.8")).json()["response_code"] == 0


async def test_the_newest_recording_is_served_untouched(tmp_path):
    """Of two recordings about one URL the newer is served, to the byte, however the URL is spelt."""
    request = {
        "method": "post",
        "uri": "http://vt/vtapi/v2/url/report",
        "body": "resource=http%3A%2F%2Fa.example",
    }
    new = b'{"scans" : {},\n "resource":"http://a.example", "note": "new"}'
    recording_folder(
        tmp_path,
        ("one.json", new, request, "Thu, 02 May 2019 11:00:00 GMT"),
        ("two.json", {"scans": {}, "note": "old"}, request, "Wed, 01 May 2019 11:00:00 GMT"),
    )
    async with served(replay=tmp_path) as vt:
        for spelling in ("http://a.example", "http://A.example/", "a.example"):
            assert (await vt.post("url/report", resource=spelling)).content == new


async def test_a_recording_without_request_is_found_by_what_it_says(tmp_path):
    """Files by their hashes, a domain by the hosts of its URLs, an address by the one host in its network."""
    hashes = {"md5": "1" * 32, "sha1": "2" * 40, "sha256": "3" * 64}
    seen = {
        "response_code": 1,
        "subdomains": ["www.b.example"],
        "detected_urls": [{"url": "http://b.example/x"}],
    }
    host = {"response_code": 1, "network": "203.0.113.0/24"}
    recording_folder(
        tmp_path,
        ("file_report__a.json", {"response_code": 1, "scans": {}, **hashes}, None, None),
        ("domain_report__b.json", seen, None, None),
        (
            "ip-address_report__c.json",
            {**host, "detected_urls": [{"url": "http://203.0.113.7/"}]},
            None,
            None,
        ),
        (
            "ip-address_report__d.json",
            {**host, "detected_urls": [{"url": "http://198.51.100.7/"}]},
            None,
            None,
        ),
        ("notes__e.json", {"resource": "x"}, None, None),
    )
    async with served(replay=tmp_path, invent=False) as vt:
        assert [(await vt.report(name)).get("sha1") for name in hashes.values()] == ["2" * 40] * 3
        assert (await vt.get("domain/report", domain="b.example")).json() == seen
        assert (await vt.get("ip-address/report", ip="203.0.113.7")).json()["response_code"] == 1
        assert (await vt.get("ip-address/report", ip="198.51.100.7")).json()["response_code"] == 0


async def test_a_recorded_status_is_served_but_not_another_keys_refusal(tmp_path):
    """A recorded 503 about a domain comes back as it was; a recorded 403 or 302 was about a key or host, not this."""
    uri = "http://vt/vtapi/v2/domain/report?domain="
    for name, code in (("down", 503), ("closed", 403), ("moved", 302)):
        (tmp_path / f"{name}.body").write_bytes(b"<html>")
        meta = {"request": {"uri": f"{uri}{name}.example"}, "status": {"code": code}}
        (tmp_path / f"{name}.meta.json").write_text(json.dumps(meta))
    async with served(replay=tmp_path, invent=False) as vt:
        found = [
            await vt.get("domain/report", domain=f"{name}.example") for name in ("down", "closed", "moved")
        ]
    assert [reply.status_code for reply in found] == [503, 200, 200]
    assert found[0].content == b"<html>"


async def test_a_recorded_receipt_leads_to_a_report(tmp_path):
    """The scan of a recorded receipt is queued here, and ends in the recorded report under the receipt's scan_id."""
    subject = hashlib.sha256(b"http://a.example/").hexdigest()
    receipt = {"response_code": 1, "resource": "http://a.example/", "scan_id": f"{subject}-1562751553"}
    report = {"response_code": 1, "resource": "http://a.example/", "positives": 7, "scans": {"A": {}}}
    recording_folder(
        tmp_path, ("url_scan__a.json", receipt, None, None), ("url_report__a.json", report, None, None)
    )
    clock = Clock()
    async with served(replay=tmp_path, queue_seconds=5, clock=clock) as vt:
        assert (await vt.post("url/scan", url="http://a.example")).json() == receipt
        assert (await vt.url(receipt["scan_id"]))["response_code"] == -2
        clock.now += 5
        done = await vt.url(receipt["scan_id"])
    assert (done["positives"], done["scan_id"]) == (7, receipt["scan_id"])


async def test_in_a_batch_recordings_echo_what_was_asked(tmp_path):
    """In a list each entry names its resource as asked, a recording too; alone it stays as recorded."""
    hashes = {"md5": "1" * 32, "sha1": "2" * 40, "sha256": "3" * 64}
    recorded_reply = {"response_code": 1, "resource": "3" * 64, "scans": {}, **hashes}
    recording_folder(tmp_path, ("file_report__a.json", recorded_reply, None, None))
    async with served(replay=tmp_path) as vt:
        assert (await vt.report("1" * 32))["resource"] == "3" * 64
        assert [entry["resource"] for entry in await vt.report(f"{'1' * 32},{EICAR_MD5}")] == [
            "1" * 32,
            EICAR_MD5,
        ]


NAMED = [
    (
        "file/report",
        "resource",
        "69630e4574ec6798239b091cda43dca0",
        "file_report__200_rc1__sekoia_eicar_2019-08",
    ),
    (
        "file/report",
        "resource",
        "cf8bd9dfddff007f75adf4c2be48005cea317c62",
        "file_report__200_rc1__sekoia_eicar_2019-08",
    ),
    (
        "file/report",
        "resource",
        "131f95c51cc819465fa1797f6ccacf9d494aaaff46fa3eac73ae63ffbdfd8267",
        "file_report__200_rc1__sekoia_eicar_2019-08",
    ),
    ("ip-address/report", "ip", "8.8.8.8", "ip-address_report__200_rc1__pwelch_2014-12-25_8381cd"),
    ("ip-address/report", "ip", "1.1.1.1", "ip-address_report__200_rc1__vtx_2019-05-02_a54cf7"),
    ("ip-address/report", "ip", "167.99.81.228", "ip-address_report__200_rc1__soc_2019-03"),
    ("domain/report", "domain", "github.com", "domain_report__200_rc1__vtx_2019-05-02_efb1b5"),
    ("domain/report", "domain", "027.ru", "domain_report__200_rc1__sekoia_2019-07"),
    ("url/report", "resource", "http://github.com", "url_report__200_rc1__vtx_2019-05-02_c45581"),
    (
        "file/report",
        "resource",
        "dc060eee1628501a0d081a4bbaf6eae4b12f46de",
        "file_report__200_LIST_of_1_rc1_updateNone__vtnet_issue41",
    ),
]


@recorded
async def test_the_recorded_replies_are_served_to_the_byte():
    """The recorded 8.8.8.8, github.com, 027.ru, EICAR and others come back exactly as they were recorded."""
    async with served(replay=RECORDED) as vt:
        for endpoint, parameter, subject, name in NAMED:
            reply = await vt.get(endpoint, **{parameter: subject})
            assert reply.content == (RECORDED / f"{name}.json").read_bytes(), subject


@recorded
async def test_every_recorded_request_is_answered_with_its_kind_of_reply():
    """Each recorded request, sent again, gets a recording with the same response_code (the newest about it)."""
    async with served(replay=RECORDED, kind="private", invent=False) as vt:
        for meta_path in sorted(RECORDED.glob("*.meta.json")):
            meta = json.loads(meta_path.read_text())
            path = meta_path.with_name(meta_path.name.replace(".meta.json", ".json"))
            endpoint = urlsplit(meta.get("request", {}).get("uri", "")).path.removeprefix("/vtapi/v2/")
            if not path.exists() or endpoint not in REPLAYED:
                continue
            request = meta["request"]
            params = dict(parse_qsl(urlsplit(request["uri"]).query) + parse_qsl(request["body"])) | {
                "apikey": KEY
            }
            sent = {"params": params} if request["method"] == "get" else {"data": params}
            reply = await vt.http.request(request["method"], endpoint, **sent)
            assert reply.json()["response_code"] == json.loads(path.read_text())["response_code"], path.name


REPLAYED = ("file/report", "file/rescan", "url/report", "url/scan", "domain/report", "ip-address/report")


async def test_a_recorded_upload_and_its_report(tmp_path):
    """The same bytes uploaded get the recorded receipt; comments and reports by scan_id are found as well."""
    sha256 = hashlib.sha256(b"x").hexdigest()
    receipt = {"response_code": 1, "sha256": sha256, "scan_id": f"{sha256}-1556795223"}
    report = {"response_code": 1, "scan_id": f"{sha256}-1", "scans": {}}
    page = {"response_code": 1, "scan_id": f"{sha256}-2", "resource": "http://a.example/", "scans": {}}
    said = {"response_code": 1, "resource": sha256, "comments": []}
    recording_folder(
        tmp_path,
        ("file_scan__a.json", receipt, None, "2019-05-02T11:06:39+00:00"),
        ("file_report__a.json", report, None, "no date"),
        ("url_report__a.json", page, None, None),
        ("comments_get__a.json", said, None, None),
        ("file_report__b.json", b"[]", None, None),
    )
    async with served(replay=tmp_path, comments=True, queue_seconds=5) as vt:
        assert (await vt.file(b"x")).json() == receipt
        assert (await vt.report(receipt["scan_id"]))["response_code"] == -2
        assert await vt.report(f"{sha256}-1") == report
        assert await vt.url(f"{sha256}-2") == page
        assert (await vt.get("comments/get", resource=sha256)).json() == said
