"""What is shown and handed on: the documented fields by their names, insight, JSON, script result, link."""

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.text.format import format_value
from handlers.text.language import Language, language
from tests.support.findings import json_result
from tests.support.replies import documented, example, hostile, recorded, recording
from vt import results
from vt.actions import BY_KEY
from vt.enrichment import Dated, Field, Listing, Named, Value, Values, detecting, enrichment
from vt.errors import Internal, KeyRefused, VTError
from vt.evidence import HostCriteria, HostRule
from vt.indicators import Indicator, Kind
from vt.results import Insight
from vt.verdict import Evidence, Finding, State, Subject, judge, not_checked, pending

NOW = datetime(2019, 2, 6, 8, 30, tzinfo=UTC)
SHA = "131f95c51cc819465fa1797f6ccacf9d494aaaff46fa3eac73ae63ffbdfd8267"
FILE = Indicator(Kind.SHA256, SHA)
ADDRESS = Indicator(Kind.IPV4, "192.0.2.1")
URL = Indicator(Kind.URL, "http://example.php")
DOCUMENTED_RULE = HostCriteria(HostRule.DOCUMENTED)
DOMAIN = Indicator(Kind.DOMAIN, "example.co.in")
ABOUT = {
    "scan-ip": ADDRESS,
    "scan-hash": FILE,
    "scan-url": URL,
    "domain-report": DOMAIN,
    "scan-file": FILE,
}


def found(
    action: str,
    raw: dict,
    text: str = "as entered",
    indicator: Indicator | None = None,
    criteria: HostCriteria = DOCUMENTED_RULE,
) -> Finding:
    row = BY_KEY[action]
    subject = Subject(row, indicator or ABOUT[action], text)
    return judge(subject, raw, threshold=row.threshold, now=NOW, criteria=criteria)


def table(finding: Finding) -> dict[str, Value | None]:
    return {field.label: field.value for field in enrichment(finding)}


