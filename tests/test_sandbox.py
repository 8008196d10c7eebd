"""The stand-in VirusTotal, asked over HTTP: it must say what VirusTotal was recorded to say."""

import hashlib
import json
import logging
import zlib
from asyncio import open_connection
from collections import Counter
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from replies import RECORDED, documented, example, recorded

from vt import models
from vt.sandbox import Sandbox, faults
from vt.sandbox.addresses import normalised

KEY = "canary-key-5f1d"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EICAR_MD5 = "44d88612fea8a8f36de82e1278abb02f"
EICAR_SHA1 = "3395856ce81f2b7382dee72602f798b642f14140"
EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
NEVER = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
MIB = 1024 * 1024


class Clock:
    """Unix seconds that stand still until told otherwise."""

    def __init__(self, now=NEVER):
        self.now = now

    def __call__(self):
        return self.now


class Asker:
    """A client that puts the key where each method has it."""

    def __init__(self, sandbox, http, key=KEY):
        self.sandbox, self.http, self.key = sandbox, http, key

    async def get(self, endpoint, **params):
        return await self.http.get(endpoint, params={"apikey": self.key, **params})

    async def post(self, endpoint, **params):
        return await self.http.post(endpoint, data={"apikey": self.key, **params})

    async def file(self, content, name="a.bin"):
        return await self.http.post("file/scan", data={"apikey": self.key}, files={"file": (name, content)})

    async def report(self, resource, **params):
        return (await self.post("file/report", resource=resource, **params)).json()

    async def url(self, resource, **params):
        return (await self.post("url/report", resource=resource, **params)).json()


@asynccontextmanager
async def served(**options):
    async with Sandbox(**options).serve() as sandbox, httpx.AsyncClient(base_url=sandbox.url) as http:
        yield Asker(sandbox, http)


def recording_folder(folder, *recordings):
    """Write recordings: (name, body, request or None, recorded_at or None)."""
    for name, body, request, when in recordings:
        (folder / name).write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        meta = {"source": {"recorded_at": when} if when else {}, **({"request": request} if request else {})}
        (folder / name).with_suffix(".meta.json").write_text(json.dumps(meta))
    return folder


# The documented examples --------------------------------------------------------------------------


async def test_the_documented_hash_is_known_by_all_three_names():
    """EICAR's md5, sha1 and sha256 give the documented 54 of 60, each echoing what was asked."""
    async with served() as vt:
        for name in (EICAR_MD5, EICAR_SHA1, EICAR_SHA256, EICAR_MD5.upper()):
            reply = await vt.report(name)
            assert (reply["resource"], reply["positives"], reply["total"]) == (name, 54, 60)
            assert (reply["md5"], reply["sha1"], reply["sha256"]) == (EICAR_MD5, EICAR_SHA1, EICAR_SHA256)


@documented
async def test_the_documented_examples_are_given_under_their_documented_names():
    """IP, domain, URL and hash answer with the documented results, digests standing where the documents say HASH."""
    async with served() as vt:
        url = await vt.url("http://example.php")
        file = await vt.report(EICAR_MD5)
        address = (await vt.get("ip-address/report", ip="192.0.2.1")).json()
        domain = (await vt.get("domain/report", domain="example.co.in")).json()
    assert address == example("scan_ip")[0]["EntityResult"]
    assert domain == example("domain_report")[0]["EntityResult"]
    subject, _, analysis = url["scan_id"].partition("-")
    assert url == _filled(example("scan_url"), URL_HASH=subject, ANALYSIS_ID=analysis)
    subject, _, analysis = file["scan_id"].partition("-")
    filled = _filled(example("scan_hash"), HASH=subject, ANALYSIS_ID=analysis)
    assert file == {**filled, "resource": EICAR_MD5}


def _filled(documents, **names):
    text = json.dumps(documents[0]["EntityResult"])
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return json.loads(text)


# What VirusTotal says when there is nothing to say ------------------------------------------------

FILE_UNKNOWN = "The requested resource is not among the finished, queued or pending scans"


