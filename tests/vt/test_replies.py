"""A reply is the answer only if it is about what was asked, and CLEAN only if all that it rests on was read exactly."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.replies import ANYTHING, RECORDED, recorded, recording
from tests.vt.test_verdict import DETECTED, ENGINES, HOSTS, judged
from vt.client import single
from vt.errors import Unreadable
from vt.evidence import is_exact
from vt.models import read
from vt.replies import answers, by_resource, is_about_another
from vt.verdict import State

MD5, SHA1, SHA = "44d88612fea8a8f36de82e1278abb02f", "3395856ce81f2b7382dee72602f798b642f14140", "27" * 32
OTHER = "5e" * 32
URL = "http://example.test/a?b=c"
URL_ID = sha256(URL.encode()).hexdigest()
FILE = {
    "response_code": 1,
    "resource": SHA,
    "md5": MD5,
    "sha1": SHA1,
    "sha256": SHA,
    "scan_id": f"{SHA}-1565249201",
    "permalink": f"https://www.virustotal.com/file/{SHA}/analysis/1565249201/",
}
PAGE = {
    "response_code": 1,
    "resource": URL,
    "url": URL,
    "scan_id": f"{URL_ID}-1565249201",
    "permalink": f"https://www.virustotal.com/url/{URL_ID}/analysis/1565249201/",
}


@pytest.mark.parametrize("asked", [SHA, SHA.upper(), MD5, MD5.upper(), SHA1, f"{SHA}-1565249201", f"{SHA}-1"])
@pytest.mark.parametrize("echo", [SHA, None, "the same"])
def test_a_file_is_recognised_by_any_of_its_names(asked, echo):
    """By each hash in any case and by a scan_id, whatever of them VirusTotal echoes."""
    entry = FILE | {"resource": asked if echo == "the same" else echo}
    assert by_resource([asked], entry) == {asked: entry}
    assert by_resource([asked, OTHER], [entry]) == {asked: entry}


@pytest.mark.parametrize("asked", [SHA, MD5, f"{SHA}-1565249201"])
@pytest.mark.parametrize(
    "change",
    [
        {"resource": OTHER},
        {"resource": OTHER[:32]},
        {"resource": f"{SHA}-{'9' * 5000}"},
        {"resource": f"{SHA}0"},
        {"resource": f"{SHA} {OTHER}"},
        {"resource": f"{SHA}-1565249201\n"},
        {"resource": "192.0.2.1"},
        {"resource": "http://example.test/"},
        {"sha256": OTHER},
        {"scan_id": f"{OTHER}-1565249201"},
        {"permalink": f"https://www.virustotal.com/file/{OTHER}/analysis/1565249201/"},
        {"permalink": f"https://www.virustotal.com/gui/file/{OTHER.upper()}"},
        dict.fromkeys(("resource", "sha256"), OTHER)
        | {"scan_id": f"{OTHER}-1", "permalink": None, "md5": "ab"},
    ],
    ids=repr,
)
def test_a_report_on_another_file_is_no_answer(asked, change):
    """One name that contradicts what was asked is enough."""
    assert is_about_another(FILE | change, asked)
    with pytest.raises(Unreadable, match="resource"):
        answers([asked], FILE | change)
    assert by_resource([asked, "ab" * 16], [FILE | change, {"resource": "ab" * 16}]) == {
        "ab" * 16: {"resource": "ab" * 16}
    }


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (URL, URL),
        ("http://example.test", "http://example.test/"),
        ("http://example.test/", "http://example.test"),
        ("http://EXAMPLE.test/Path", "http://example.test/Path"),
        ("HTTP://example.test:80/", "http://example.test/"),
        ("http://m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://example.test/a b", "http://example.test/a%20b"),
        ("http://example.test/%7Ea", "http://example.test/~a"),
        ("http://example.test/a", "http://example.test/a/"),
    ],
)
def test_a_url_is_recognised_in_any_spelling(asked, named):
    """A slash, a port, escapes and the case of the host do not make another URL of it."""
    entry = {"response_code": 1, "resource": asked, "url": named}
    assert by_resource([asked], entry) == {asked: entry}
    assert by_resource([asked], {"response_code": 1, "resource": named}) != {}
    polled = f"{URL_ID}-1"
    assert by_resource([polled], PAGE | {"resource": polled}) != {}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("http://example.test/a/b", "http://example.test/a%2Fb"),
        ("http://example.test/a?b", "http://example.test/a%3Fb"),
        ("http://example.test/?a=b&c", "http://example.test/?a=b%26c"),
        ("http://example.test/ab", "http://example.test/a%20b"),
        ("http://example.test/ab", "http://example.test/a b"),
        ("http://example.test/%61", "http://example.test/%2561"),
        ("http://example.test/a#b", "http://example.test/a%23b"),
        ("http://stra\N{LATIN SMALL LETTER SHARP S}e.test/", "http://strasse.test/"),
        ("http://example.test/Path", "http://example.test/path"),
    ],
)
def test_escapes_that_mean_something_else_make_another_url(asked, named):
    """A report that echoes one of them is no answer for the other, whichever was asked."""
    for one, other in ((asked, named), (named, asked)):
        assert is_about_another({"resource": other}, one)
        assert is_about_another({"url": other}, one)
    found = by_resource([asked, named], [{"resource": named, "a": 1}, {"resource": asked, "a": 2}])
    assert {name: entry["a"] for name, entry in found.items()} == {named: 1, asked: 2}


def test_the_url_of_a_reply_that_echoes_what_was_asked_may_be_written_without_escapes():
    """VirusTotal may show a URL in a form of its own beside the one that was asked."""
    asked = "http://example.test/?to=http%3A%2F%2Fb.test%2F"
    entry = {"resource": asked, "url": "http://example.test/?to=http://b.test/"}
    assert by_resource([asked], entry) == {asked: entry}


@pytest.mark.parametrize("scan_id", [f"{OTHER}-1", OTHER, f"{URL_ID}-{'9' * 5000}", "None"])
def test_a_scan_id_that_cannot_be_the_urls_is_no_name_of_it(scan_id):
    """A reply that echoes it in place of the URL that was asked is about something else, whatever its `url` says."""
    assert is_about_another(PAGE | {"resource": scan_id, "scan_id": scan_id, "permalink": None}, URL)
    assert not is_about_another(PAGE | {"resource": PAGE["scan_id"]}, URL)


def test_two_urls_that_differ_by_a_slash_have_reports_of_their_own():
    """Each gets the entry that echoes it, also when what they say differs."""
    one, other = "http://example.test/a", "http://example.test/a/"
    entries = [
        {"resource": other, "response_code": 1, "positives": 9},
        {"resource": one, "response_code": 1, "positives": 0},
    ]
    assert by_resource([one, other], entries) == {one: entries[1], other: entries[0]}


def test_entries_that_contradict_each_other_are_no_answer():
    """Also where one of them contradicts itself: it names the file, and echoes another."""
    clean = FILE | {"positives": 0, "total": 60}
    for bad in (FILE | {"positives": 54, "total": 60}, FILE | {"positives": 54, "resource": OTHER}):
        for entries in ([clean, bad], [bad, clean]):
            assert SHA not in by_resource([SHA, "ab" * 16], entries)
            assert SHA not in by_resource([SHA], entries)
    assert by_resource([SHA], [clean, dict(clean)]) == {SHA: clean}


def test_a_report_that_names_nothing_is_no_answer_among_others():
    """A reply that there is nothing may name nothing; a report in a batch has to say what it is about."""
    named, nameless = {"resource": SHA, "response_code": 1}, {"response_code": 1, "positives": 0}
    assert by_resource([SHA, OTHER], [named, nameless]) == {SHA: named}
    nothing = {"response_code": 0}
    assert by_resource([SHA, OTHER], [named, nothing]) == {SHA: named, OTHER: nothing}
    assert by_resource([OTHER], nameless) == {OTHER: nameless}


@pytest.mark.parametrize(
    "change",
    [
        {"resource": "http://other.test/"},
        {"resource": "http://example.test/a?b=d"},
        {"url": "http://other.test/a?b=c"},
        {"url": "https://example.test/a?b=c"},
        {"url": "http://example.test:8080/a?b=c"},
        {"resource": OTHER},
        {"scan_id": f"{OTHER}-1"},
        {"permalink": f"https://www.virustotal.com/url/{OTHER}/analysis/1/"},
        {"resource": None, "url": None, "scan_id": f"{OTHER}-1", "permalink": None},
    ],
    ids=repr,
)
def test_a_report_on_another_url_is_no_answer(change):
    """Another host, path, port or scheme, and an id that belongs to another URL."""
    with pytest.raises(Unreadable, match="resource"):
        answers([URL], PAGE | change)
    assert by_resource([URL], PAGE | change) == {}


def test_a_host_that_a_reply_names_is_the_one_that_was_asked():
    """Reports on hosts echo nothing; one that does has to be right."""
    assert single({"response_code": 1}, "192.0.2.1") == {"response_code": 1}
    assert single([{"response_code": 1, "resource": "192.0.2.1"}], "192.0.2.1")
    with pytest.raises(Unreadable, match="resource"):
        single({"response_code": 1, "resource": "192.0.2.2"}, "192.0.2.1")


@recorded
def test_every_recorded_report_is_about_what_was_asked():
    """Nothing that VirusTotal has really sent is taken for another's, by any of its own names."""
    asked = 0
    for path in sorted(RECORDED.glob("*_*__200_*.json")):
        if path.stem.endswith(".meta") or path.stem.partition("_")[0] not in ("file", "url"):
            continue
        raw = recording(path.stem)
        for entry in raw if isinstance(raw, list) else [raw]:
            # A receipt for a file that was submitted by its MD5 names that, and the SHA-256, but not both as such.
            is_report = "md5" in entry or "url" in entry
            keys = ("resource", "md5", "sha1", "sha256", "scan_id", "url") if is_report else ("resource",)
            names = [entry.get(key) for key in keys]
            for name in filter(None, names):
                assert by_resource([name], entry) == {name: entry}, (path.stem, name)
                asked += 1
    assert asked > 80