def to_the_minute(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def engines(**detecting: str | None) -> dict:
    scans = {name: {"detected": True, "result": result} for name, result in detecting.items()}
    return {"response_code": 1, "positives": len(scans), "total": 70, "scans": scans}


@documented
def test_a_documented_hash_gives_the_documented_fields():
    """Scan Hash: the eleven documented fields, in the documented order."""
    (entry,) = example("scan_hash")
    fields = table(found("scan-hash", entry["EntityResult"]))
    assert list(fields) == [
        *("permalink", "sha1", "resource", "Scan date", "Scan ID", "verbose_msg", "total", "positives"),
        *("sha256", "md5", "Detecting Engines"),
    ]
    assert to_the_minute(fields["Scan date"]) == "2019-02-05 15:41"
    assert (fields["positives"], fields["total"]) == (54, 60)
    assert fields["Detecting Engines"] == Values(("Bkav", "MicroWorld-eScan"))


@documented
def test_a_documented_url_gives_the_documented_fields():
    """Scan URL: the documented fields but two: no engine of the example detects, its File Scan ID is null."""
    (entry,) = example("scan_url")
    fields = table(found("scan-url", entry["EntityResult"]))
    assert list(fields) == [
        *("Scan date", "Scan ID", "risk_score", "Total", "Online Link", "Scanned Url", "resource"),
        *("Risk Score", "Last Scan Date", "verbose_msg"),
    ]
    assert (fields["risk_score"], fields["Total"], fields["Risk Score"]) == (5, 67, "5/67")
    assert to_the_minute(fields["Last Scan Date"]) == "2019-02-04 05:28"
    more = entry["EntityResult"] | {"filescan_id": "ab-1", "scans": {"CLEAN MX": {"detected": True}}}
    fields = table(found("scan-url", more))
    assert (fields["File Scan ID"], fields["Detecting Engines"]) == ("ab-1", "CLEAN MX")


@documented
def test_a_documented_file_gives_the_documented_fields():
    """Upload and Scan File: the documented fields, Total as well as total; no engine of the example detects."""
    fields = table(found("scan-file", example("scan_file")["file_path"]))
    assert list(fields) == [
        *("resource", "Scan date", "Scan ID", "permalink", "Total", "Md5", "Sha1", "Sha256"),
        *("positives", "total", "verbose_msg"),
    ]
    assert (fields["Total"], fields["total"], fields["positives"]) == (58, 58, 0)


@documented
def test_a_documented_address_gives_the_documented_fields():
    """Scan IP: the five documented fields; the last scan is the newest evidence, the time of asking is apart."""
    (entry,) = example("scan_ip")
    fields = table(found("scan-ip", entry["EntityResult"]))
    assert list(fields) == [
        *("Country", "Related Domains", "Last Scan Date", "verbose_msg", "Resolutions", "Checked at")
    ]
    assert to_the_minute(fields["Last Scan Date"]) == "2023-05-20 08:38"
    assert fields["Checked at"] == datetime(2019, 2, 6, 8, 30, tzinfo=UTC)
    resolution = fields["Resolutions"]
    assert (resolution.value, f"{resolution.date:%Y-%m-%d}") == (fields["Related Domains"], "2023-05-13")


@documented
def test_a_documented_domain_gives_the_documented_fields():
    """Get Domain Report: all twelve documented fields are filled, then what is also there."""
    (entry,) = example("domain_report")
    fields = table(found("domain-report", entry["EntityResult"]))
    assert list(fields) == [
        "Forcepoint ThreatSeeker category",
        "BitDefender domain info",
        "Categories",
        "BitDefender Category",
        "Alexa Category",
        "Alexa domain info",
        "Websense ThreatSeeker category",
        "TrendMicro category",
        "Opera domain info",
        "Webutation domain info",
        "verbose_msg",
        "whois",
        *("Alexa rank", "WOT domain info", "Subdomains", "Resolutions", "Detected URLs"),
        *("Detected communicating samples", "Detected referrer samples", "Counts"),
        *("Last Scan Date", "Checked at"),
    ]
    assert fields["BitDefender Category"] == "searchengines"
    assert fields["Categories"] == Values(("searchengines", "search engines and portals"))
    assert fields["Webutation domain info"] == Values(
        (Named("Safety score", 100), Named("Adult content", "no"), Named("Verdict", "safe"))
    )
    detected = fields["Detected URLs"]
    assert (detected.positives, detected.total, detected.name) == (2, 66, "http://example.co.in/urlURL")
    assert f"{detected.date:%Y-%m-%d}" == "2018-01-13"
    resolution = fields["Resolutions"]
    assert (resolution.value, f"{resolution.date:%Y-%m-%d}") == ("192.0.2.1", "2019-01-13")
    assert to_the_minute(fields["Last Scan Date"]) == "2019-02-05 13:20"


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("Forcepoint ThreatSeeker category", "Forcepoint ThreatSeeker category"),
        ("BitDefender domain info", "BitDefender domain info"),
        ("categories", "Categories"),
        ("BitDefender category", "BitDefender Category"),
        ("Alexa category", "Alexa Category"),
        ("Alexa domain info", "Alexa domain info"),
        ("Websense ThreatSeeker category", "Websense ThreatSeeker category"),
        ("TrendMicro category", "TrendMicro category"),
        ("Opera domain info", "Opera domain info"),
        ("Webutation domain info", "Webutation domain info"),
        ("verbose_msg", "verbose_msg"),
        ("whois", "whois"),
        ("Alexa rank", "Alexa rank"),
        ("WOT domain info", "WOT domain info"),
        ("subdomains", "Subdomains"),
    ],
)
def test_each_domain_field_is_read_from_the_key_that_virustotal_sends(key, label):
    """The reply's spelling feeds the documented name, whose spelling is often another."""
    value = ["told"] if key in ("categories", "subdomains") else "told"
    assert table(found("domain-report", {"response_code": 1, key: value}))[label] == "told"


@pytest.mark.parametrize("action", sorted(BY_KEY))
def test_only_what_the_reply_holds_is_shown(action):
    """Missing and null fields have no line; a zero has one."""
    fields = table(found(action, {"response_code": 0, "verbose_msg": "unknown", "total": 0, "country": None}))
    fields.pop("Counts", None)
    assert {"verbose_msg"} <= set(fields) <= {"verbose_msg", "total", "Total", "Checked at"}
    assert fields.get("total", 0) == 0


def test_nothing_is_shown_of_no_reply():
    """Without a reply there are no fields, no insight, no names and no place."""
    nothing = not_checked(Subject(BY_KEY["scan-ip"], ADDRESS, "192.0.2.1"), KeyRefused())
    assert enrichment(nothing) == ()
    assert results.insight(nothing) is None
    assert results.names(nothing) == ()
    assert results.place(nothing) is None


