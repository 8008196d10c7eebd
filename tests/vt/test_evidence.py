"""What counts against a host: what it served, within an age; everything else is context and makes SUSPICIOUS at most."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.findings import json_result
from tests.support.replies import RECORDED, recorded, recording
from tools.verdicts import recordings
from vt import results
from vt.actions import BY_KEY
from vt.evidence import Evidence, HostCriteria, HostRecord, HostRule, Why, condensed, record
from vt.indicators import Indicator, Kind
from vt.lookup import Lookup
from vt.results import Judgement, judgement, rejudged
from vt.verdict import State, Subject, judge, state_of, weigh

NOW = datetime(2023, 6, 1, 12, tzinfo=UTC)
HOSTS = {
    "scan-ip": Indicator(Kind.IPV4, "192.0.2.1"),
    "domain-report": Indicator(Kind.DOMAIN, "example.test"),
}
SERVED = ("detected_urls", "detected_downloaded_samples")
OTHERS = {"detected_communicating_samples": "communicating", "detected_referrer_samples": "referrer"}
DOCUMENTED = HostCriteria(HostRule.DOCUMENTED)


def ago(days):
    """A date as VirusTotal writes it."""
    return f"{NOW - timedelta(days=days):%Y-%m-%d %H:%M:%S}"


def flags(positives, days=1, total=70):
    """A sample or, just as well, a URL that was seen so many days ago; None: without a date."""
    date = None if days is None else ago(days)
    return {
        "sha256": "a" * 64,
        "url": "http://a.test/",
        "positives": positives,
        "total": total,
        "date": date,
        "scan_date": date,
    }


def judged(raw, criteria=HostCriteria(), threshold=25, action="scan-ip", now=NOW):  # noqa: B008 - frozen
    subject = Subject(BY_KEY[action], HOSTS[action], "as entered")
    return judge(subject, {"response_code": 1, **raw}, threshold=threshold, now=now, criteria=criteria)


def full(kind):
    """A list of what no engine flags, as long as VirusTotal's lists get."""
    if kind == "undetected_urls":
        return [["http://a.test/", "ab", 0, 66, ago(3)]] * 100
    return [{"sha256": "b" * 64, "positives": 0, "total": 60, "date": ago(3)}] * 100


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("key", SERVED)
@pytest.mark.parametrize(
    ("positives", "state"), [(1, State.SUSPICIOUS), (24, State.SUSPICIOUS), (25, State.RISKY)]
)
def test_what_a_host_served_lately_counts(action, key, positives, state):
    """The highest count of both kinds is compared with the threshold, and the rule names what has it."""
    raw = {key: [flags(1), flags(positives, 20, 57)], "detected_referrer_samples": [flags(60)]}
    found = judged(raw, action=action)
    assert (found.state, found.rule.count) == (state, positives)
    assert found.rule.evidence.kind in key
    assert found.rule.worst == (positives, found.rule.total)


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("key", OTHERS)
def test_what_contacts_or_mentions_a_host_is_context(action, key):
    """However many engines flag it and however low the threshold is: SUSPICIOUS, with no count against the host."""
    found = judged({key: [flags(60, total=71), flags(9)]}, threshold=1, action=action)
    assert (found.state, found.rule.count, found.rule.worst) == (State.SUSPICIOUS, 0, (0, None))
    [context] = found.rule.context
    assert (context.why, context.worst.kind) == (Why.NOT_SERVED, OTHERS[key])
    assert (context.worst.positives, context.worst.total) == (60, 71)
    assert judged({key: [flags(60)]}, DOCUMENTED, action=action).state is State.RISKY


@pytest.mark.parametrize("key", SERVED)
@pytest.mark.parametrize(
    ("age", "days", "state"),
    [
        (89, 90, State.RISKY),
        (90, 90, State.RISKY),
        (91, 90, State.SUSPICIOUS),
        (91, 92, State.RISKY),
        (91, 0, State.RISKY),
        (5000, 0, State.RISKY),
        (2, 1, State.SUSPICIOUS),
        (None, 1, State.RISKY),
        (-3, 1, State.RISKY),
    ],
)
def test_older_evidence_is_context(key, age, days, state):
    """Reckoned from the moment of asking; 0 is any age, and what has no date cannot be called old."""
    found = judged({key: [flags(40, age, 60)]}, HostCriteria(days=days))
    assert found.state is state
    assert found.rule.worst == (40, 60)
    assert [one.why for one in found.rule.context] == ([Why.OLD] if state is State.SUSPICIOUS else [])


def test_the_moment_of_asking_decides():
    """The same report is RISKY on its day and SUSPICIOUS half a year later; it never becomes CLEAN."""
    raw = {"detected_downloaded_samples": [flags(40)]}
    later = (NOW, NOW + timedelta(days=89), NOW + timedelta(days=90), NOW + timedelta(days=9000))
    states = [judged(raw, now=now).state for now in later]
    assert states == [State.RISKY, State.RISKY, State.SUSPICIOUS, State.SUSPICIOUS]