@pytest.mark.parametrize(
    ("endpoint", "params", "expected"),
    [
        (
            "file/report",
            {"resource": "0" * 64},
            {"response_code": 0, "resource": "0" * 64, "verbose_msg": FILE_UNKNOWN},
        ),
        (
            "file/report",
            {"resource": "xyz"},
            {
                "response_code": 0,
                "resource": "xyz",
                "verbose_msg": "Invalid resource, check what you are submitting",
            },
        ),
        (
            "url/report",
            {"resource": "http://nobody.example/"},
            {
                "response_code": 0,
                "resource": "http://nobody.example/",
                "verbose_msg": "Resource does not exist in the dataset",
            },
        ),
        (
            "url/report",
            {"resource": "no url", "scan": "1"},
            {"response_code": -1, "verbose_msg": "Invalid URL, the scan request was not queued"},
        ),
        (
            "domain/report",
            {"domain": "nobody.example"},
            {"response_code": 0, "verbose_msg": "Domain not found"},
        ),
        (
            "ip-address/report",
            {"ip": "198.51.100.9"},
            {"response_code": 0, "verbose_msg": "Missing IP address"},
        ),
        (
            "ip-address/report",
            {"ip": "2001:db8::1"},
            {"response_code": -1, "verbose_msg": "Invalid IP address"},
        ),
        (
            "ip-address/report",
            {"ip": "300.1.1.1"},
            {"response_code": -1, "verbose_msg": "Invalid IP address"},
        ),
    ],
)
async def test_what_is_unknown_or_invalid_is_said_in_virustotals_words(endpoint, params, expected):
    """Codes, texts and keys of "unknown" and "invalid" are those of the recordings, inside HTTP 200."""
    async with served(invent=False) as vt:
        reply = await vt.get(endpoint, **params)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json() == expected


@pytest.mark.parametrize(
    "endpoint", ["file/report", "url/report", "domain/report", "ip-address/report", "comments/get"]
)
async def test_a_missing_argument_is_400(endpoint):
    """A request that does not say what it is about is a bad request, and so is an empty list."""
    async with served(kind="private") as vt:
        assert (await vt.get(endpoint)).status_code == 400
        assert (await vt.get(endpoint, resource=" ", domain="", ip="")).status_code == 400
        assert (await vt.get("file/report", resource=",,")).status_code == 400


@pytest.mark.parametrize("endpoint", ["file/rescan", "url/scan", "file/scan"])
async def test_a_submission_without_its_subject_is_400(endpoint):
    """A rescan without resource, a scan without URL and an upload without file are bad requests."""
    async with served(kind="private") as vt:
        reply = await (
            vt.http.post(endpoint, data={"apikey": KEY}, files={"other": b"x"})
            if endpoint == "file/scan"
            else vt.post(endpoint)
        )
    assert reply.status_code == 400


async def test_other_paths_and_methods_are_refused():
    """What is no endpoint is 404; an endpoint with the wrong method is 405."""
    async with served() as vt:
        assert (await vt.get("file/behaviour", hash="0" * 32)).status_code == 404
        assert (await vt.get("url/scan", url="http://a.example/")).status_code == 405
        assert (await vt.post("domain/report", domain="a.example")).status_code == 405


# Keys, quotas, batches ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda vt: vt.http.get("ip-address/report", params={"ip": "192.0.2.1"}),
        lambda vt: vt.http.get("ip-address/report", params={"ip": "192.0.2.1", "apikey": "wrong"}),
        lambda vt: vt.http.post("file/report", params={"apikey": KEY}, data={"resource": EICAR_MD5}),
        lambda vt: vt.http.post("file/report", json={"apikey": KEY, "resource": EICAR_MD5}),
        lambda vt: vt.http.post("file/scan", data={"apikey": KEY, "file": "x"}),
        lambda vt: vt.post("file/rescan", resource=EICAR_MD5),
        lambda vt: vt.get("comments/get", resource=EICAR_MD5),
    ],
    ids=["no key", "wrong key", "key in a POST's query", "JSON", "form upload", "rescan", "comments"],
)
async def test_403_is_html_without_a_body(ask):
    """No or a wrong key, a private endpoint and a wrong Content-Type all answer 403, text/html, empty."""
    async with served(key=KEY, any_key=False) as vt:
        reply = await ask(vt)
    assert (reply.status_code, reply.content) == (403, b"")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_right_key_is_let_in():
    """With a fixed key, that key is answered."""
    async with served(key=KEY, any_key=False) as vt:
        assert (await vt.get("ip-address/report", ip="192.0.2.1")).json()["response_code"] == 1