def test_what_unknown_vendors_say_is_shown_too():
    """A vendor nobody documented has a line under its own name; odd values are written out."""
    raw = {
        "response_code": 1,
        "Dr.Web category": "known infection source",
        "Zed domain info": {"Verdict": "odd", "Safe": False, "Empty": None, "Tags": ["a", "b"]},
        "Huge rank": 10**4000,
    }
    fields = table(found("domain-report", raw))
    assert fields["Dr.Web category"] == "known infection source"
    tags = Named("Tags", Values(("a", "b")))
    assert fields["Zed domain info"] == Values((Named("Verdict", "odd"), Named("Safe", False), tags))
    assert "Huge rank" not in fields


def test_long_lists_are_cut_with_a_count():
    """Twelve entries, the latest first, then how many more there are."""
    resolutions = [
        {"hostname": f"{day:03}.test", "last_resolved": f"2020-01-{day:02} 00:00:00"} for day in range(1, 32)
    ]
    fields = table(
        found("scan-ip", {"response_code": 1, "resolutions": [*resolutions, {"hostname": "x.test"}]})
    )
    assert fields["Related Domains"] == Values(tuple(f"{day:03}.test" for day in range(31, 19, -1)), left=20)
    assert fields["Resolutions"].values[0] == Dated("031.test", datetime(2020, 1, 31, tzinfo=UTC))


def test_long_objects_are_cut_with_a_count():
    """What a vendor says in an object of many keys is cut like a list."""
    info = {f"k{number}": number for number in range(20)}
    fields = table(found("domain-report", {"response_code": 1, "WOT domain info": info}))
    shown = tuple(Named(f"k{number}", number) for number in range(12))
    assert fields["WOT domain info"] == Values(shown, left=8)


def test_what_virustotal_lists_at_a_host_is_counted():
    """URLs and files of each kind, first those that engines flag."""
    raw = {"response_code": 1, "detected_urls": [{"url": "http://a.test/", "positives": 1, "total": 9}] * 100}
    counts = table(found("domain-report", raw))["Counts"]
    assert counts.values[:2] == (Listing("url", True, 100), Listing("downloaded", True, 0))
    assert [(one.kind, one.detected) for one in counts.values[4:6]] == [("url", False), ("downloaded", False)]


def test_a_value_can_be_sent_and_has_an_end():
    """Half a surrogate pair would break every sender; an endless whois is cut."""
    fields = table(
        found("domain-report", {"response_code": 1, "whois": "x" * 9_000, "Alexa category": "a\ud800b"})
    )
    assert fields["Alexa Category"] == "a?b"
    assert len(fields["whois"]) == 3_000
    assert fields["whois"].endswith("x…")


def test_the_best_known_engines_name_it():
    """Three names, the best-known engines first, engines without a name left out."""
    raw = engines(Zed="Bad", Kaspersky="HEUR:Trojan", Microsoft="Trojan:Win32/X", Sophos=None, Abc="Worse")
    finding = found("scan-hash", raw)
    assert [(one.engine, one.result) for one in results.names(finding)] == [
        ("Microsoft", "Trojan:Win32/X"),
        ("Kaspersky", "HEUR:Trojan"),
        ("Zed", "Bad"),
    ]
    assert table(finding)["Detecting Engines"] == Values(("Microsoft", "Kaspersky", "Sophos", "Zed", "Abc"))


def test_an_engine_says_when_it_was_updated():
    """Detections carry the engine's update, whatever its format; who does not detect is not among them."""
    raw = engines(Avira="X", DrWeb="Y") | {"positives": 2}
    raw["scans"]["Avira"]["update"] = "20190808"
    raw["scans"]["DrWeb"]["update"] = "None"
    raw["scans"]["Bkav"] = {"detected": False, "result": None, "update": "20190808"}
    detections = detecting(found("scan-hash", raw).report)
    assert [(one.engine, one.update) for one in detections] == [
        ("Avira", datetime(2019, 8, 8, tzinfo=UTC)),
        ("DrWeb", None),
    ]


