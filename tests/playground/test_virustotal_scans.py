"""Uploads, rescans and submitted URLs: queued for a while, then finished."""

import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.vt_client import (
    EICAR,
    EICAR_MD5,
    EICAR_SHA256,
    FILE_UNKNOWN,
    KEY,
    MIB,
    NOW,
    Clock,
    large_place,
    served,
)


async def test_an_upload_stays_queued_and_then_has_a_report():
    """By scan_id -2 while queued, then the report; by hash -2 with the bare SHA-256, as there is no old report."""
    clock, content = Clock(), b"never seen before"
    sha256 = hashlib.sha256(content).hexdigest()
    async with served(queue_seconds=30, clock=clock, invent=False) as vt:
        receipt = (await vt.file(content)).json()
        assert receipt["response_code"] == 1
        assert receipt["verbose_msg"] == "Scan request successfully queued, come back later for the report"
        assert receipt["resource"] == sha256
        assert receipt["scan_id"] == f"{sha256}-{int(NOW)}"
        assert "scan_date" not in receipt
        for resource, scan_id in ((receipt["scan_id"], receipt["scan_id"]), (sha256, sha256)):
            assert await vt.report(resource) == {
                "response_code": -2,
                "resource": resource,
                "scan_id": scan_id,
                "verbose_msg": "Your resource is queued for analysis",
            }
        clock.now += 30
        by_id, by_md5 = await vt.report(receipt["scan_id"]), await vt.report(receipt["md5"])
    assert (by_id["response_code"], by_id["scan_date"]) == (1, "2023-11-14 22:13:20")
    assert {**by_id, "resource": ""} == {**by_md5, "resource": ""}


async def test_during_a_rescan_the_hash_still_gives_the_old_report():
    """After file/rescan the hash answers with the old scan and the scan_id with -2, until the new one is done."""
    clock = Clock()
    async with served(kind="private", queue_seconds=30, clock=clock) as vt:
        receipt = (await vt.post("file/rescan", resource=EICAR_MD5)).json()
        assert receipt.keys() == {"permalink", "response_code", "sha256", "resource", "scan_id"}
        assert (receipt["resource"], receipt["sha256"]) == (EICAR_MD5, EICAR_SHA256)
        assert (await vt.report(EICAR_MD5))["scan_date"] == "2019-02-05 15:41:52"
        assert (await vt.report(receipt["scan_id"]))["response_code"] == -2
        clock.now += 31
        new = await vt.report(EICAR_MD5)
    assert (new["scan_id"], new["scan_date"]) == (receipt["scan_id"], "2023-11-14 22:13:20")
    assert (new["positives"], new["total"]) == (54, 60)


async def test_a_submission_within_minutes_is_the_same_scan():
    """The same file or URL sent again within ten minutes gets the scan_id of the first time; later, a new one."""
    clock = Clock()
    async with served(clock=clock) as vt:

        async def ids():
            url = (await vt.post("url/scan", url="http://a.example")).json()
            return (await vt.file(EICAR)).json()["scan_id"], url["scan_id"]

        first = await ids()
        clock.now += 599
        assert await ids() == first
        clock.now += 2
        later = await ids()
    assert all(one != other for one, other in zip(first, later, strict=True))


async def test_the_eicar_file_is_recognised_by_its_bytes():
    """Uploading the 68 bytes of EICAR gives the documented verdict under the new scan_id."""
    async with served() as vt:
        report = await vt.report((await vt.file(EICAR, "eicar.com")).json()["scan_id"])
    assert (report["md5"], report["positives"], report["total"]) == (EICAR_MD5, 54, 60)


async def test_an_unknown_file_cannot_be_rescanned():
    """file/rescan of a file that VirusTotal does not have says so with code 0."""
    async with served(kind="private", invent=False) as vt:
        reply = (await vt.post("file/rescan", resource="0" * 64)).json()
    assert reply == {"response_code": 0, "resource": "0" * 64, "verbose_msg": FILE_UNKNOWN}


async def test_a_submitted_url_comes_back_normalised_and_is_queued():
    """url/scan adds scheme and slash; the scan is -2 by its id and by the URL until it is done."""
    clock = Clock()
    async with served(queue_seconds=5, clock=clock, invent=False) as vt:
        receipt = (await vt.post("url/scan", url="WWW.Nobody.example")).json()
        assert receipt["resource"] == receipt["url"] == "http://www.nobody.example/"
        assert receipt["scan_id"].startswith(hashlib.sha256(b"http://www.nobody.example/").hexdigest())
        assert (await vt.url(receipt["scan_id"]))["response_code"] == -2
        assert (await vt.url("http://www.nobody.example"))["response_code"] == -2
        clock.now += 5
        report = await vt.url(receipt["scan_id"])
    assert (report["response_code"], report["url"]) == (1, "http://www.nobody.example/")
    assert report["total"] == len(report["scans"]) > 50