async def test_a_spent_minute_is_204_until_it_has_slid_on():
    """Four calls of any endpoint, then 204 without a body; each call comes back a minute after it was made."""
    clock = Clock()
    async with served(quota=(4, 0, 0), clock=clock) as vt:
        calls = [vt.get("domain/report", domain="a.example"), vt.post("url/scan", url="http://a.example/")]
        calls += [vt.file(b"x"), vt.get("ip-address/report", ip="::1")]
        for seconds, call in enumerate(calls):
            clock.now = NEVER + seconds
            assert (await call).status_code == 200
        refused = await vt.post("file/report", resource="x")
        assert (refused.status_code, refused.content) == (204, b"")
        clock.now = NEVER + 60
        assert (await vt.post("file/report", resource="x")).status_code == 200
        assert (await vt.post("file/report", resource="x")).status_code == 204


@pytest.mark.parametrize(
    ("quota", "spent", "back"),
    [
        ((0, 2, 0), "2024-01-30T23:59:59", "2024-01-31T00:00:00"),
        ((0, 0, 2), "2024-01-31T23:59:59", "2024-02-01T00:00:00"),
    ],
    ids=["day", "month"],
)
async def test_day_and_month_turn_at_midnight_utc(quota, spent, back):
    """The day's calls come back at 00:00 UTC, the month's on the 1st; refused calls count nothing."""
    clock = Clock(_seconds("2024-01-30T08:00:00"))
    async with served(quota=quota, clock=clock) as vt:
        first = [(await vt.get("ip-address/report", ip="::1")).status_code for _ in range(4)]
        assert first == [200, 200, 204, 204]
        clock.now = _seconds(spent)
        assert (await vt.get("ip-address/report", ip="::1")).status_code == 204
        clock.now = _seconds(back)
        assert (await vt.get("ip-address/report", ip="::1")).status_code == 200


def _seconds(text):
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(("kind", "limit"), [("public", 4), ("private", 25)])
async def test_a_report_batch_loses_what_is_over_the_limit(kind, limit):
    """Of 30 hashes or URLs 4 are answered for a public key and 25 for a private one, in order, without a word."""
    hashes = [f"{number:064x}" for number in range(30)]
    urls = [f"http://{number}.example/a,b" for number in range(30)]
    async with served(kind=kind) as vt:
        files = await vt.report(",".join(hashes))
        pages = await vt.url("\n".join(urls))
    assert [entry["resource"] for entry in files] == hashes[:limit]
    assert [entry["resource"] for entry in pages] == urls[:limit]


async def test_scans_take_25_in_a_batch():
    """url/scan and file/rescan take 25 for one call, whatever the key."""
    urls = [f"http://{number}.example/" for number in range(30)]
    async with served(kind="private") as vt:
        scans = (await vt.post("url/scan", url="\n".join(urls))).json()
        rescans = (await vt.post("file/rescan", resource=",".join([EICAR_MD5] * 30))).json()
    assert [entry["url"] for entry in scans] == urls[:25]
    assert len(rescans) == 25


async def test_one_resource_is_an_object_and_each_of_several_has_its_own_code():
    """One is an object, several are a list in which every entry has its own response_code."""
    async with served(invent=False) as vt:
        assert isinstance(await vt.report(EICAR_MD5), dict)
        codes = [entry["response_code"] for entry in await vt.report(f"{EICAR_MD5}, {'0' * 32},x")]
    assert codes == [1, 0, 0]


# Submissions --------------------------------------------------------------------------------------


async def test_an_upload_stays_queued_and_then_has_a_report():
    """By scan_id -2 while queued, then the report; by hash -2 with the bare SHA-256, as there is no old report."""
    clock, content = Clock(), b"never seen before"
    sha256 = hashlib.sha256(content).hexdigest()
    async with served(queue_seconds=30, clock=clock, invent=False) as vt:
        receipt = (await vt.file(content)).json()
        assert receipt["response_code"] == 1
        assert receipt["verbose_msg"] == "Scan request successfully queued, come back later for the report"
        assert receipt["resource"] == sha256
        assert receipt["scan_id"] == f"{sha256}-{int(NEVER)}"
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
    scan_id = f"{'ab' * 32}-{int(NEVER) - 10}"
    async with served(queue_seconds=30, clock=clock) as vt:
        assert (await vt.report(scan_id))["response_code"] == -2
        clock.now += 20
        assert (await vt.report(scan_id))["scan_id"] == scan_id