def test_where_an_address_is():
    """Country, owner and network, and the newest thing flagged there, which need not be the worst."""
    raw = {
        "response_code": 1,
        "country": "GB",
        "as_owner": "Example, Inc.",
        "network": "192.0.2.0/24",
        "detected_urls": [
            {"url": "http://a.test/", "positives": 9, "total": 60, "scan_date": "2017-01-01 00:00:00"},
            {"url": "http://b.test/", "positives": 2, "total": 70, "scan_date": "2019-01-01 00:00:00"},
            {"url": "http://z.test/", "positives": 0, "total": 70, "scan_date": "2019-02-02 00:00:00"},
        ],
        "undetected_urls": [["http://c.test/", "ab", 0, 66, "2019-02-01 00:00:00"]],
    }
    where = results.place(found("scan-ip", raw))
    assert (where.country, where.owner, where.network) == ("GB", "Example, Inc.", "192.0.2.0/24")
    assert where.newest == Evidence("url", "http://b.test/", 2, 70, datetime(2019, 1, 1, tzinfo=UTC))
    assert results.place(found("scan-ip", {"response_code": 0})) is None
    assert results.place(found("scan-hash", engines(A="x"))) is None


def test_what_a_domain_is_called():
    """The categories of all vendors, each once, without those that say nothing."""
    raw = {
        "response_code": 1,
        "categories": ["parked", "uncategorized"],
        "BitDefender category": "Parked",
        "Alexa category": None,
        "Dr.Web category": "known infection source",
    }
    assert results.place(found("domain-report", raw)).categories == ("parked", "known infection source")


@pytest.mark.parametrize("action", ["scan-hash", "scan-url", "scan-file"])
def test_a_file_or_url_has_an_insight_only_as_a_warning(action):
    """At the threshold: a warning with the count, the total and the threshold; below it nothing."""
    insight = results.insight(found(action, engines(A="x", B="y", C="z")))
    assert (insight.warning, insight.count, insight.total, insight.threshold) == (True, 3, 70, 3)
    assert results.insight(found(action, engines(A="x", B="y"))) is None
    assert results.insight(found(action, {"response_code": 0})) is None


@pytest.mark.parametrize(("positives", "warning"), [(24, False), (25, True)])
def test_an_address_has_an_insight_always(positives, warning):
    """The five documented rows, as a warning when the threshold is met."""
    raw = {
        "response_code": 1,
        "country": "DE",
        "detected_referrer_samples": [{"sha256": SHA, "positives": positives, "total": 70}],
        "detected_urls": [{"url": "http://a.test/", "positives": 1, "total": 66}] * 2,
    }
    insight = results.insight(found("scan-ip", raw))
    assert (insight.title, insight.warning) == ("Entity Insight", warning)
    assert insight.rows == (
        Field("Country", "DE"),
        Field("Malicious Referrer Samples", 1),
        Field("Malicious Downloaded Samples", 0),
        Field("Malicious Communicating Samples", 0),
        Field("Malicious URLs", 2),
    )
    assert results.insight(found("scan-ip", {"response_code": 0})) is None
    assert results.insight(found("domain-report", raw)) is None


def test_the_json_result_has_the_documented_forms_and_untouched_replies():
    """A list of entities, or an object by path for files; byte for byte what VirusTotal sent, null for no reply."""
    text = '{"response_code": 1, "zeta": [1.50, null], "alpha": {"b": 1, "a": "\\u00e9"}, "scans": {}}'
    raw = json.loads(text)
    hashes = [
        found("scan-hash", raw, "HASH"),
        not_checked(Subject(BY_KEY["scan-hash"], None, "abc"), KeyRefused()),
    ]
    listed = json_result(hashes)
    assert listed == [{"EntityResult": raw, "Entity": "HASH"}, {"EntityResult": None, "Entity": "abc"}]
    assert json.dumps(listed[0]["EntityResult"]) == json.dumps(json.loads(text))
    assert "".join(results.json_text(hashes)) == json.dumps(listed, ensure_ascii=False, indent=1)
    files = [
        found("scan-file", raw, "/srv/a.zip"),
        not_checked(Subject(BY_KEY["scan-file"], None, "/srv/b.zip")),
    ]
    assert json_result(files) == {"/srv/a.zip": raw, "/srv/b.zip": None}
    assert json_result([]) == []


@pytest.mark.parametrize(
    ("asked", "echoed"),
    [
        ("http://example.php", "http://example.php/"),
        ("HTTP://Example.php/Path", "http://example.php/Path"),
        ("example.php/x", "http://example.php/x"),
        ("http://example.php/a", "0" * 64 + "-1549258134"),
    ],
)
def test_the_resource_of_a_url_is_as_asked(asked, echoed):
    """As in the documented results; the look-up itself is made with the normalised URL. The rest is untouched."""
    raw = {"permalink": "x", "resource": echoed, "url": echoed, "response_code": 1, "scans": {}}
    [entry] = json_result([found("scan-url", raw, asked)])
    assert entry == {"EntityResult": {**raw, "resource": asked}, "Entity": asked}
    assert list(entry["EntityResult"]) == list(raw)
    assert raw["resource"] == echoed
    [absent] = json_result([found("scan-url", {"response_code": 0}, asked)])
    assert absent["EntityResult"] == {"response_code": 0}


