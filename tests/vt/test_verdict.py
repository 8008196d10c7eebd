"""What a report means: six states that are never mixed up, and the rule that decided."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.replies import recorded, recording
from vt.actions import BY_KEY
from vt.errors import KeyRefused, QuotaSpent, Unreadable, Unsupported
from vt.evidence import HostCriteria, HostRule, flagged, newest
from vt.indicators import Indicator, Kind
from vt.results import worst_first
from vt.verdict import Basis, Finding, State, Subject, judge, not_checked, pending, tally

NOW = datetime(2023, 6, 1, 12, tzinfo=UTC)
SHA = "131f95c51cc819465fa1797f6ccacf9d494aaaff46fa3eac73ae63ffbdfd8267"
ABOUT = {
    "scan-ip": Indicator(Kind.IPV4, "192.0.2.1"),
    "scan-hash": Indicator(Kind.SHA256, SHA),
    "scan-url": Indicator(Kind.URL, "http://example.test/"),
    "domain-report": Indicator(Kind.DOMAIN, "example.test"),
    "scan-file": Indicator(Kind.SHA256, SHA),
}
DOCUMENTED_RULE = HostCriteria(HostRule.DOCUMENTED)
CLEAN_ENGINE = {"detected": False, "result": None}
ENGINES = ["scan-hash", "scan-url", "scan-file"]
HOSTS = ["scan-ip", "domain-report"]
DETECTED = [
    "detected_urls",
    "detected_downloaded_samples",
    "detected_communicating_samples",
    "detected_referrer_samples",
]


def judged(
    action: str,
    raw: object,
    threshold: int = 3,
    now: datetime = NOW,
    criteria: HostCriteria = DOCUMENTED_RULE,
) -> Finding:
    subject = Subject(BY_KEY[action], ABOUT[action], "as entered")
    return judge(subject, raw, threshold=threshold, now=now, criteria=criteria)


def scanned(positives: int | None, total: int = 70) -> dict:
    return {"response_code": 1, "positives": positives, "total": total, "scans": {"A": CLEAN_ENGINE}}


def flags(positives: int | None, date: str | None = None, total: int = 70) -> dict:
    """A sample or, just as well, a URL."""
    dates = {"date": date, "scan_date": date}
    return {"sha256": SHA, "url": "http://a.test/", "positives": positives, "total": total, **dates}


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize(
    ("positives", "state"),
    [
        (0, State.CLEAN),
        (1, State.SUSPICIOUS),
        (4, State.SUSPICIOUS),
        (5, State.RISKY),
        (6, State.RISKY),
    ],
)
def test_the_threshold_is_reached_or_exceeded(action, positives, state):
    """One engine below the threshold is suspicious, the threshold itself is risky, none at all is clean."""
    found = judged(action, scanned(positives), threshold=5)
    assert found.state is state
    assert (found.rule.count, found.rule.total, found.rule.threshold) == (positives, 70, 5)
    assert (found.rule.basis, found.checked_at) == (Basis.ENGINES, NOW)


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("key", DETECTED)
@pytest.mark.parametrize(
    ("positives", "state"), [(24, State.SUSPICIOUS), (25, State.RISKY), (26, State.RISKY)]
)
def test_a_host_is_judged_by_the_worst_that_was_seen_there(action, key, positives, state):
    """The highest count in any of the four lists decides, and the rule says what held it."""
    raw = {
        "response_code": 1,
        key: [flags(2), flags(positives, "2023-05-20 08:38:00", 57), flags(3)],
        "undetected_urls": [["http://a.test/", "ab", 0, 66, "2022-11-23 06:51:49"]],
    }
    found = judged(action, raw, threshold=25)
    assert found.state is state
    assert (found.rule.basis, found.rule.count, found.rule.total) == (Basis.EVIDENCE, positives, 57)
    assert found.rule.evidence.kind in key
    assert found.rule.evidence.date == datetime(2023, 5, 20, 8, 38, tzinfo=UTC)
    assert found.rule.checked == 4


@pytest.mark.parametrize("action", HOSTS)
def test_a_host_with_only_unflagged_evidence_is_clean(action):
    """Looked at by engines and flagged by none: clean, and the rule says on how much that rests."""
    found = judged(action, {"response_code": 1, "undetected_downloaded_samples": [flags(0), flags(0)]})
    assert found.state is State.CLEAN
    assert (found.rule.count, found.rule.checked, found.rule.evidence) == (0, 2, None)


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize(
    "raw",
    [
        {"response_code": 1, "verbose_msg": "IP address in dataset", "resolutions": [{"hostname": "a.test"}]},
        {"response_code": 1, "detected_urls": [], "undetected_urls": []},
        {"response_code": 1, "undetected_downloaded_samples": [flags(0, total=0)]},
        {"response_code": 1, "undetected_urls": [["http://a.test/"]]},
        {"response_code": 1, "detected_urls": [{"url": "http://a.test/", "positives": 0, "total": 0}]},
    ],
)
def test_a_host_without_evidence_is_unknown_and_never_clean(action, raw):
    """In the dataset, but nothing there that any engine looked at: nobody knows."""
    found = judged(action, raw)
    assert (found.state, found.rule) == (State.UNKNOWN, None)


@pytest.mark.parametrize(
    ("action", "raw", "state"),
    [
        ("scan-hash", {"response_code": 1, "positives": 0, "total": 0, "scans": {}}, State.UNKNOWN),
        ("scan-hash", scanned(0, total=0), State.UNKNOWN),
        ("scan-hash", {"response_code": 1, "positives": 0, "total": 62}, State.UNKNOWN),
        ("scan-hash", {"response_code": 1}, State.UNKNOWN),
        ("scan-url", {"response_code": 1, "positives": 0, "total": 0, "scans": {}}, State.UNKNOWN),
        ("scan-url", {"response_code": 1, "scan_id": "ab-1"}, State.PENDING),
        ("scan-url", {"response_code": 1, "positives": 7, "total": 67}, State.RISKY),
    ],
)
def test_without_any_engine_nothing_is_clean(action, raw, state):
    """No engine looked: a file is unknown, a URL without scans was only queued; bad news counts all the same."""
    assert judged(action, raw).state is state


@pytest.mark.parametrize("action", sorted(BY_KEY))
def test_the_response_code_decides_and_the_text_does_not(action):
    """0 is unknown and -2 is pending, whatever verbose_msg says."""
    assert judged(action, {"response_code": 0, "verbose_msg": "Scan finished"}).state is State.UNKNOWN
    assert judged(action, {"response_code": -2, "verbose_msg": "Missing IP address"}).state is State.PENDING


@pytest.mark.parametrize("action", sorted(BY_KEY))
def test_an_invalid_indicator_was_not_checked(action):
    """-1 is VirusTotal's word for invalid (IPv6): not checked, with the reason, and the reply is kept."""
    raw = {"response_code": -1, "verbose_msg": "Invalid IP address"}
    found = judged(action, raw)
    assert (found.state, found.checked_at, found.raw) == (State.NOT_CHECKED, None, raw)
    assert isinstance(found.error, Unsupported)


