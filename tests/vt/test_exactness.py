"""Clean is only what was read exactly; a reply that cannot be read was not checked, unless its readable part is worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.replies import ANYTHING, RECORDED, recorded, recording
from tests.vt.test_verdict import DETECTED, ENGINES, HOSTS, SHA, judged
from vt.errors import Unreadable
from vt.exactness import is_exact
from vt.models import read
from vt.verdict import State

CLEAN_ENGINE = {"detected": False, "result": "clean site"}
DETECTING = {"detected": True, "result": "phishing site"}
NO_COUNTS = ["54/60", "0", "", -5, [54], [], {}, 10**12, 10**30, True, False, 0.9, 0.0, 54.5, float("nan")]
UNFLAGGED_URL = ["http://a.test/", SHA, 0, 66, "2022-11-23 06:51:49"]


def scanned(**changes) -> dict:
    """A report of three engines without a detection, with these fields changed."""
    scans = {"A": CLEAN_ENGINE, "B": CLEAN_ENGINE, "C": CLEAN_ENGINE}
    return {"response_code": 1, "positives": 0, "total": 60, "scans": scans} | changes


def was_not_checked(action: str, raw: dict) -> bool:
    """Not checked because the reply cannot be read, and nothing of the report is shown."""
    found = judged(action, raw)
    assert found.raw == raw
    is_unreadable = isinstance(found.error, Unreadable) and found.report is None
    return found.state is State.NOT_CHECKED and is_unreadable


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("key", ["positives", "total"])
@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_a_count_of_another_type_or_size_is_never_clean(action, key, value):
    """Text, lists, booleans, fractions, negative and huge numbers are no counts, whatever they look like."""
    assert judged(action, scanned()).state is State.CLEAN
    assert was_not_checked(action, scanned(**{key: value}))


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("key", ["positives", "total"])
def test_a_missing_count_is_never_clean(action, key):
    """Engines without a detection prove nothing while the count of all engines is missing or null."""
    assert was_not_checked(action, scanned(**{key: None}))
    raw = scanned()
    del raw[key]
    assert was_not_checked(action, raw)


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("value", [*NO_COUNTS, None], ids=repr)
def test_a_count_that_cannot_be_read_leaves_what_the_engines_prove(action, value):
    """Beside three engines that detect, no value of `positives` makes it less than risky."""
    found = judged(action, scanned(positives=value, scans=dict.fromkeys("ABC", DETECTING)))
    assert (found.state, found.rule.count) == (State.RISKY, 3)


@pytest.mark.parametrize("action", ENGINES)
def test_the_higher_of_positives_and_the_detecting_engines_counts(action):
    """Neither of the two hides what the other one says."""
    engines = {**dict.fromkeys("ABCD", DETECTING), "E": CLEAN_ENGINE}
    assert judged(action, scanned(positives=1, scans=engines)).rule.count == 4
    assert judged(action, scanned(positives=0, scans=engines)).rule.count == 4
    assert judged(action, scanned(positives=54)).rule.count == 54


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize(
    "engine",
    [
        "phishing site",
        None,
        True,
        1,
        [DETECTING],
        {},
        {"detected": None},
        {"detected": "yes please"},
        {"detected": "false"},
        {"detected": 0},
        {"detected": 0.0},
        {"detected": []},
        {"detected": {}},
        {"result": "phishing site"},
    ],
    ids=repr,
)
def test_an_engine_that_cannot_be_read_is_never_clean(action, engine):
    """An engine's entry is an object whose `detected` is true or false; any other one may hide a detection."""
    assert was_not_checked(action, scanned(scans={"A": CLEAN_ENGINE, "B": engine}))
    assert was_not_checked(action, scanned(scans={"B": engine}))
    assert judged(action, scanned(positives=54, scans={"B": engine})).state is State.RISKY


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("scans", ["x", "", [], ["A"], [CLEAN_ENGINE], 0, False, True, 7], ids=repr)
def test_engines_that_are_no_object_are_never_clean_or_unknown(action, scans):
    """The engines come as an object by name. A count beside them that proves a danger still does."""
    assert was_not_checked(action, scanned(scans=scans))
    assert judged(action, scanned(positives=54, scans=scans)).state is State.RISKY


