"""For whom sentences are: the contact of this bot, settings for admins only, ids of requests, the reader's own time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import psycopg
import pytest

from handlers.people import Denial
from handlers.text import about, channels, files, modals
from handlers.text import errors as errors_text
from handlers.text import findings as findings_text
from handlers.text import usage as usage_text
from handlers.text.format import Audience, Sentence, contact
from handlers.text.language import Channel, Moment, Shape, User, join, line
from handlers.views.rich_text import mrkdwn, sentence
from playground.virustotal import faults
from tests.handlers.test_text import sample
from tests.support.app_fixture import ANA, GENERAL, at_work
from vt import errors
from vt.errors import tree

NOON = datetime(2026, 12, 4, 7, 0, 12, tzinfo=UTC)
VARIABLE = re.compile(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b")


# Moments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "plain"),
    [
        (Shape.DAY, "4 Dec 2026"),
        (Shape.MINUTE, "4 Dec 2026 07:00 UTC"),
        (Shape.TIME, "07:00 UTC"),
        (Shape.SECOND, "07:00:12 UTC"),
    ],
)
def test_a_moment_is_utc_in_plain_text_and_the_readers_own_in_slack(shape, plain):
    """One fixed form without Slack; Slack's date element in blocks and its date mark in text."""
    said = line("until {at}", at=Moment(NOON, shape))
    assert said == f"until {plain}"
    assert mrkdwn(said) == f"until <!date^1796367612^{shape}|{plain}>"
    [before, date] = sentence(said).to_dict()["elements"][0]["elements"]
    assert (before["text"], date) == (
        "until ",
        {"type": "date", "timestamp": 1796367612, "format": str(shape), "fallback": plain},
    )


def test_what_comes_from_outside_is_never_a_mark():
    """Braces, mentions and dates in a value stay text, also when the line is joined with others."""
    hostile = "<@U0ANA00001> {at} <!date^1^{time}|x> <!channel>"
    said = join(" · ", [line("{value}", value=hostile), line("at {at}", at=Moment(NOON, Shape.TIME))])
    assert said.startswith(hostile)
    assert re.findall(r"<[^>]*>", mrkdwn(said)) == ["<!date^1796367612^{time}|07:00 UTC>"]


# The contact ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "piece", "plain"),
    [
        ("U0ADMIN001", User("U0ADMIN001"), "@U0ADMIN001"),
        ("<@U0ADMIN001|ida>", User("U0ADMIN001"), "@U0ADMIN001"),
        ("C0GENERAL1", Channel("C0GENERAL1"), "#C0GENERAL1"),
        ("<#C0GENERAL1|general>", Channel("C0GENERAL1"), "#C0GENERAL1"),
        ("the SOC, ext. 123", "the SOC, ext. 123", "the SOC, ext. 123"),
        ("https://help.example/<!channel>", None, "hxxps://help[.]example/<!channel>"),
    ],
)
def test_a_contact_is_a_mention_a_channel_or_harmless_text(given, piece, plain):
    """Defanged as other text from outside; nothing in it is alive."""
    assert contact(given) == plain
    named = Audience(contact=given).whoever
    assert named == f"whoever runs this bot ({plain})"
    assert piece is None or piece in named.pieces or str(piece) in named
    assert "<!channel>" not in mrkdwn(named)


def test_nobody_is_named_when_there_is_no_contact():
    """The sentence is whole without."""
    assert (
        errors_text.error(errors.KeyRefused())
        == "VirusTotal rejected the API key. Tell whoever runs this bot."
    )


@pytest.mark.parametrize("why", [Denial.USER, Denial.CHANNEL, Denial.BOT])
def test_whom_to_ask_is_said_with_a_denial(why):
    """To those who may not use the bot as well."""
    assert "whoever runs this bot (@U0ADMIN001)" in about.denied(why, Audience("U0ADMIN001"))


async def test_a_fault_names_the_contact_and_the_request(database):
    """A mention that Slack takes, and the id under which the request is on record."""
    async with at_work(database, CONTACT="U0ANA00001") as app:
        app.virustotal.faults.always("*", faults.status(403))
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        shown = app.now(answer)
        assert "Tell whoever runs this bot (@ana)." in shown
        [request] = re.findall(r"Request ID: (\S+)", shown)
        assert f"Request ID: {request}" in answer.text
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT id FROM audit").fetchall() == [(request,)]
        assert "Request ID" not in app.now(await app.asks("/vt scan-ip 10.0.0.1"))
        assert app.slack.faults == []


async def test_ping_says_the_request_of_what_does_not_answer(database):
    """A part that fails is a fault too."""
    async with at_work(database, CONTACT="#soc-help") as app:
        app.virustotal.faults.always("*", faults.status(403))
        shown = app.now(await app.asks("/vt ping"))
        assert re.search(r"Tell whoever runs this bot \(#soc-help\)\. Request ID: \S+", shown)


def test_giving_up_says_the_request():
    """Whatever broke, and broke again."""
    said = about.FAILED.to(Audience("C0GENERAL1", request_id="abc"))
    assert said.endswith("tell whoever runs this bot (#C0GENERAL1). Request ID: abc")
    assert "Request ID: abc" in about.silent("TimeoutError", Audience(request_id="abc"))


# Settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_no_setting_is_named_to_people(kind):
    """A variable's name means nothing to those who cannot set it."""
    assert not VARIABLE.search(errors_text.error(sample(kind)))


TERMINAL_ONLY = {"NOT_AGREED"}


def test_no_constant_names_a_setting():
    """Every sentence of the catalogues, but for those that only a terminal shows; handlers/text/terminal.py has the others."""
    named = {
        name
        for catalogue in (about, channels, errors_text, files, findings_text, modals, usage_text)
        for name, value in vars(catalogue).items()
        if name.isupper() and VARIABLE.search(_plain(value))
    }
    assert named == TERMINAL_ONLY


def _plain(value):
    """All the text of a constant, as people read it."""
    if isinstance(value, Sentence):
        return value.template
    if isinstance(value, Mapping):
        return " ".join(map(_plain, value.values()))
    return value if isinstance(value, str) else ""


def test_whoever_runs_the_bot_is_told_the_setting():
    """Beside the same sentence."""
    trouble = errors.NotAllowed("/etc/passwd")
    assert errors_text.error(trouble, Audience(operator=True)).endswith(
        "(FILE_ROOTS, or roots in the hosts file)"
    )


@pytest.mark.parametrize(("user", "named"), [(ANA, False), ("admin", True)])
async def test_an_admin_who_reads_alone_is_told_the_setting(database, user, named):
    """Not when the channel reads it."""
    async with at_work(database) as app:
        alone = await app.asks("/vt scan-file /etc/passwd", user=user)
        assert ("FILE_ROOTS" in app.now(alone)) is named
        shared = await app.asks("/vt scan-file /etc/passwd --share", user=user, channel=GENERAL)
        assert "I may not read files there" in app.now(shared)
        assert not VARIABLE.search(app.now(shared))