# Read exactly ------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("key", DETECTED)
def test_a_count_of_0_among_what_engines_flag_is_never_clean(action, key):
    """The list says that it is flagged. Where no engine looked, the entry proves nothing."""
    beside = {"response_code": 1, "undetected_urls": [UNFLAGGED_URL]}
    assert was_not_checked(action, beside | {key: [{"sha256": SHA, "positives": 0, "total": 60}]})
    unseen = [{"sha256": SHA, "positives": 0, "total": 0}]
    assert judged(action, beside | {key: unseen}).state is State.CLEAN


@pytest.mark.parametrize("action", HOSTS)
@pytest.mark.parametrize("value", [[{"positives": 54, "total": 60}], {"a": 1}, "x", 0, False, {}], ids=repr)
def test_a_list_of_detections_that_nobody_knows_is_never_clean(action, value):
    """VirusTotal may add one. Empty ones and null say nothing."""
    beside = {"response_code": 1, "undetected_urls": [UNFLAGGED_URL]}
    assert was_not_checked(action, beside | {"detected_similar_samples": value})
    for empty in ([], None):
        assert judged(action, beside | {"detected_similar_samples": empty}).state is State.CLEAN


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("key", ["resource", "url", "scan_id", "sha256"])
@pytest.mark.parametrize("value", [54, [SHA], {"sha256": OTHER}, True], ids=repr)
def test_a_name_that_is_no_text_is_never_clean(action, key, value):
    """Nobody can say what the report is about."""
    assert was_not_checked(action, scanned(**{key: value}))
    assert judged(action, scanned(**{key: value}, positives=54)).state is State.RISKY


