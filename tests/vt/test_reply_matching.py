"""A report is the answer for what was asked, or it is no answer: it is never taken for another indicator's."""

from hashlib import sha256

import pytest

from tests.support.replies import RECORDED, recorded, recording
from vt.errors import Unreadable
from vt.reply_matching import answers, by_resource, is_about_another, single

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