@pytest.mark.parametrize("raw", [None, [], {}, {"response_code": 7}, {"response_code": 1, "scans": "x"}])
def test_an_unreadable_reply_was_not_checked(raw):
    """What cannot be read is never an exception and never clean: not checked, because of its shape."""
    found = judged("scan-hash", raw)
    assert found.state is State.NOT_CHECKED
    assert isinstance(found.error, Unreadable)
    assert found.error.why == "shape"


def test_positives_is_the_authority():
    """Trimmed replies name few engines: the count is VirusTotal's own, and the total too."""
    found = judged("scan-hash", {**scanned(54, 60), "scans": {"A": {"detected": True}}})
    assert (found.rule.count, found.rule.total) == (54, 60)


@pytest.mark.parametrize("positives", [None, "many", -3, 0])
def test_engines_are_counted_when_positives_says_nothing(positives):
    """Missing, unreadable, or a zero beside engines that detect: the detecting engines are counted."""
    scans = {"A": {"detected": True}, "B": {"detected": True}, "C": CLEAN_ENGINE}
    found = judged("scan-url", {"response_code": 1, "positives": positives, "scans": scans})
    assert (found.state, found.rule.count, found.rule.total) == (State.SUSPICIOUS, 2, 3)


def test_a_total_below_the_count_is_not_told():
    """Fewer engines than detections would be nonsense: without a fitting total there is none."""
    found = judged("scan-hash", {"response_code": 1, "positives": 54, "scans": {"A": {"detected": True}}})
    assert (found.rule.count, found.rule.total) == (54, None)


def test_what_virustotal_lists_as_detected_counts_as_one_engine():
    """A detected entry whose count cannot be read is still detected by someone."""
    found = judged("scan-ip", {"response_code": 1, "detected_urls": [{"url": "http://a.test/"}]})
    assert (found.state, found.rule.count) == (State.SUSPICIOUS, 1)


