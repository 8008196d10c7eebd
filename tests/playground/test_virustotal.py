"""The stand-in VirusTotal, asked over HTTP: it must say no, count and drop as VirusTotal does."""

import logging
from asyncio import open_connection
from datetime import datetime

import pytest

from tests.support.vt_client import (
    EICAR,
    EICAR_MD5,
    EICAR_SHA256,
    FILE_UNKNOWN,
    KEY,
    NOW,
    Clock,
    large_place,
    served,
)


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


# Keys, quotas, batches


@pytest.mark.parametrize(
    "ask",
    [
        lambda vt: vt.http.get("ip-address/report", params={"ip": "192.0.2.1"}),
        lambda vt: vt.http.get("ip-address/report", params={"ip": "192.0.2.1", "apikey": "wrong"}),
        lambda vt: vt.http.post("file/report", params={"apikey": "wrong"}, data={"resource": EICAR_MD5}),
        lambda vt: vt.http.post("file/report", json={"apikey": KEY, "resource": EICAR_MD5}),
        lambda vt: vt.http.post("file/scan", data={"apikey": KEY, "file": "x"}),
        lambda vt: vt.post("file/rescan", resource=EICAR_MD5),
        lambda vt: vt.get("comments/get", resource=EICAR_MD5),
    ],
    ids=["no key", "wrong key", "wrong key in a POST's query", "JSON", "form upload", "rescan", "comments"],
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
            clock.now = NOW + seconds
            assert (await call).status_code == 200
        refused = await vt.post("file/report", resource="x")
        assert (refused.status_code, refused.content) == (204, b"")
        clock.now = NOW + 60
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
    assert vt.sandbox.calls_to("file/scan") == [calls[1]]


async def test_the_key_is_in_no_log(caplog):
    """Neither ordinary, broken nor failing requests leave the key in what the server logs, at any level."""
    caplog.set_level(logging.DEBUG)

    async def crash(_, __):
        raise LookupError("a fault of the stand-in")

    async with served(key=KEY, any_key=False) as vt:
        await vt.get("domain/report", domain="a.example")
        await vt.post("file/report", resource="x")
        await vt.file(b"x")
        await large_place(vt)
        vt.sandbox.faults.add("domain/report", crash)
        assert (await vt.get("domain/report", domain="a.example")).status_code == 500
        assert KEY not in repr(vars(vt.sandbox)["_answers"])
        for line in (b"GET /vtapi/v2/x?apikey=%b\r\n\r\n", b"BAD\x00 /?apikey=%b HTTP/1.1\r\n\r\n"):
            reader, writer = await open_connection("127.0.0.1", vt.http.base_url.port)
            writer.write(line % KEY.encode())
            await reader.read()
            writer.close()
    server = [
        record
        for record in caplog.records
        if record.name.split(".")[0] in {"playground", "aiohttp", "asyncio"}
    ]
    assert any(record.exc_info for record in server)
    assert KEY not in "".join(logging.Formatter().format(record) for record in server)