# Uploads ------------------------------------------------------------------------------------------


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
        place = await _large_place(vt)
        boundary = "b0undary"

        async def body():
            yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
            for _ in range(40):
                yield bytes(64 * 1024)
            yield f"\r\n--{boundary}--\r\n".encode()

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        reply = await vt.http.post(place, content=body(), headers=headers)
    assert reply.status_code == 413


async def _large_place(vt):
    """Follow the redirect of file/scan/upload_url by hand."""
    first = await vt.get("file/scan/upload_url")
    assert (first.status_code, first.content) == (302, b"")
    second = await vt.http.get(first.headers["location"])
    assert second.headers["content-type"] == "application/json"
    return second.json()["upload_url"]


async def test_a_large_file_goes_to_another_place_on_another_host():
    """upload_url is a 302, with the key, to the named host; the file posted to the place it tells gets a receipt."""
    async with served(upload_host="localhost") as vt:
        first = await vt.get("file/scan/upload_url")
        assert urlsplit(first.headers["location"]).hostname == "localhost"
        assert dict(parse_qsl(urlsplit(first.headers["location"]).query)) == {"apikey": KEY}
        place = await _large_place(vt)
        receipt = (await vt.http.post(place, files={"file": ("big.iso", EICAR)})).json()
        again = await vt.http.post(place, files={"file": ("big.iso", EICAR)})
        report = await vt.report(receipt["scan_id"])
    assert (report["sha256"], again.status_code) == (EICAR_SHA256, 404)
    upload = vt.sandbox.asked("large/upload")[0].upload
    assert (upload.name, upload.size, upload.sha256) == ("big.iso", 68, EICAR_SHA256)


# Invented reports ---------------------------------------------------------------------------------

HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(300)]


async def _everything(vt, number):
    """The four kinds of report about some subject, as bytes."""
    replies = [
        await vt.post("file/report", resource=HASHES[number]),
        await vt.post("url/report", resource=f"http://host{number}.example/path?x={number}"),
        await vt.get("domain/report", domain=f"host{number}.example"),
        await vt.get("ip-address/report", ip=f"203.0.113.{number % 256}"),
    ]
    return [reply.content for reply in replies]


async def test_invented_reports_are_the_same_every_time():
    """Two stand-ins on the same day give the same bytes about the same things, and different ones about others."""
    async with served(clock=Clock()) as one, served(clock=Clock(NEVER + 3600)) as other:
        first = [await _everything(one, number) for number in range(12)]
        assert first == [await _everything(other, number) for number in range(12)]
        assert len({body for bodies in first for body in bodies}) > 40


async def test_an_invented_file_keeps_its_names():
    """A file met by its MD5 is the same file by the SHA-1 and SHA-256 that its report names."""
    async with served() as vt:
        report = next(r for r in [await vt.report(f"{n:032x}") for n in range(20)] if r["response_code"] == 1)
        others = [await vt.report(report[name]) for name in ("sha1", "sha256", "scan_id")]
    assert all({**other, "resource": ""} == {**report, "resource": ""} for other in others)


async def test_about_a_third_each_is_risky_suspicious_and_clean():
    """Of 300 hashes each of the three verdicts falls on a quarter to two fifths, and some are unknown."""
    async with served(kind="private") as vt:
        replies = [
            entry for start in range(0, 300, 25) for entry in await vt.report(",".join(HASHES[start:][:25]))
        ]
    counts = Counter(_verdict(reply) for reply in replies)
    assert all(75 <= counts[verdict] <= 120 for verdict in ("risky", "suspicious", "clean"))
    assert 10 <= counts["unknown"] <= 60


def _verdict(reply):
    if reply["response_code"] == 0:
        return "unknown"
    return "clean" if not reply["positives"] else "suspicious" if reply["positives"] < 3 else "risky"


async def test_invented_reports_have_the_recorded_shapes():
    """Every invented report is read by the models, counts what its engines say, and lies before today."""
    async with served(clock=Clock()) as vt:
        found = [list(map(json.loads, await _everything(vt, number))) for number in range(80)]
    for reports in found:
        for action, raw in zip(("scan-hash", "scan-url", "domain-report", "scan-ip"), reports, strict=True):
            models.report(action, raw)
            if "scans" in raw:
                assert raw["total"] == len(raw["scans"]) >= 55
                assert raw["positives"] == sum(engine["detected"] for engine in raw["scans"].values())
            for date in _dates(raw):
                assert "2018" < date < "2023-11-14 00:00:00"


