"""Slack accepts every page of every modal about an answer, whatever VirusTotal replied."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from handlers.request import ChannelSettings
from handlers.views import answer, layout
from handlers.views.answer import AnswerContext
from handlers.views.details import comments, details, rescan_cost, why
from handlers.views.form import settings_form
from handlers.views.layout import Position, Reading
from playground.slack import rules
from tests.support.replies import ANYTHING, RECORDED, hostile, recorded, recording
from tests.support.slack_rules import faults
from vt.actions import BY_KEY
from vt.evidence import Thresholds
from vt.indicators import Indicator, Kind
from vt.lookup import Lookup, Step
from vt.models import Comments

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
READING = Reading(NOW)
KINDS = {
    "scan-ip": ("ipv4", "192.0.2.1"),
    "scan-hash": ("sha256", "27" * 32),
    "scan-url": ("url", "http://evil.example/"),
    "domain-report": ("domain", "evil.example"),
    "scan-file": ("sha256", "27" * 32),
}
ENDPOINTS = {
    "ip-address_report": "scan-ip",
    "ip_report": "scan-ip",
    "file_report": "scan-hash",
    "url_report": "scan-url",
    "domain_report": "domain-report",
}


def lookup(action, raw):
    """A finished lookup with this reply."""
    kind, value = KINDS[action]
    new = Lookup.of(Indicator(Kind(kind), value, value), BY_KEY[action], 3)
    return new.evolve(raw=raw, step=Step.DONE, checked_at=NOW)


def recordings():
    """Each recorded report with the action that it answers."""
    for path in sorted(RECORDED.glob("*.json")) if RECORDED.is_dir() else ():
        action = ENDPOINTS.get(path.name.partition("__")[0])
        if action and not path.name.endswith(".meta.json"):
            yield action, path.stem


def places_from(view):
    """The positions that the buttons and menus of this view lead to."""
    for block in view["blocks"]:
        for element in block.get("elements", []):
            if element.get("type") == "button":
                yield element["action_id"].removeprefix("turn:")
            yield from (one["value"] for one in element.get("options", []))


def every_page(show):
    """Every position that can be reached, each once, with its view."""
    seen, left = {}, [str(Position())]
    while left:
        where = left.pop()
        if where not in seen:
            seen[where] = show(layout.parse_position(where)).to_dict()
            left += places_from(seen[where])
    return seen


def sound(view):
    """Slack accepts the view, and it contains no link or mention that is not ours."""
    assert rules.view(view, frozenset()) == []


def sound_to_all(views):
    """As `sound`; every tenth view is also checked by the shared checker, which is slow."""
    for number, view in enumerate(views):
        sound(view)
        assert number % 10 or faults("modal", view) == []


@recorded
@pytest.mark.parametrize(("action", "name"), list(recordings()), ids=lambda one: str(one)[:60])
@pytest.mark.slow
def test_every_page_of_every_recording(action, name):
    """Details and "why" of every recording: every part and page, with nothing repeated and nothing missing."""
    raw = recording(name)
    raw = raw[0] if isinstance(raw, list) else raw
    known = lookup(action, raw)
    found = [known.finding(NOW)]
    for show in (
        lambda here: details(found, "id", here, READING),
        lambda here: why([known], "id", here, READING),
    ):
        sound_to_all(every_page(show).values())


@given(hostile())
def test_every_page_of_hostile_replies(reply):
    """Odd types, huge numbers and lone surrogates: Slack accepts every page."""
    known = lookup(*reply)
    found = [known.finding(NOW)]
    for show in (
        lambda here: details(found, "id", here, READING),
        lambda here: why([known], "id", here, READING),
        lambda _: rescan_cost(found, "id", {"day": (1, 500)}, private_key=True, batch_size=25),
    ):
        for view in every_page(show).values():
            sound(view)


def big(action="domain-report", count=1_000):
    """A reply with the most that VirusTotal lists, each entry as long and as odd as possible."""
    evil = "http://evil.example/<!channel>&\u202e" + "a" * 3_000
    return lookup(
        action,
        {
            "response_code": 1,
            "subdomains": [f"{n}.{'a' * 60}.evil.example" for n in range(count)],
            "resolutions": [
                {"ip_address": f"198.51.{n % 250}.{n // 250}", "last_resolved": "2019-01-28 00:00:00"}
                for n in range(count)
            ],
            "detected_urls": [{"url": evil, "positives": 5, "total": 70, "scan_date": "2019-01-28 00:00:00"}]
            * 100,
            "whois": "Name: <@U1> *b* \n" * 5_000,
            "Odd category" + "x" * 500: "y" * 5_000,
        },
    )


@pytest.mark.slow
def test_the_largest_report_is_shown_page_by_page():
    """A thousand subdomains are all shown, each once."""
    found = [big().finding(NOW)]
    shown = every_page(lambda here: details(found, "id", here, READING))
    pages = [view for where, view in shown.items() if where.startswith("0:subdomains:")]
    text = str(pages)
    assert all(text.count(f"'{n}[.]") == 1 or f"{n}[.]" in text for n in (0, 500, 999))
    assert len(pages) == 34
    sound_to_all(shown.values())


def test_a_hundred_of_the_largest_fit_their_menus():
    """Each of a hundred findings can be selected, and the selection stays when the page changes."""
    many = [big(count=3)] * 100
    for view in (
        details([one.finding(NOW) for one in many], "id", Position(99, "subdomains", 0), READING),
        why(many, "id", Position(99), READING),
    ):
        sound(view.to_dict())
        menu = view.to_dict()["blocks"][0]["elements"][0]
        assert len(menu["options"]) == 100
        assert menu["initial_option"]["value"].startswith("99:")


@pytest.mark.parametrize(
    "where", ["999:engines:0", "0:nonsense:7", "0:fields:99999", "", "x", "-1:fields:0", "0:fields:-1"]
)
def test_an_unknown_position_is_the_first_page(where):
    """A tampered position shows the first page."""
    sound(details([big(count=3).finding(NOW)], "id", layout.parse_position(where), READING).to_dict())


@given(ANYTHING, ANYTHING)
def test_hostile_comments_are_shown_as_text(comment, date):
    """25 of the longest comments are shown as text, and "older" is offered only when there may be more."""
    said = [{"comment": str(comment)[:500] * 3, "date": date}] * 25
    known = lookup(
        "scan-hash", {"response_code": 1, "positives": 1, "total": 2, "scans": {"A": {"detected": True}}}
    )
    view = comments(
        [known.finding(NOW)], "id", Position(), Comments(response_code=1, comments=said)
    ).to_dict()
    sound(view)


def test_older_comments_are_asked_for_by_the_oldest_date():
    """comments/get takes the date as 14 digits."""
    said = [{"comment": "bad", "date": f"201204041323{n:02}"} for n in range(25)]
    known = lookup("scan-hash", {"response_code": 1})
    view = comments(
        [known.finding(NOW)], "id", Position(), Comments(response_code=1, comments=said)
    ).to_dict()
    assert "0::20120404132300" in list(places_from(view))
    few = comments(
        [known.finding(NOW)], "id", Position(), Comments(response_code=1, comments=said[:9])
    ).to_dict()
    assert list(places_from(few)) == []


@pytest.mark.parametrize("may_change", [True, False])
def test_settings_are_a_modal_that_slack_takes(may_change):
    """Both for people who may change them and for people who may not."""
    view = settings_form(
        ChannelSettings(thresholds={"scan-ip": 5}), Thresholds(), "id", may_change=may_change
    ).to_dict()
    sound(view)
    assert ("submit" in view) is may_change


def test_the_menu_under_an_answer_has_no_more_entries_than_slack_takes():
    """Of six possible entries, five are in the menu and one is a button beside it."""
    flagged = {"response_code": 1, "positives": 1, "total": 2, "scans": {"A": {"detected": True}}}
    found = [lookup(action, flagged).finding(NOW) for action in ("scan-file", "scan-url")]
    shown = answer.answer(found, AnswerContext(NOW, case="id", private_key=True))
    *_, menu, beside = shown.blocks[-2]["elements"]
    assert len(menu["options"]) == 5
    assert beside["text"]["text"] == "Check again now"
    assert faults("message", {"text": shown.text, "blocks": list(shown.blocks)}) == []