def test_files_that_are_called_the_same_have_an_entry_each():
    """They may be of different places; none is lost."""
    names = ["a.bin", "a.bin (2)", "a.bin", "a.bin"]
    files = [found("scan-file", {"response_code": number}, name) for number, name in enumerate(names)]
    assert {name: raw["response_code"] for name, raw in json_result(files).items()} == {
        "a.bin": 0,
        "a.bin (2)": 1,
        "a.bin (3)": 2,
        "a.bin (4)": 3,
    }


@documented
@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("scan_hash", "scan-hash"),
        ("scan_ip", "scan-ip"),
        ("scan_url", "scan-url"),
        ("domain_report", "domain-report"),
    ],
)
def test_a_documented_result_comes_back_as_documented(name, action):
    """The documented JSON results are reproduced, keys in the same order."""
    expected = example(name)
    (entry,) = expected
    produced = json_result([found(action, copy.deepcopy(entry["EntityResult"]), entry["Entity"])])
    assert json.dumps(produced) == json.dumps(expected)


@documented
def test_a_documented_file_result_comes_back_as_documented():
    """The documented file result is an object keyed by path."""
    expected = example("scan_file")
    produced = json_result([found("scan-file", expected["file_path"], "file_path")])
    assert json.dumps(produced) == json.dumps(expected)


def test_is_risky_is_true_when_one_is():
    """Hash, URL and file: one that reaches the threshold is enough."""
    action = BY_KEY["scan-hash"]
    risky, weak = found("scan-hash", engines(A="x", B="y", C="z")), found("scan-hash", engines(A="x"))
    assert results.script_result(action, [weak, risky]) is True
    assert results.script_result(action, [weak]) is False
    assert results.script_result(action, []) is False


def test_is_success_is_true_when_virustotal_answered():
    """Address and domain: an answer, "unknown" too, is a success; no answer and not yet are none."""
    action = BY_KEY["scan-ip"]
    unknown = found("scan-ip", {"response_code": 0})
    refused = not_checked(Subject(action, ADDRESS, "192.0.2.1"), KeyRefused())
    waiting = pending(Subject(action, ADDRESS, "192.0.2.1"))
    assert results.script_result(action, [refused, unknown]) is True
    assert results.script_result(action, [refused, waiting]) is False
    assert results.script_result(action, []) is False


GUI = "https://www.virustotal.com/gui"
GOOGLE = "dd014af5ed6b38d9130e3f466f850e46d21b951199d53a18ef29ee9341614eaf"


@pytest.mark.parametrize(
    ("action", "indicator", "raw", "link"),
    [
        ("scan-ip", ADDRESS, {}, f"{GUI}/ip-address/192.0.2.1"),
        ("scan-ip", Indicator(Kind.IPV6, "2001:db8::1"), {}, f"{GUI}/ip-address/2001:db8::1"),
        ("domain-report", DOMAIN, {}, f"{GUI}/domain/example.co.in"),
        ("domain-report", Indicator(Kind.EMAIL, "a@b.test"), {}, f"{GUI}/domain/b.test"),
        ("domain-report", Indicator(Kind.DOMAIN, "a/../b?c"), {}, f"{GUI}/domain/a%2F..%2Fb%3Fc"),
        ("scan-hash", FILE, {}, f"{GUI}/file/{SHA}"),
        ("scan-hash", Indicator(Kind.MD5, "ab" * 16), {"sha256": SHA.upper()}, f"{GUI}/file/{SHA}"),
        ("scan-hash", Indicator(Kind.MD5, "ab" * 16), {"sha256": "../evil"}, None),
        ("scan-url", Indicator(Kind.URL, "http://x.test/"), {"scan_id": f"{SHA}-1565"}, f"{GUI}/url/{SHA}"),
        ("scan-url", Indicator(Kind.URL, "http://www.google.com"), {}, f"{GUI}/url/{GOOGLE}"),
        (
            "scan-url",
            Indicator(Kind.URL, "http://www.google.com/"),
            {"scan_id": "../x"},
            f"{GUI}/url/{GOOGLE}",
        ),
    ],
)
def test_the_link_leads_to_virustotals_page(action, indicator, raw, link):
    """Built from what is known, never from the reply's own link, and nothing odd gets into it."""
    finding = found(
        action, {"response_code": 0, "permalink": "https://evil.test/"} | raw, indicator=indicator
    )
    assert results.gui_link(finding) == link