def test_counts_that_contradict_each_other_are_never_clean():
    """More engines in the reply than VirusTotal says it has, or more detections than engines."""
    assert was_not_checked("scan-hash", scanned(total=2))
    found = judged("scan-hash", scanned(positives=2, total=1, scans={"A": CLEAN_ENGINE}))
    assert (found.state, found.rule.count, found.rule.total) == (State.SUSPICIOUS, 2, None)


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("key", DETECTED)
@pytest.mark.parametrize(
    "value",
    [
        ["http://bad"],
        [None],
        [[SHA, 54, 60]],
        [["2023-01-01 00:00:00", 54, 60, SHA]],
        [7, True],
        [[]],
        False,
        0,
        "",
        {},
        "http://bad",
        {"url": "http://bad", "positives": 54},
        7,
        True,
    ],
    ids=repr,
)
def test_evidence_of_another_shape_is_never_clean(action, key, value):
    """Beside one URL that no engine flags, evidence that cannot be read is not the same as no evidence."""
    beside = {"response_code": 1, "undetected_urls": [UNFLAGGED_URL]}
    assert judged(action, beside).state is State.CLEAN
    found = judged(action, beside | {key: value})
    assert found.state in (State.NOT_CHECKED, State.SUSPICIOUS)
    flagging = [{"sha256": SHA, "url": "http://b.test/", "positives": 30, "total": 60}]
    other = next(one for one in DETECTED if one != key)
    assert judged(action, beside | {key: value, other: flagging}).state is State.RISKY


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_a_count_of_evidence_is_read_exactly_or_not_at_all(action, value):
    """Of what engines flag and of what they do not, for both numbers of an entry."""
    unflagged = {"response_code": 1, "undetected_urls": [UNFLAGGED_URL]}
    for key, entry in (
        ("undetected_urls", ["http://b.test/", SHA, value, 66, None]),
        ("undetected_urls", ["http://b.test/", SHA, 0, value, None]),
        ("undetected_referrer_samples", {"sha256": SHA, "positives": value, "total": 66}),
        ("undetected_downloaded_samples", {"sha256": SHA, "positives": 0, "total": value}),
        ("detected_urls", {"url": "http://b.test/", "positives": value, "total": 66}),
    ):
        listed = [*unflagged.get(key, []), entry]
        assert judged(action, unflagged | {key: listed}).state is not State.CLEAN, (key, entry)


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("threshold", [3, 25, 41])
def test_detections_of_what_is_listed_as_undetected_count(action, threshold):
    """A URL among the undetected ones that 40 engines flag is flagged by 40 engines."""
    raw = {"response_code": 1, "undetected_urls": [UNFLAGGED_URL, ["http://b.test/", SHA, 40, 66, None]]}
    found = judged(action, raw, threshold)
    assert found.state is (State.RISKY if threshold <= 40 else State.SUSPICIOUS)
    assert (found.rule.evidence.kind, found.rule.evidence.name) == ("url", "http://b.test/")
    assert found.rule.checked == 2


@pytest.mark.parametrize("action", ENGINES + HOSTS)
@pytest.mark.parametrize("code", ["1", True, 1.0, "0", 0.0, False, None, [1], {}, 10**30], ids=repr)
def test_a_response_code_is_an_integer(action, code):
    """The code decides everything, so one of another type decides nothing."""
    raw = scanned(undetected_urls=[UNFLAGGED_URL], response_code=code)
    assert was_not_checked(action, raw)


@recorded
def test_all_recorded_reports_are_exact():
    """Nothing that VirusTotal has really sent is refused for its types."""
    kinds = {"domain": "domain-report", "ip-address": "scan-ip", "file": "scan-hash", "url": "scan-url"}
    paths = sorted(RECORDED.glob("*_report__200_rc1*.json"))
    names = [path.stem for path in paths if not path.stem.endswith(".meta")]
    for name in names:
        raw = recording(name)
        report = judged(kinds[name.partition("_")[0]], raw).report
        assert is_exact(read(type(report), raw), raw), name
    assert len(names) == 25


@given(
    action=st.sampled_from(ENGINES),
    positives=ANYTHING,
    total=ANYTHING,
    engine=ANYTHING | st.fixed_dictionaries({"detected": ANYTHING}),
)
def test_whatever_stands_for_a_number_clean_means_zero(action, positives, total, engine):
    """Clean needs a 0, a number of engines, and engines of which each says false."""
    raw = {"response_code": 1, "positives": positives, "total": total, "scans": {"A": engine}}
    if judged(action, raw).state is State.CLEAN:
        assert (type(positives), positives) == (int, 0)
        assert type(total) is int
        assert total >= 1
        assert engine["detected"] is False
