"""An option that does not exist is refused in every way in, with the nearest name; what others wrote is read as it is."""

import pytest

from tests.handlers.test_form import opened, sent
from tests.handlers.test_shortcuts import picks, said
from tests.support.app_fixture import ANA, GENERAL, at_work
from tests.support.incident import EICAR, at_incident

PASTED = "run: tool --treshold 3 --verbose --share-with x against 192.0.2.1"
LINES = [
    ("check 192.0.2.1 --verbose", "There is no option --verbose."),
    ("192.0.2.1 --treshold 3", "Did you mean --threshold?"),
    ("scan-ip 192.0.2.1 --no-share", "Did you mean --share?"),
]
MISTYPED = [
    # As public bug reports of other chat bots tell of them: kubebot 9, lita-keyword-arguments 5, mattermost-mobile 5259,
    # errbot 1145, simple-poll 2, run402 190, graph-agent 102, secretless-ai 81; and others of the kind.
    ("\u2014threshold 3 8.8.8.8", ""),
    ("8.8.8.8 \u2013-threshold 3", ""),
    ("8.8.8.8 \u2011\u2011threshold=3", ""),
    ("\uff0d\uff0dthreshold 3 8.8.8.8", ""),
    ("8.8.8.8 \u30fc\u30fcthreshold 3", ""),
    ("8.8.8.8 \u2015threshold 3", ""),
    ("8.8.8.8 \u200b--threshold 3", ""),
    ("8.8.8.8\u2014threshold 3", ""),
    ("8.8.8.8,--threshold 3", ""),
    ("8.8.8.8 -- threshold 3", "Did you mean --threshold?"),
    ("8.8.8.8 threshold 3", "Did you mean --threshold?"),
    ("8.8.8.8 treshold=3", "Did you mean --threshold?"),
    ("threshold: 3 8.8.8.8", "Did you mean --threshold?"),
    ("8.8.8.8 /threshold:3", "Did you mean --threshold?"),
    ("check 8.8.8.8 -t 3", "There is no option -t."),
    ("8.8.8.8 `--threshold 3`", "--threshold needs a whole number"),
    ("8.8.8.8 (--threshold 3)", "--threshold needs a whole number"),
    ("8.8.8.8 --threshold \u201c3\u201d", "--threshold needs a whole number"),
    ("8.8.8.8 --threshold three", "--threshold needs a whole number"),
    ("8.8.8.8 --threshold \uff13", "--threshold needs a whole number"),
    ("8.8.8.8 --threshold 3 --threshold 50", "--threshold needs a whole number"),
    ("8.8.8.8 --rescan-after-days 7d", "--rescan-after-days needs a whole number"),
    ("8.8.8.8 --rescan_after_days 3", "Did you mean --rescan-after-days?"),
    ("8.8.8.8 --share=false", "There is no option --share=false."),
    ("8.8.8.8 share", "Did you mean --share?"),
    ("8.8.8.8 --json", "There is no option --json."),
]
PLAIN = [
    "look at 8.8.8.8 \u2014 it beacons",
    "\u200b8.8.8.8",
    "the threshold was 3 for 8.8.8.8",
    "host 8.8.8.8",
]
"""What looks almost like an option and is none."""
SUBCOMMANDS = ["help", "ping", "quota", "settings", "watch on", "ignore evil.com 7d", "scan-file /srv/a.bin"]


@pytest.mark.parametrize(("line", "words"), LINES)
async def test_in_a_slash_command(database, line, words):
    """The acknowledgement says it, and nothing is looked up."""
    async with at_work(database) as app:
        assert words in app.slack.shown(await app.asks(f"/vt {line}"))[0]
        assert not app.virustotal.calls


async def test_in_every_subcommand(database):
    """None drops it, takes it for a reason or a value, or opens anything."""
    async with at_work(database) as app:
        for command in SUBCOMMANDS:
            said = app.slack.shown(await app.asks(f"/vt {command} --verbose"))[0]
            assert "--verbose" in said, (command, said)
            assert not app.slack.views(ANA)
        assert not app.virustotal.calls