@pytest.mark.parametrize("code", [0, -1, -2, 2, 7, "1", True, 1.0, None, [1]], ids=repr)
def test_no_response_code_takes_back_what_engines_found(code):
    """Beside any code, and one that cannot be read, a detection counts; without one the code decides, and never for clean."""
    engines = scanned(response_code=code, scans=dict.fromkeys("ABC", DETECTING))
    flagging = {"url": "http://b.test/", "positives": 30, "total": 60}
    for action, raw in (
        *((action, engines) for action in ENGINES),
        *((action, {"response_code": code, "detected_urls": [flagging]}) for action in HOSTS),
    ):
        assert judged(action, raw).state is State.RISKY
    for action in (*ENGINES, *HOSTS):
        unflagged = scanned(response_code=code, undetected_urls=[UNFLAGGED_URL])
        expected = {"0": State.UNKNOWN, "-2": State.PENDING}.get(repr(code), State.NOT_CHECKED)
        assert judged(action, unflagged).state is expected


@pytest.mark.parametrize("action", ENGINES)
@pytest.mark.parametrize("change", [{"positives": "54/60"}, {"scans": ["A"]}, {"scans": {"A": "phishing"}}])
def test_what_is_not_known_is_read_exactly_too(action, change):
    """A count that cannot be read beside "not in VirusTotal" is not the same as nothing."""
    assert was_not_checked(action, scanned(response_code=0, **change))


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


@pytest.mark.parametrize("echo", ["<b>x</b>", "evil.com", "-", "44d88612"])
def test_an_echo_that_is_no_hash_is_no_other_name_of_the_file(echo):
    """A reply whose `resource` repeats what it has in place of its SHA-1 says nothing about which file it is about."""
    assert is_about_another({"resource": echo, "sha1": echo, "sha256": "5e" * 32}, "5e" * 32)


def test_a_scan_id_that_begins_with_another_hash_tells_of_another_report():
    """However it goes on: here with more digits than a moment has."""
    entry = {"resource": "a" * 64, "sha256": "a" * 64, "scan_id": f"{'b' * 64}-{'9' * 5000}"}
    assert is_about_another(entry, "a" * 64)
    assert not is_about_another({**entry, "scan_id": f"{'a' * 64}-1549381312"}, "a" * 64)