def test_what_is_internal_has_no_link():
    """A link to VirusTotal with an internal address in it would tell it all the same."""
    internal = Indicator(Kind.IPV4, "10.0.0.1")
    assert results.gui_link(not_checked(Subject(BY_KEY["scan-ip"], internal, "10.0.0.1"), Internal())) is None
    assert results.gui_link(not_checked(Subject(BY_KEY["scan-file"], None, "/srv/a"), KeyRefused())) is None
    waiting = not_checked(Subject(BY_KEY["scan-ip"], ADDRESS, "192.0.2.1"), KeyRefused())
    assert results.gui_link(waiting) == f"{GUI}/ip-address/192.0.2.1"


@recorded
def test_a_url_is_named_as_virustotal_names_it():
    """The id made from a URL is the one in every recorded list of URLs and in every recorded scan_id."""
    pairs = recording("domain_report__200_rc1__vtx_2019-05-02_efb1b5")["undetected_urls"]
    pairs += recording("ip-address_report__200_rc1__vtx_2019-05-02_a54cf7")["undetected_urls"]
    scan = recording("url_report__200_rc1__vtx_2019-05-02_60f346")
    pairs.append([scan["resource"], scan["scan_id"].partition("-")[0]])
    for url, name, *_ in pairs:
        finding = found("scan-url", {"response_code": 0}, indicator=Indicator(Kind.URL, url))
        assert results.gui_link(finding) == f"{GUI}/url/{name}"
    assert len(pairs) == 201


@recorded
def test_the_recorded_eicar_reads_right():
    """EICAR: its three best-known names, 53 detecting engines of which twelve are listed, a warning."""
    finding = found("scan-hash", recording("file_report__200_rc1__sekoia_eicar_2019-08"))
    assert [(one.engine, one.result) for one in results.names(finding)] == [
        ("Microsoft", "Virus:DOS/EICAR_Test_File"),
        ("Kaspersky", "EICAR-Test-File"),
        ("ESET-NOD32", "Eicar test file"),
    ]
    named = table(finding)["Detecting Engines"]
    assert named.values[:4] == ("Microsoft", "Kaspersky", "ESET-NOD32", "BitDefender")
    assert named.left == 41
    assert results.insight(finding) == Insight(
        "Entity Insight", warning=True, count=53, total=57, threshold=3
    )


@recorded
def test_the_recorded_8888_reads_right():
    """8.8.8.8: who owns it, the newest bad evidence, and the documented insight."""
    finding = found("scan-ip", recording("ip-address_report__200_rc1__pwelch_2014-12-25_8381cd"))
    where = results.place(finding)
    assert (where.country, where.owner) == ("US", "Google Inc.")
    assert where.newest.date == datetime(2014, 12, 25, 16, 56, 25, tzinfo=UTC)
    assert [row.value for row in results.insight(finding).rows] == ["US", 20, 9, 100, 100]
    assert table(finding)["Resolutions"].left == 988
    assert (finding.rule.count, finding.rule.hosted) == (51, 17)


@given(hostile(), st.integers(1, 100))
def test_hostile_replies_never_break_what_is_shown(sent, threshold):
    """Whatever a reply holds, there is a finding, and all of it can be shown, sent and stored."""
    action, raw = sent
    before = repr(raw)
    finding = judge(Subject(BY_KEY[action], ABOUT[action], "as entered"), raw, threshold=threshold, now=NOW)
    assert finding.error is None or isinstance(finding.error, VTError)
    assert (finding.state is State.NOT_CHECKED) == (finding.error is not None)
    for field in enrichment(finding):
        for spoken in Language:
            with language(spoken):
                assert len(format_value(field.value, 3_000)) <= 3_000
    results.names(finding)
    results.place(finding)
    results.insight(finding)
    assert json_result([finding])
    link = results.gui_link(finding)
    assert link is None or link.startswith(GUI)
    assert finding.raw is raw
    assert repr(raw) == before