@pytest.mark.parametrize("action", HOSTS)
def test_files_from_a_site_that_many_people_upload_to_are_context(action):
    """Where VirusTotal's lists of unflagged URLs and unflagged downloads are both full. URLs count there too."""
    both = {key: full(key) for key in ("undetected_urls", "undetected_downloaded_samples")}
    files = {"detected_downloaded_samples": [flags(44)]}
    found = judged(both | files, action=action)
    assert (found.state, found.rule.context[0].why) == (State.SUSPICIOUS, Why.SHARED)
    assert judged(both | files | {"detected_urls": [flags(30)]}, action=action).state is State.RISKY
    for key, entries in both.items():
        assert judged({key: entries} | files, action=action).state is State.RISKY
        assert judged(both | {key: entries[:99]} | files, action=action).state is State.RISKY


BOTH = {key: full(key) for key in ("undetected_urls", "undetected_downloaded_samples")}


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"detected_downloaded_samples": [flags(44)] * 50}, State.SUSPICIOUS),
        ({"detected_downloaded_samples": [flags(44)] * 51}, State.RISKY),
        ({"detected_downloaded_samples": [flags(44), *[flags(1)] * 50]}, State.RISKY),
        ({"detected_downloaded_samples": [flags(44), *[flags(1, 30)] * 99]}, State.SUSPICIOUS),
        ({"detected_downloaded_samples": [flags(44), *[flags(1, None)] * 50]}, State.RISKY),
        ({"detected_urls": [flags(1)] * 51}, State.RISKY),
        ({"detected_urls": [flags(1, 30)] * 100}, State.SUSPICIOUS),
        (
            {"undetected_downloaded_samples": [{"positives": 0, "total": 0, "date": ago(3)}] * 100},
            State.RISKY,
        ),
        ({"undetected_downloaded_samples": [{"positives": 0, "total": 60}] * 100}, State.RISKY),
        ({"undetected_urls": [["http://a.test/"]] * 100}, State.RISKY),
    ],
)
def test_a_hundred_harmless_files_do_not_excuse_a_host_that_hands_out_malware(change, state):
    """Since the oldest of both lists, at least twice as much must be unflagged as flagged; undated entries excuse nothing."""
    raw = {**BOTH, "detected_downloaded_samples": [flags(44)], **change}
    assert judged(raw, threshold=25).state is state


def test_what_was_put_there_once_excuses_nothing_later():
    """A hundred harmless files and pages of last year, and malware since."""
    old = {
        "undetected_urls": [["http://a.test/", "ab", 0, 66, ago(300)]] * 100,
        "undetected_downloaded_samples": [flags(0, 300)] * 100,
        "detected_downloaded_samples": [flags(44, days) for days in range(60)],
    }
    assert judged(old).state is State.RISKY


@pytest.mark.parametrize("key", SERVED)
@pytest.mark.parametrize("date", [0, 20230101, "1970-01-01 00:00:00", "0001-01-01 00:00:00", "-", [1], {}])
def test_a_date_that_cannot_be_read_makes_nothing_old(key, date):
    """Neither as a date nor as a number of seconds."""
    raw = {key: [{**flags(40), "date": date, "scan_date": date}]}
    assert judged(raw, HostCriteria(days=1)).state is State.RISKY


@pytest.mark.parametrize("criteria", [HostCriteria(), HostCriteria(days=0), DOCUMENTED])
@pytest.mark.parametrize("key", [*SERVED, *OTHERS])
@pytest.mark.parametrize("bad", ["54/60", -5, [54], 10**12, True, 0.9, None])
def test_numbers_that_cannot_be_read_are_never_clean(criteria, key, bad):
    """By either rule, whatever list they are in."""
    raw = {
        key: [{"positives": bad, "total": 60}],
        "undetected_urls": [["http://a.test/", "ab", 0, 66, ago(1)]],
    }
    assert judged(raw, criteria).state in (State.NOT_CHECKED, State.SUSPICIOUS)


SEEN = st.builds(flags, st.integers(1, 70), st.one_of(st.none(), st.integers(0, 400)), total=st.just(70))
REPORTS = st.fixed_dictionaries({key: st.lists(SEEN, max_size=4) for key in (*SERVED, *OTHERS)})


@given(REPORTS, st.integers(1, 70), st.sampled_from([0, 1, 30, 90, 365]))
def test_neither_rule_hides_what_the_other_sees(raw, threshold, days):
    """CLEAN by one is CLEAN by the other; `served` is never worse, and a longer age never better."""
    served = judged(raw, HostCriteria(days=days), threshold)
    any_age = judged(raw, HostCriteria(days=0), threshold)
    documented = judged(raw, DOCUMENTED, threshold)
    assert (served.state is State.CLEAN) == (documented.state is State.CLEAN)
    order = [State.UNKNOWN, State.CLEAN, State.SUSPICIOUS, State.RISKY]
    assert order.index(served.state) <= order.index(any_age.state) <= order.index(documented.state)
    assert (served.rule.count if served.rule else 0) <= (any_age.rule.count if any_age.rule else 0)