@pytest.mark.parametrize(
    ("dates", "recent"),
    [
        (["2023-05-20 00:00:00", "2020-01-01 00:00:00"], 30),
        (["2020-01-01 00:00:00", "2023-05-20 00:00:00"], 9),
        (["2020-01-01 00:00:00", None], 0),
        ([None, "2023-05-20 00:00:00"], 9),
        ([None, None], None),
        (["2023-05-02 12:00:00", None], 30),
        (["2023-05-02 11:59:59", None], 0),
    ],
)
def test_the_last_thirty_days_are_told_apart(dates, recent):
    """The verdict takes the highest count ever; the rule says the highest of the last 30 days as well."""
    first, second = dates
    found = judged(
        "scan-ip", {"response_code": 1, "detected_referrer_samples": [flags(30, first), flags(9, second)]}
    )
    assert (found.rule.count, found.rule.recent) == (30, recent)


def test_what_a_host_served_is_told_apart_from_what_only_mentions_it():
    """Malware that contacts 8.8.8.8 counts for the verdict, yet the rule says that nothing came from there."""
    raw = {"response_code": 1, "detected_communicating_samples": [flags(51)], "detected_urls": [flags(4)]}
    rule = judged("scan-ip", raw, threshold=25).rule
    assert (rule.count, rule.hosted) == (51, 4)
    only = judged("scan-ip", {"response_code": 1, "detected_referrer_samples": [flags(51)]}).rule
    assert only.hosted == 0


def test_of_equal_evidence_the_newest_comes_first():
    """The highest count first, of equals the newest, undated last; the newest of all can be asked for."""
    raw = {
        "response_code": 1,
        "detected_referrer_samples": [
            flags(9),
            flags(9, "2020-01-01 00:00:00"),
            flags(9, "2021-01-01 00:00:00"),
        ],
        "detected_urls": [{"url": "http://a.test/", "positives": 2, "scan_date": "2022-01-01 00:00:00"}],
    }
    found = flagged(judged("scan-ip", raw).report)
    assert [(one.positives, one.date and one.date.year) for one in found] == [
        (9, 2021),
        (9, 2020),
        (9, None),
        (2, 2022),
    ]
    assert newest(found).name == "http://a.test/"
    assert newest(found[2:3]) is None


def test_not_checked_says_why_and_until_when():
    """A spent quota brings its own time; another reason has none unless it is given."""
    later = NOW + timedelta(seconds=38)
    spent = not_checked(Subject(BY_KEY["scan-ip"], ABOUT["scan-ip"], "192.0.2.1"), QuotaSpent(later))
    refused = not_checked(Subject(BY_KEY["scan-ip"], None, "192.0.2.1"), KeyRefused())
    assert (spent.state, spent.until, spent.raw) == (State.NOT_CHECKED, later, None)
    assert (refused.state, refused.until, refused.checked_at) == (State.NOT_CHECKED, None, None)


def test_pending_keeps_the_older_report_without_its_verdict():
    """While a rescan runs the old report can be shown, but what counts is that a newer one is awaited."""
    raw = scanned(54)
    found = pending(Subject(BY_KEY["scan-hash"], ABOUT["scan-hash"], SHA), raw=raw, until=NOW)
    assert (found.state, found.rule, found.report.positives, found.until) == (State.PENDING, None, 54, NOW)
    assert pending(Subject(BY_KEY["scan-hash"], None, SHA), raw={}).report is None
    assert pending(Subject(BY_KEY["scan-hash"], None, SHA)).raw is None


def test_the_worst_is_read_first():
    """By state, not knowing before clean, then by count; equals stay in the order they were asked in."""
    answers = [
        judged("scan-hash", scanned(0)),
        judged("scan-hash", {"response_code": -2}),
        judged("scan-hash", scanned(7)),
        not_checked(Subject(BY_KEY["scan-ip"], None, "x")),
        judged("scan-hash", {"response_code": 0}),
        judged("scan-hash", scanned(1)),
        judged("scan-hash", scanned(54)),
    ]
    ordered = worst_first(answers)
    assert [found.state for found in ordered] == [
        State.RISKY,
        State.RISKY,
        State.SUSPICIOUS,
        State.UNKNOWN,
        State.NOT_CHECKED,
        State.PENDING,
        State.CLEAN,
    ]
    assert [found.rule.count for found in ordered[:2]] == [54, 7]
    assert worst_first(answers[:1] * 2 + answers[:1]) == (answers[0],) * 3


