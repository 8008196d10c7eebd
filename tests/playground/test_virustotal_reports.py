"""The documented examples, and reports that are invented: the same every time, in the recorded shapes."""

import hashlib
import json
from collections import Counter

import pytest

from playground.virustotal.addresses import normalised
from tests.support.replies import documented, example
from tests.support.vt_client import EICAR_MD5, EICAR_SHA1, EICAR_SHA256, NOW, Clock, served
from vt import models
from vt.actions import BY_KEY


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
    async with served(clock=Clock()) as one, served(clock=Clock(NOW + 3600)) as other:
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
            models.read(BY_KEY[action].report, raw)
            if "scans" in raw:
                assert raw["total"] == len(raw["scans"]) >= 55
                assert raw["positives"] == sum(engine["detected"] for engine in raw["scans"].values())
            for date in _dates(raw):
                assert "2018" < date < "2023-11-14 00:00:00"


async def test_invented_hosts_look_real():
    """An address is in a country with a code, and WHOIS has a line for each fact."""
    async with served() as vt:
        addresses = [(await vt.get("ip-address/report", ip=f"198.51.100.{n}")).json() for n in range(60)]
        domains = [(await vt.get("domain/report", domain=f"host{n}.example")).json() for n in range(60)]
    known = [reply for reply in addresses if reply["response_code"] == 1]
    assert all(len(reply["country"]) == 2 and reply["country"].isupper() for reply in known)
    whois = [reply["whois"] for reply in (*known, *domains) if reply.get("whois")]
    assert len(whois) > 80
    assert all(text.count("\n") >= 2 and all(": " in line for line in text.split("\n")) for text in whois)


async def test_a_new_scan_of_a_documented_example_names_every_engine():
    """Its own reply stays as documented; the one of today has the same counts, and an engine for each of them."""
    async with served(kind="private", clock=(clock := Clock())) as vt:
        receipts = [
            await vt.post("file/rescan", resource=EICAR_MD5),
            await vt.post("url/scan", url="http://example.php"),
        ]
        clock.now += 3600
        scans = [receipt.json()["scan_id"] for receipt in receipts]
        for report, named in ((await vt.report(scans[0]), 2), (await vt.url(scans[1]), 2)):
            assert len(report["scans"]) == report["total"] > named
            assert sum(scan["detected"] for scan in report["scans"].values()) == report["positives"] > named
            assert all(scan["result"] for scan in report["scans"].values() if scan["detected"])


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
        assert "size" not in await private.report("xyz", allinfo="1")
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