@given(REPORTS, st.integers(1, 70), st.sampled_from([0, 1, 30, 90, 365]), st.sampled_from(HostRule))
def test_what_is_stored_of_a_host_is_judged_as_its_report_is(raw, threshold, days, rule):
    """By any rule, age and threshold: what is left out never decides."""
    found = judged(raw, DOCUMENTED)
    if found.rule is None:
        return
    criteria = HostCriteria(rule, days)
    whole, short = record(found.report), condensed(record(found.report))
    for known in (whole, short):
        weighed = weigh(known, threshold, criteria, NOW)
        expected = weigh(whole, threshold, criteria, NOW)
        assert (state_of(weighed), weighed.worst) == (state_of(expected), expected.worst)
    assert len(short.flagged) <= len(whole.flagged)
    assert all(one.name is None for one in short.flagged)


@pytest.mark.parametrize("criteria", [HostCriteria(), HostCriteria(days=0), DOCUMENTED])
@recorded
def test_the_documented_results_do_not_depend_on_the_rule(criteria):
    """JSON, the five numbers of the Entity Insight and is_success."""
    raw = recording("ip-address_report__200_rc1__pwelch_2014-12-25_8381cd")
    found = judged(raw, criteria)
    assert json_result([found]) == [{"EntityResult": raw, "Entity": "as entered"}]
    assert [row.value for row in results.insight(found).rows] == ["US", 20, 9, 100, 100]
    assert results.script_result(BY_KEY["scan-ip"], [found]) is True


@recorded
def test_resolvers_and_shared_sites_are_not_risky_and_what_hands_out_malware_is():
    """On the day of recording, by default; the same recordings are RISKY by the documented rule."""
    by_name = {one.name.partition("__200_rc1__")[2]: one for one in recordings(RECORDED)}
    harmless = ("pwelch_2014-12-25_8381cd", "vtx_2019-05-02_a54cf7", "vtx_2019-05-02_efb1b5")
    for name in (*harmless, "pwelch_2014-12-25_0504a7"):
        one = by_name[name]
        assert one.judged(HostCriteria(), one.day).state is State.SUSPICIOUS
        assert one.judged(DOCUMENTED, one.day).state is State.RISKY
    bad = by_name["soc_2019-03"]
    assert bad.judged(HostCriteria(), bad.day).state is State.RISKY
    old = bad.judged(HostCriteria(), datetime(2026, 11, 27, tzinfo=UTC))
    assert (old.state, old.rule.worst, old.rule.context[0].why) == (State.SUSPICIOUS, (30, 58), Why.OLD)


# What was said before -----------------------------------------------------------------------------------


def test_what_was_said_before_is_judged_by_todays_threshold_and_rule():
    """Neither another threshold nor another rule is a change of what VirusTotal says."""
    raw = {"detected_communicating_samples": [flags(60)], "detected_urls": [flags(6)]}
    before = judged(raw, DOCUMENTED)
    for today in (judged(raw), judged(raw, threshold=3), judged(raw, DOCUMENTED, threshold=70)):
        known = results.host_record(before)
        assert rejudged(judgement(before), known, NOW, today) == judgement(today)


def test_evidence_that_has_grown_old_is_a_change():
    """VirusTotal says the same, but today's verdict is another."""
    raw = {"detected_urls": [flags(40)]}
    before, today = judged(raw), judged(raw, now=NOW + timedelta(days=200))
    then = rejudged(judgement(before), results.host_record(before), NOW, today)
    assert (then, judgement(today).state) == (Judgement(State.RISKY, 40, 70), State.SUSPICIOUS)


def test_without_a_record_the_documented_counts_are_compared():
    """As of a version that had no other rule."""
    raw = {"detected_communicating_samples": [flags(60)]}
    today = judged(raw)
    then = rejudged(Judgement(State.RISKY, 60, 70), None, NOW, today)
    assert then == results.by_documented_rule(today, NOW) == Judgement(State.RISKY, 60, 70)


def test_an_undated_entry_hides_all_that_are_milder():
    """It counts at any age."""
    worst = Evidence("url", "a", 9, total=70, date=None)
    found = HostRecord(
        (worst, replace(worst, positives=4, date=NOW), replace(worst, kind="referrer", positives=2))
    )
    assert [(one.kind, one.positives) for one in condensed(found).flagged] == [("url", 9), ("referrer", 2)]


def test_a_lookup_of_version_2_keeps_the_documented_rule():
    """What was answered by it stays so when the answer is shown again; a new lookup has the default."""
    new = Lookup.of(HOSTS["scan-ip"], BY_KEY["scan-ip"], 25)
    stored = {**new.model_dump(mode="json"), "version": 2}
    del stored["criteria"]
    assert new.criteria == HostCriteria()
    assert Lookup.model_validate(stored).criteria.rule is HostRule.DOCUMENTED
    assert Lookup.model_validate(stored).rechecked().criteria.rule is HostRule.DOCUMENTED