def test_states_are_counted_worst_first():
    """The counts name the states that occur, in the order to read them in."""
    answers = [judged("scan-hash", raw) for raw in (scanned(0), scanned(9), scanned(0), {"response_code": 0})]
    assert list(tally(answers).items()) == [(State.RISKY, 1), (State.UNKNOWN, 1), (State.CLEAN, 2)]


@recorded
@pytest.mark.parametrize(
    ("name", "action", "threshold", "state", "count", "total", "held_by"),
    [
        (
            "ip-address_report__200_rc1__pwelch_2014-12-25_8381cd",
            "scan-ip",
            25,
            State.RISKY,
            51,
            56,
            "communicating",
        ),
        ("ip-address_report__200_rc1__vtx_2019-05-02_a54cf7", "scan-ip", 25, State.RISKY, 58, 67, "referrer"),
        ("ip-address_report__200_rc1__chickadee_test1_2020-06", "scan-ip", 25, State.CLEAN, 0, None, None),
        ("ip-address_report__200_rc1__polarity_2017", "scan-ip", 25, State.UNKNOWN, None, None, None),
        ("ip-address_report__200_rc0_missing__polarity_2017", "scan-ip", 25, State.UNKNOWN, None, None, None),
        (
            "ip-address_report__200_rcneg1_invalid__soc_2019-03",
            "scan-ip",
            25,
            State.NOT_CHECKED,
            None,
            None,
            None,
        ),
        (
            "domain_report__200_rc1__vtx_2019-05-02_efb1b5",
            "domain-report",
            25,
            State.RISKY,
            61,
            73,
            "referrer",
        ),
        ("domain_report__200_rc1__sekoia_2019-07", "domain-report", 25, State.SUSPICIOUS, 5, 71, "url"),
        (
            "domain_report__200_rc0__vtx_2019-05-03_792be3",
            "domain-report",
            25,
            State.UNKNOWN,
            None,
            None,
            None,
        ),
        ("file_report__200_rc1__sekoia_eicar_2019-08", "scan-hash", 3, State.RISKY, 53, 57, None),
        ("file_report__200_rc1__vtx_2019-05-02_0071fc", "scan-hash", 3, State.CLEAN, 0, 56, None),
        ("file_report__200_rc1_total0__polarity_2017", "scan-hash", 3, State.UNKNOWN, None, None, None),
        ("file_report__200_rcneg2_queued__demisto", "scan-hash", 3, State.PENDING, None, None, None),
        ("url_report__200_rc1__vtx_2019-05-02_60f346", "scan-url", 3, State.CLEAN, 0, 66, None),
        ("url_report__200_rc1__pwelch_2018-03-15_a58a11", "scan-url", 3, State.PENDING, None, None, None),
        ("url_report__200_rcneg1_invalid__demisto", "scan-url", 3, State.NOT_CHECKED, None, None, None),
    ],
)
def test_the_recorded_world_is_judged_right(name, action, threshold, state, count, total, held_by):
    """8.8.8.8, 1.1.1.1, github.com, 027.ru, EICAR and the odd cases, as read by a person."""
    found = judged(action, recording(name), threshold)
    assert found.state is state
    assert found.rule is None if count is None else (found.rule.count, found.rule.total) == (count, total)
    assert (found.rule and found.rule.evidence and found.rule.evidence.kind) == held_by


@given(
    action=st.sampled_from(sorted(BY_KEY)),
    detections=st.lists(st.integers(0, 80), max_size=6),
    threshold=st.integers(1, 80),
)
def test_more_detections_never_make_it_better(action, detections, threshold):
    """Clean means a count of zero, risky a count that reaches the threshold, and nothing else does."""
    if action in HOSTS:
        flagged = [flags(count) for count in detections if count]
        unflagged = [flags(count) for count in detections if not count]
        raw = {
            "response_code": 1,
            "detected_referrer_samples": flagged,
            "undetected_referrer_samples": unflagged,
        }
        count = max(detections, default=None)
    else:
        count = sum(detections)
        raw = scanned(count, 999)
    found = judged(action, raw, threshold)
    if count is None:
        assert found.state is State.UNKNOWN
    else:
        assert (found.state is State.CLEAN) == (count == 0)
        assert (found.state is State.RISKY) == (count >= threshold)