def _dates(raw):
    yield from ([raw["scan_date"]] if "scan_date" in raw else [])
    for name, rows in raw.items():
        if name.startswith(("detected_", "undetected_")):
            assert len(rows) <= 100
            for row in rows:
                date = row[4] if isinstance(row, list) else row.get("date") or row.get("scan_date")
                yield from [date] if date else []
    assert len(raw.get("resolutions", ())) <= 1000


async def test_hosts_of_every_kind_are_invented():
    """Among some addresses there are risky, suspicious, clean and unknown ones, by the highest count in the evidence."""
    async with served() as vt:
        replies = [(await vt.get("ip-address/report", ip=f"198.51.100.{n}")).json() for n in range(60)]
    highest = [
        max(
            (row["positives"] for name, rows in reply.items() if name.startswith("detected") for row in rows),
            default=0,
        )
        for reply in replies
        if reply["response_code"] == 1
    ]
    assert {"risky" if most >= 25 else "some" if most else "clean" for most in highest} == {
        "risky",
        "some",
        "clean",
    }
    assert len(highest) < len(replies)


async def test_allinfo_is_for_private_keys():
    """allinfo=1 adds size, type and first_seen for a private key, and nothing for a public one."""
    async with served() as public, served(kind="private") as private:
        plain, full = [await vt.report(EICAR_SHA256, allinfo="1") for vt in (public, private)]
    assert {"size", "type", "first_seen", "times_submitted", "additional_info"} <= full.keys() - plain.keys()


async def test_comments_come_25_at_a_time_newest_first():
    """comments/get gives at most 25; `before` with the last date gives the older ones."""
    async with served(comments=True) as vt:

        async def page(resource, **params):
            return (await vt.get("comments/get", resource=resource, **params)).json()

        pages = [await page(name) for name in HASHES[:60]]
        first = next(found for found in pages if len(found["comments"]) == 25)
        dates = [comment["date"] for comment in first["comments"]]
        older = [comment["date"] for comment in (await page(first["resource"], before=dates[-1]))["comments"]]
    assert first["verbose_msg"] == "Resource found, comments, if any, returned here"
    assert dates == sorted(dates, reverse=True)
    assert older
    assert max(older) < min(dates)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("github.com", "http://github.com/"),
        ("HTTPS://GitHub.com/A?B=c#D", "https://github.com/A?B=c#D"),
        ("http://user:Pa@Host.example:8080/x", "http://user:Pa@host.example:8080/x"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]/x"),
        ("javascript://x.example", None),
        ("http://", None),
        ("nohost", None),
        ("http://a b.example/", None),
        ("http://x.example:99999/", None),
        ("http://[::1/", None),
    ],
)
def test_urls_are_normalised_as_virustotal_does(text, expected):
    """Scheme and host are lower case, a missing scheme is http, a missing path is a slash; the rest stays."""
    assert normalised(text) == expected


# Replies of one's own, and recorded ones ----------------------------------------------------------


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


# Faults and calls ---------------------------------------------------------------------------------


async def test_faults_come_in_order_and_then_end():
    """Added faults meet the next calls to their endpoint in order; other endpoints and later calls are ordinary."""
    async with served() as vt:
        vt.sandbox.faults.add("url/report", faults.html(503), faults.none(), faults.status(204))
        assert (await vt.get("domain/report", domain="example.co.in")).status_code == 200
        met = [await vt.get("url/report", resource="http://example.php") for _ in range(4)]
        assert [reply.status_code for reply in met] == [503, 200, 204, 200]
        assert met[0].headers["content-type"] == "text/html"
        assert b"<html>" in met[0].content


async def test_a_standing_fault_lasts_until_cleared():
    """`always` spoils every endpoint, and `clear` ends it."""
    async with served() as vt:
        vt.sandbox.faults.always("*", faults.says(["not", "a", "report"]))
        for endpoint in ("domain/report", "url/report"):
            assert (await vt.get(endpoint, domain="a.example", resource="a.example")).json() == [
                "not",
                "a",
                "report",
            ]
        vt.sandbox.faults.clear()
        assert (await vt.url("http://example.php"))["positives"] == 5