async def test_scan_1_submits_only_what_is_unknown():
    """url/report with scan=1 gives a known URL's report; for an unknown one a receipt with code 1 and no scans."""
    async with served(queue_seconds=5, clock=Clock(), invent=False) as vt:
        known = await vt.url("http://example.php", scan="1")
        receipt = await vt.url("http://nobody.example", scan="1")
        again = await vt.url("http://nobody.example", scan="1")
    assert "scans" in known
    assert receipt["verbose_msg"].startswith("Scan request successfully queued")
    assert (receipt["response_code"], receipt.keys() & {"scans", "positives", "total"}) == (1, set())
    assert again["scan_id"] == receipt["scan_id"]


async def test_a_look_up_submits_nothing():
    """Asking for an unknown URL or file leaves it unknown."""
    async with served(invent=False) as vt:
        for _ in range(2):
            assert (await vt.url("http://nobody.example"))["response_code"] == 0
            assert (await vt.report("0" * 64))["response_code"] == 0


async def test_a_scan_id_from_before_a_restart_still_has_its_report():
    """A scan_id that this process did not give out stands for a scan made at its time: queued or finished."""
    clock = Clock()
    scan_id = f"{'ab' * 32}-{int(NOW) - 10}"
    async with served(queue_seconds=30, clock=clock) as vt:
        assert (await vt.report(scan_id))["response_code"] == -2
        clock.now += 20
        assert (await vt.report(scan_id))["scan_id"] == scan_id


async def test_a_request_of_32_mib_passes_and_one_byte_more_is_413():
    """The limit of file/scan is 32 MiB for the whole request, form and all."""
    async with served() as vt:
        overhead = len(
            vt.http.build_request("POST", "x", data={"apikey": KEY}, files={"file": ("a", b"")}).read()
        )
        content = bytes(32 * MIB - overhead)
        passed = await vt.file(content, "a")
        refused = await vt.file(content + b"x", "a")
    assert (passed.status_code, refused.status_code) == (200, 413)
    assert vt.sandbox.calls[0].upload.size == len(content)


async def test_a_body_of_unstated_length_is_cut_off_at_the_limit():
    """A chunked upload is counted as it comes in."""
    async with served(upload_limit=1 * MIB) as vt:
        place = await large_place(vt)
        boundary = "b0undary"

        async def body():
            yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
            for _ in range(40):
                yield bytes(64 * 1024)
            yield f"\r\n--{boundary}--\r\n".encode()

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        reply = await vt.http.post(place, content=body(), headers=headers)
    assert reply.status_code == 413


async def test_a_large_file_goes_to_another_place_on_another_host():
    """upload_url is a 302, with the key, to the named host; the file posted to the place it tells gets a receipt."""
    async with served(upload_host="localhost") as vt:
        first = await vt.get("file/scan/upload_url")
        assert urlsplit(first.headers["location"]).hostname == "localhost"
        assert dict(parse_qsl(urlsplit(first.headers["location"]).query)) == {"apikey": KEY}
        place = await large_place(vt)
        assert (await vt.http.get(place)).status_code == 405
        receipt = (await vt.http.post(place, files={"file": ("big.iso", EICAR)})).json()
        again = await vt.http.post(place, files={"file": ("big.iso", EICAR)})
        report = await vt.report(receipt["scan_id"])
    assert (report["sha256"], again.status_code) == (EICAR_SHA256, 404)
    upload = vt.sandbox.calls_to("large/upload")[0].upload
    assert (upload.name, upload.size, upload.sha256) == ("big.iso", 68, EICAR_SHA256)


async def test_what_cannot_be_scanned_is_said_in_virustotals_words():
    """A URL that is none is -1 in url/scan; a malformed hash is 0 in file/rescan."""
    async with served(kind="private") as vt:
        page = (await vt.post("url/scan", url="no url")).json()
        file = (await vt.post("file/rescan", resource="xyz")).json()
    assert page == {"response_code": -1, "verbose_msg": "Invalid URL, the scan request was not queued"}
    assert (file["response_code"], file["verbose_msg"]) == (
        0,
        "Invalid resource, check what you are submitting",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"--other\r\n\r\n",
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
    ],
    ids=["another boundary", "a form within the form"],
)
async def test_a_broken_upload_is_400(body):
    """A multipart body that cannot be taken apart is a bad request."""
    async with served() as vt:
        reply = await vt.http.post(
            "file/scan", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
    assert reply.status_code == 400


async def test_a_known_url_scanned_again_keeps_its_verdict_under_a_new_date():
    """While url/scan is under way the URL gives the old report; then the same counts with the new scan_id and date."""
    clock = Clock()
    async with served(queue_seconds=5, clock=clock) as vt:
        receipt = (await vt.post("url/scan", url="http://example.php")).json()
        assert (await vt.url("http://example.php"))["scan_date"] == "2019-02-04 05:28:54"
        clock.now += 5
        new = await vt.url("http://example.php")
    assert (new["scan_id"], new["scan_date"]) == (receipt["scan_id"], "2023-11-14 22:13:20")
    assert (new["positives"], new["total"], new["resource"]) == (5, 67, "http://example.php")


async def test_the_large_file_location_wants_the_key_as_well():
    """Where the redirect leads, a wrong key is 403 as everywhere."""
    async with served(key=KEY, any_key=False) as vt:
        location = (await vt.get("file/scan/upload_url")).headers["location"]
        assert (await vt.http.get(location.replace(KEY, "wrong"))).status_code == 403
        assert (await vt.http.get(location)).status_code == 200