@pytest.mark.parametrize(("line", "words"), LINES)
async def test_in_a_mention(database, line, words):
    """In the thread."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, GENERAL, f"@vt {line}")
        assert words in app.slack.shown(await exchange.answer())[0]
        assert not app.virustotal.calls


@pytest.mark.parametrize(("line", "words"), LINES)
async def test_in_a_direct_message(database, line, words):
    """Below it."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, app.slack.direct(ANA).id, line)
        assert words in app.slack.shown(await exchange.answer())[0]
        assert not app.virustotal.calls


@pytest.mark.parametrize(("line", "words"), LINES)
async def test_in_the_text_that_a_form_is_opened_with(database, line, words):
    """It does not open."""
    async with at_work(database) as app:
        assert words in app.slack.shown(await app.asks(f"/vt form {line}"))[0]
        assert not app.slack.views(ANA)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"values": "check 192.0.2.1 --verbose"}, "values", "There is no option --verbose."),
        ({"values": "192.0.2.1 --treshold 3", "action": "scan-ip"}, "values", "Did you mean --threshold?"),
        ({"path": "/srv/a.bin --hots web-1", "action": "scan-file"}, "path", "Did you mean --host?"),
    ],
)
async def test_in_a_form(database, fields, field, words):
    """At the field that holds it; the form stays open."""
    async with at_work(database) as app:
        exchange = await sent(app, await opened(app), **fields)
        assert list(exchange.errors) == [field]
        assert words in exchange.errors[field]
        assert not app.virustotal.calls


async def test_options_of_a_form_count_in_each_of_its_texts(database):
    """What is typed among the paths and values is an option, `--fresh` too."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        before = len(app.virustotal.calls)
        await sent(app, await opened(app), values="192.0.2.1 --fresh", action="scan-ip")
        await app.idle()
        assert len(app.virustotal.calls) == before + 1


async def test_not_in_what_others_wrote(database):
    """A message that is picked from its menu is read whatever options it holds, and so is one in a watched channel."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"{PASTED} {EICAR}")
        assert len(incident.cards(message)) == 1
        app = incident.app
        picked = await said(app, PASTED)
        answer = await (await picks(app, "check", picked)).answer(having="SUSPICIOUS")
        assert "192[.]0[.]2[.]1" in app.slack.shown(answer)[1]


async def test_not_in_a_message_that_opened_the_form(database):
    """Without an indicator its text is filled in: the options in it were nobody's, those that are added are checked."""
    async with at_work(database) as app:
        await picks(app, "check", await said(app, "run tool --verbose --treshold 3"))
        [shown] = app.slack.views(ANA)
        text = shown.state["values"]["values"]["value"]
        wrong = await sent(app, shown, values=f"{text} 192.0.2.1 --shrae")
        assert "Did you mean --share?" in wrong.errors["values"]
        await sent(app, shown, values=f"{text} 192.0.2.1")
        await app.idle()
        assert len(app.virustotal.calls) == 1


@pytest.mark.parametrize("prefix", ["/vt ", "@vt ", "", "form"])
async def test_what_keyboards_and_habit_make_of_an_option(database, prefix):
    """Dashes of any kind and markup before it are read as hyphens; without hyphens, or with a value that is none, it is refused."""
    async with at_work(database) as app:
        for line, problem in MISTYPED:
            said = await _answer_to(app, prefix, line)
            assert (problem or "threshold 3") in said, (line, said)
        looked_up = len({call.params["ip"] for call in app.virustotal.calls})
        assert looked_up == 1


@pytest.mark.parametrize("line", PLAIN)
async def test_what_is_no_option_is_looked_up(database, line):
    """Dashes in prose, invisible characters, and the words themselves in a sentence."""
    async with at_work(database) as app:
        await app.asks(f"/vt {line}")
        assert len(app.virustotal.calls) == 1


async def _answer_to(app, prefix, line):
    """The answer to a line, as text."""
    if prefix == "form":
        exchange = await sent(app, await opened(app), values=line)
        if exchange.errors:
            return exchange.errors["values"]
        await app.idle()
        return "threshold 3"
    if prefix == "/vt ":
        return "".join(app.slack.shown(await app.asks(f"/vt {line}")))
    channel = GENERAL if prefix else app.slack.direct(ANA).id
    exchange = await app.slack.says(ANA, channel, f"{prefix}{line}")
    return "".join(app.slack.shown(await exchange.answer()))
