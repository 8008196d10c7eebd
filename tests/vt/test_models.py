"""VirusTotal's replies as models: everything it has sent can be read, and nothing hostile gets further."""

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given

from tests.support.replies import RECORDED, hostile, recorded
from vt import models
from vt.actions import BY_KEY
from vt.errors import Unreadable
from vt.models import AddressReport, Comments, DomainReport, FileReport, Reply, UrlReport, moment

FITTING = {
    "file_report": FileReport,
    "url_report": UrlReport,
    "domain_report": DomainReport,
    "ip-address_report": AddressReport,
    "comments_get": Comments,
}


@recorded
def test_every_recording_is_read_by_its_model_and_left_as_it_was():
    """All 53 recordings parse with the fitting model, and the raw replies do not change by it."""
    metas = sorted(RECORDED.glob("*.meta.json"))
    read = empty = 0
    for meta in metas:
        name = meta.name.removesuffix(".meta.json")
        path = RECORDED / f"{name}.json"
        if not path.exists():
            assert (RECORDED / f"{name}.body").read_bytes() == b""
            empty += 1
            continue
        raw = json.loads(path.read_text())
        before = copy.deepcopy(raw)
        for entry in raw if isinstance(raw, list) else [raw]:
            parsed = models.read(FITTING.get(name.partition("__")[0], Reply), entry)
            assert parsed.response_code == entry["response_code"]
        assert raw == before
        read += 1
    assert (len(metas), read, empty) == (53, 50, 3)


@recorded
def test_no_entry_of_a_recording_is_lost():
    """Every list and every engine of every recorded report has as many entries in the model as in the reply."""
    keys = {"domain-report": "domain_report", "scan-ip": "ip-address_report", "scan-hash": "file_report"}
    compared = 0
    for action, prefix in {**keys, "scan-url": "url_report"}.items():
        for path in RECORDED.glob(f"{prefix}__200_rc1__*.json"):
            if path.name.endswith(".meta.json"):
                continue
            raw = json.loads(path.read_text())
            report = models.read(BY_KEY[action].report, raw)
            for key in type(report).model_fields:
                if isinstance(raw.get(key), list) or key == "scans":
                    assert len(getattr(report, key)) == len(raw.get(key) or ()), (path.name, key)
                    compared += 1
    assert compared > 90


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2019-02-05 15:41:52", datetime(2019, 2, 5, 15, 41, 52, tzinfo=UTC)),
        ("20120404132340", datetime(2012, 4, 4, 13, 23, 40, tzinfo=UTC)),
        ("20190201", datetime(2019, 2, 1, tzinfo=UTC)),
        ("2019-02-05T15:41:52+02:00", datetime(2019, 2, 5, 13, 41, 52, tzinfo=UTC)),
        (1548379042, datetime(2019, 1, 25, 1, 17, 22, tzinfo=UTC)),
        (1419179455.5, datetime(2014, 12, 21, 16, 30, 55, 500000, tzinfo=UTC)),
        ("None", None),
        ("-", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
        (10**30, None),
        (float("nan"), None),
        ("2019-02-31 00:00:00", None),
    ],
)
def test_a_time_in_any_format_is_utc_or_none(sent, read):
    """Each format VirusTotal has used is read as an aware time in UTC; anything else is no time, never an error."""
    assert models.read(BY_KEY["scan-hash"].report, {"response_code": 1, "scan_date": sent}).scan_date == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("15169", 15169),
        (13335, 13335),
        (7.0, 7),
        ("AS1", None),
        (-1, None),
        (True, None),
        (10**30, None),
        (None, None),
        ("9" * 5000, None),
        (float("inf"), None),
    ],
)
def test_an_as_number_came_as_text_once(sent, read):
    """A number is read from an int or from digits; negative, huge or odd ones are none."""
    assert models.read(BY_KEY["scan-ip"].report, {"response_code": 1, "asn": sent}).asn == read


def test_an_undetected_url_is_a_list_of_five():
    """Undetected URLs come as lists, detected ones as objects; both read alike, short lists too."""
    report = models.read(
        BY_KEY["scan-ip"].report,
        {
            "response_code": 1,
            "undetected_urls": [["http://a.test/", "ab", 0, 66, "2022-11-23 06:51:49"], ["http://b.test/"]],
            "detected_urls": [
                {"url": "http://c.test/", "positives": 2, "total": 67, "scan_date": "2023-05-20 07:16:45"}
            ],
        },
    )
    whole, short = report.undetected_urls
    assert (whole.name, whole.sha256, whole.positives, whole.total) == ("http://a.test/", "ab", 0, 66)
    assert whole.date == datetime(2022, 11, 23, 6, 51, 49, tzinfo=UTC)
    assert (short.name, short.total, short.date) == ("http://b.test/", None, None)
    assert (report.detected_urls[0].name, report.detected_urls[0].positives) == ("http://c.test/", 2)


