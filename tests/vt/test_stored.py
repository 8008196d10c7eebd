"""Stored lookups and errors: what this version writes it reads, and it reads what version 1 wrote."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vt import errors
from vt.actions import BY_KEY, FILE
from vt.codec import remembering
from vt.errors import pack, tree, unpack
from vt.indicators import Kind, read
from vt.lookup import ANY_CONTENT, Lookup, Step, upgrade
from vt.verdict import Note, State

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
EMPTY = {
    "kind": None,
    "value": "",
    "place": "",
    "size": None,
    "agreed": "",
    "anew": None,
    "begun": None,
    "broken": 0,
    "rescan_after_days": None,
    "step": "ask",
    "raw": None,
    "checked_at": None,
    "scan_id": None,
    "since": None,
    "tries": 0,
    "not_before": None,
    "trouble": None,
    "note": None,
}
"""A lookup as version 1 stored it, as far as nothing was known yet."""
NEW = EMPTY | {
    "action": "scan-ip",
    "asked": "192.0.2.1",
    "kind": "ipv4",
    "value": "192.0.2.1",
    "threshold": 25,
}
WAITING = NEW | {
    "not_before": "2026-11-27T09:00:00Z",
    "since": "2026-11-27T07:59:00Z",
    "tries": 2,
    "trouble": {"error": "QuotaSpent", "data": {"retry_at": "2026-11-27T09:00:00Z"}},
}
UPLOADING = EMPTY | {
    "action": "scan-file",
    "asked": "/srv/a.bin",
    "kind": "sha256",
    "value": SHA256,
    "place": "host:web-1",
    "size": 68,
    "threshold": 3,
    "agreed": "*",
    "anew": "2026-11-27T07:00:00Z",
    "begun": "2026-11-27T07:59:30Z",
    "broken": 1,
    "step": "upload",
    "raw": {"response_code": 1, "scans": {}},
    "checked_at": "2026-11-27T07:59:00Z",
}
FAILED = EMPTY | {
    "action": "scan-file",
    "asked": "/srv/a.bin",
    "place": "host:web-1",
    "threshold": 3,
    "step": "done",
    "trouble": {"error": "LoginRefused", "data": {"host": "web-1"}},
}


def test_a_waiting_lookup_of_version_1_is_read():
    """Its error, its attempts and the time of its next step are the same under their new names."""
    lookup = Lookup.model_validate(WAITING)
    assert (lookup.action, lookup.input, lookup.attempts) == (BY_KEY["scan-ip"], "192.0.2.1", 2)
    assert lookup.waiting_since == datetime(2026, 11, 27, 7, 59, tzinfo=UTC)
    finding = lookup.finding(NOW)
    assert finding.state is State.NOT_CHECKED
    assert isinstance(finding.error, errors.QuotaSpent)
    assert finding.until == finding.error.retry_at == lookup.not_before == NOW.replace(hour=9)


def test_an_upload_of_version_1_is_read():
    """Consent, the wish for a newer analysis, and the upload that may have arrived are all still known."""
    lookup = Lookup.model_validate(UPLOADING)
    assert lookup.step is Step.UPLOAD
    assert lookup.consented_sha256 == ANY_CONTENT
    assert lookup.may_upload
    assert lookup.keeps_old_report
    assert lookup.upload_started == datetime(2026, 11, 27, 7, 59, 30, tzinfo=UTC)
    assert lookup.reanalyse_after == datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
    assert lookup.failed_uploads == 1


def test_a_failed_lookup_of_version_1_is_read():
    """An error that was stored by its class name, with a field that was added later missing."""
    error = Lookup.model_validate(FAILED).finding(NOW).error
    assert isinstance(error, errors.LoginRefused)
    assert (error.host, error.typed) == ("web-1", False)


@pytest.mark.parametrize("stored", [NEW, WAITING, UPLOADING, FAILED])
def test_an_upgraded_lookup_is_like_one_of_this_version(stored):
    """Stored again it has the new form, which an upgrade leaves as it is."""
    upgraded = upgrade(stored)
    lookup = Lookup.model_validate(stored)
    assert Lookup.model_validate(upgraded) == lookup
    assert Lookup.model_validate_json(lookup.model_dump_json()) == lookup
    written = lookup.model_dump(mode="json")
    assert written["version"] == 3
    assert written.keys() == upgraded.keys()
    assert upgrade(written) == written


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({}, id="empty"),
        pytest.param(NEW | {"colour": "red"}, id="unknown field"),
        pytest.param(NEW | {"action": "scan-phone"}, id="unknown action"),
        pytest.param({name: value for name, value in NEW.items() if name != "threshold"}, id="missing field"),
        pytest.param(upgrade(NEW) | {"version": 5}, id="later version"),
        pytest.param(NEW | {"trouble": "QuotaSpent"}, id="wrong type"),
    ],
)
def test_what_cannot_be_read_is_refused(stored):
    """Never half read."""
    with pytest.raises(ValidationError):
        Lookup.model_validate(stored)


def test_a_lookup_changes_only_in_known_fields_and_types():
    """A misspelt field or a value of another type is an error where it happens, not when it is read again."""
    lookup = Lookup.of(read("192.0.2.1"), BY_KEY["scan-ip"], 25)
    assert lookup.evolve(attempts=2).attempts == 2
    for change in ({"tries": 2}, {"attempts": "2"}, {"step": "done"}, {"kind": 4}, {"note": "no such note"}):
        with pytest.raises(ValidationError):
            lookup.evolve(**change)
    assert lookup.evolve(step=Step.DONE, note=Note.GAVE_UP, kind=Kind.IPV4).settled


def test_codes_are_stable_and_unique():
    """Rows that are stored name errors by these codes: one may be added, none may change."""
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))
    assert sorted(codes) == CODES


CODES = [
    "changed",
    "dropped",
    "file-fault",
    "file-too-large",
    "host-fault",
    "host-key-changed",
    "host-key-unknown",
    "host-unknown",
    "host-unreachable",
    "internal",
    "key-encrypted",
    "key-refused",
    "large-not-allowed",
    "login-forgotten",
    "login-refused",
    "login-unusable",
    "login-wanted",
    "missing",
    "not-allowed",
    "not-answering",
    "not-given",
    "not-public",
    "not-readable",
    "not-regular",
    "over-quota",
    "quota-spent",
    "quota-too-small",
    "redirected",
    "request-refused",
    "rescan-not-allowed",
    "reserved",
    "sensitive",
    "server-fault",
    "sftp-refused",
    "spool-full",
    "timed-out",
    "too-many-files",
    "too-many-names",
    "too-slow",
    "unreachable",
    "unreadable",
    "unrecognised-error",
    "unsupported",
    "upload-too-large",
    "vterror",
]


@pytest.mark.parametrize(
    "error",
    [
        errors.QuotaSpent(datetime(2026, 1, 1, tzinfo=UTC)),
        errors.Reserved(datetime(2026, 1, 1, tzinfo=UTC)),
        errors.FileTooLarge("/a", 5, 3),
        errors.TimedOut(1.5),
        errors.KeyRefused(),
        errors.LoginRefused("web-1", typed=True),
    ],
    ids=lambda error: error.code,
)
def test_an_error_is_the_same_after_it_was_stored(error):
    """Its class and its data."""
    again = unpack(pack(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("name", ["QuotaSpent", "UploadTooLarge", "HostKeyChanged", "SftpRefused", "VTError"])
def test_an_error_of_version_1_is_read_by_its_class_name(name):
    """Version 1 stored class names."""
    data = {"retry_at": "2026-01-01T00:00:00Z", "host": "web-1", "fingerprint": "SHA256:x"}
    assert type(unpack({"error": name, "data": data})).__name__ == name


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({"code": "of-the-future", "data": {}}, id="unknown code"),
        pytest.param({"error": "NoSuchError", "data": {}}, id="unknown class"),
        pytest.param({"code": "quota-spent", "data": {}}, id="missing field"),
        pytest.param({"code": "quota-spent", "data": {"retry_at": "yesterday"}}, id="wrong type"),
        pytest.param({"code": "quota-spent", "data": 7}, id="no fields"),
        pytest.param({}, id="empty"),
    ],
)
def test_an_error_that_cannot_be_read_says_so(stored):
    """It has a class of its own, with the code that was stored; nothing is raised."""
    error = unpack(stored)
    assert isinstance(error, errors.UnrecognisedError)
    assert error.stored_code in (stored.get("code"), "no-such-error", "")


def test_a_lookup_with_an_unreadable_error_still_has_a_finding():
    """The asker hears that there is no answer, and which code says why."""
    lookup = Lookup.of_file("/srv/a", FILE, 3).evolve(
        step=Step.DONE, error={"code": "of-the-future", "data": {}}
    )
    finding = lookup.finding(NOW)
    assert (finding.state, finding.error.stored_code) == (State.NOT_CHECKED, "of-the-future")


# Replies that remember ----------------------------------------------------------------------------------

HOST = {"response_code": 1, "detected_urls": [{"url": "http://a.example/", "positives": 3, "total": 70}]}


def test_a_reply_is_read_once_however_often_it_is_judged():
    lookup = Lookup.of(read("192.0.2.7"), BY_KEY["scan-ip"], 1)
    raw, now = remembering(HOST), datetime(2026, 1, 2, tzinfo=UTC)
    first, second = lookup.judged(raw, now), lookup.judged(raw, now)
    assert first == second == lookup.judged(HOST, now)
    assert first.report is second.report


def test_a_reply_that_was_judged_is_judged_again_by_another_threshold_or_time():
    lookup, raw = Lookup.of(read("192.0.2.7"), BY_KEY["scan-ip"], 1), remembering(HOST)
    lookup.judged(raw, datetime(2026, 1, 2, tzinfo=UTC))
    milder = lookup.evolve(threshold=4)
    assert milder.judged(raw, datetime(2026, 1, 2, tzinfo=UTC)).state is State.SUSPICIOUS
    assert lookup.judged(raw, datetime(2027, 1, 2, tzinfo=UTC)).checked_at.year == 2027


def test_a_reply_that_remembers_is_stored_as_it_came():
    lookup = Lookup.of(read("192.0.2.7"), BY_KEY["scan-ip"], 1)
    plain, remembers = lookup.evolve(raw=HOST), lookup.evolve(raw=remembering(HOST))
    assert remembers == plain
    assert remembers.model_dump_json() == plain.model_dump_json()
    assert remembering(remembers.raw) is remembers.raw