async def test_broken_json_and_broken_connections():
    """Truncated and too deep JSON cannot be read; a reset or a body that breaks off is an error of the connection."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.truncated(), faults.nested())
        with pytest.raises(json.JSONDecodeError):
            await vt.report(EICAR_MD5)
        with pytest.raises(RecursionError):
            await vt.report(EICAR_MD5)
        for fault in (faults.reset(), faults.broken_off()):
            vt.sandbox.faults.add("file/report", fault)
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await vt.report(EICAR_MD5)
        assert (await vt.report(EICAR_MD5))["positives"] == 54


async def test_a_drip_is_the_ordinary_reply_in_small_pieces():
    """The reply comes whole in the end, in many reads."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.drip(pause=0.001, size=16))
        async with vt.http.stream(
            "GET", "file/report", params={"apikey": KEY, "resource": EICAR_MD5}
        ) as reply:
            pieces = [piece async for piece in reply.aiter_raw()]
    assert len(pieces) > 10
    assert json.loads(b"".join(pieces))["positives"] == 54


async def test_a_delay_longer_than_the_client_waits_is_a_timeout():
    """Late replies, by a fault or by the stand-in's latency, run into the client's time-out."""
    async with served(latency=0.3) as vt:
        vt.http.timeout = httpx.Timeout(0.05)
        with pytest.raises(httpx.ReadTimeout):
            await vt.report(EICAR_MD5)
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.delay(0.3))
        vt.http.timeout = httpx.Timeout(0.05)
        with pytest.raises(httpx.ReadTimeout):
            await vt.report(EICAR_MD5)


async def test_a_gzip_bomb_travels_small():
    """Twenty megabytes of zeros are sent in less than 40 kB."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.bomb(20_000_000))
        async with vt.http.stream(
            "GET", "file/report", params={"apikey": KEY, "resource": EICAR_MD5}
        ) as reply:
            packed = b"".join([piece async for piece in reply.aiter_raw()])
    assert reply.headers["content-encoding"] == "gzip"
    assert len(packed) < 40_000
    assert len(zlib.decompress(packed, wbits=31)) == 20_000_000


async def test_a_redirect_leads_elsewhere_with_the_key():
    """The redirect names the other host and carries the query along, as VirusTotal's own does."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.redirect("http://elsewhere.example/x", 307))
        reply = await vt.get("file/report", resource="x")
    assert reply.status_code == 307
    location = urlsplit(reply.headers["location"])
    assert (location.hostname, dict(parse_qsl(location.query))["apikey"]) == ("elsewhere.example", KEY)


async def test_calls_are_noted_without_the_key():
    """Each call is there with endpoint, method, parameters and the file's digests; the key is not."""
    async with served() as vt:
        await vt.get("domain/report", domain="a.example")
        await vt.file(EICAR, "eicar.com")
        await vt.get("file/nothing")
        calls = list(vt.sandbox.calls)
    assert [(call.endpoint, call.method) for call in calls] == [
        ("domain/report", "GET"),
        ("file/scan", "POST"),
        ("file/nothing", "GET"),
    ]
    assert calls[0].params == {"domain": "a.example"}
    assert (calls[1].upload.name, calls[1].upload.sha256) == ("eicar.com", EICAR_SHA256)
    assert KEY not in repr(calls)
    assert vt.sandbox.asked("file/scan") == [calls[1]]


async def test_the_key_is_in_no_log(caplog):
    """Neither ordinary, broken nor failing requests leave the key in what the server logs, at any level."""
    caplog.set_level(logging.DEBUG)

    async def crash(_, __):
        raise LookupError("a fault of the stand-in")

    async with served(key=KEY, any_key=False) as vt:
        await vt.get("domain/report", domain="a.example")
        await vt.post("file/report", resource="x")
        await vt.file(b"x")
        await _large_place(vt)
        vt.sandbox.faults.add("domain/report", crash)
        assert (await vt.get("domain/report", domain="a.example")).status_code == 500
        assert KEY not in repr(vars(vt.sandbox)["_answers"])
        for line in (b"GET /vtapi/v2/x?apikey=%b\r\n\r\n", b"BAD\x00 /?apikey=%b HTTP/1.1\r\n\r\n"):
            reader, writer = await open_connection("127.0.0.1", vt.http.base_url.port)
            writer.write(line % KEY.encode())
            await reader.read()
            writer.close()
    server = [
        record for record in caplog.records if record.name.split(".")[0] in {"vt", "aiohttp", "asyncio"}
    ]
    assert any(record.exc_info for record in server)
    assert KEY not in "".join(logging.Formatter().format(record) for record in server)