def test_one_broken_entry_does_not_lose_the_report():
    """Broken entries of lists and broken engines are left out; the others stay."""
    host = models.read(
        BY_KEY["scan-ip"].report,
        {
            "response_code": 1,
            "detected_urls": [5, None, "x", {"url": "http://a.test/", "positives": 3}],
            "resolutions": [{"hostname": "a.test", "last_resolved": None}, 7],
        },
    )
    assert [url.name for url in host.detected_urls] == ["http://a.test/"]
    assert [one.name for one in host.resolutions] == ["a.test"]
    scans = {"A": {"detected": True, "result": 7}, "B": None, "C": {"result": "x"}}
    file = models.read(BY_KEY["scan-hash"].report, {"response_code": 1, "scans": scans})
    assert list(file.scans) == ["A"]
    assert file.scans["A"].result is None


def test_a_domain_keeps_what_unknown_vendors_say():
    """A vendor that no field is named after is kept under its own key."""
    report = models.read(
        BY_KEY["domain-report"].report,
        {
            "response_code": 1,
            "Dr.Web category": "known infection source",
            "alphaMountain.ai category": ["Malicious"],
            "Zed domain info": {"Verdict": "odd"},
            "BitDefender category": "parked",
            "pcaps": ["ab"],
        },
    )
    assert report.bitdefender_category == "parked"
    assert report.vendors == {
        "Dr.Web category": "known infection source",
        "alphaMountain.ai category": ["Malicious"],
        "Zed domain info": {"Verdict": "odd"},
    }


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "text",
        7,
        {},
        {"response_code": None},
        {"response_code": "x"},
        {"response_code": 1, "detected_urls": "http://a.test/"},
        {"response_code": 1, "detected_urls": {"url": "http://a.test/"}},
        {"response_code": 1, "detected_urls": [{}] * 10_001},
    ],
)
def test_what_is_not_the_documented_form_is_unreadable(raw):
    """No object, no response_code, or evidence that is no list (or no honest one): Unreadable, and never empty."""
    with pytest.raises(Unreadable) as caught:
        models.read(BY_KEY["scan-ip"].report, raw)
    assert caught.value.why == "shape"


def test_an_endless_list_is_cut():
    """What no verdict rests on is read up to 10,000 entries, so that no reply takes seconds to read."""
    report = models.read(
        BY_KEY["scan-ip"].report, {"response_code": 1, "resolutions": [{"hostname": "a.test"}] * 10_001}
    )
    assert len(report.resolutions) == 10_000


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_null_evidence_is_no_evidence(nothing):
    """A list of evidence that is null or empty is empty, and no error."""
    assert (
        models.read(BY_KEY["scan-ip"].report, {"response_code": 1, "detected_urls": nothing}).detected_urls
        == ()
    )
    assert models.read(BY_KEY["scan-hash"].report, {"response_code": 1, "scans": nothing}).scans == {}


def test_a_report_cannot_be_changed():
    """Models are frozen: nobody downstream can turn a verdict's ground."""
    report = models.read(BY_KEY["scan-hash"].report, {"response_code": 1, "positives": 5})
    with pytest.raises(ValueError, match="frozen"):
        report.positives = 0


def test_a_receipt_names_the_scan_to_wait_for():
    """file/rescan answers without a verbose_msg; the scan_id is there all the same."""
    receipt = models.read(Reply, {"response_code": 1, "scan_id": "ab-1562684247", "sha256": "ab"})
    assert (receipt.scan_id, receipt.verbose_msg) == ("ab-1562684247", None)


def test_comments_have_a_date_and_a_text():
    """Comments carry 14-digit times; one without text is left out."""
    raw = {"response_code": 1, "comments": [{"date": "20120404132122", "comment": "#fakeAV"}, {"date": "x"}]}
    (only,) = models.read(Comments, raw).comments
    assert (only.comment, only.date) == ("#fakeAV", datetime(2012, 4, 4, 13, 21, 22, tzinfo=UTC))


@given(hostile())
def test_hostile_values_are_read_or_refused(sent):
    """Whatever stands in whatever field, the reply is read or Unreadable, and it is not changed."""
    action, raw = sent
    before = copy.deepcopy(raw)
    with suppress(Unreadable):
        assert isinstance(models.read(BY_KEY[action].report, raw), BY_KEY[action].report)
    assert repr(raw) == repr(before)


@pytest.mark.parametrize(
    "value",
    [
        *(0, 1, -1, 20190101, 1e9, -62135596800, 253402300799, 1e300, True),
        *("1970-01-01 00:00:00", "2003-12-31 23:59:59", "0001-01-01 00:00:00", "0001-01-01T00:00:00+14:00"),
        *("2100-01-01 00:00:00", "9999-12-31 23:59:59", "9999-12-31T23:59:59-14:00", "2026-02-30 00:00:00"),
    ],
)
def test_a_time_that_virustotal_cannot_mean_is_none(value):
    """Before it existed, or further ahead than any clock is wrong: such a date must make nothing look old or recent."""
    assert moment(value) is None
    assert moment("2004-06-01 00:00:00") == datetime(2004, 6, 1, tzinfo=UTC)
    assert moment(1795300000) == datetime(2026, 11, 21, 22, 26, 40, tzinfo=UTC)
