"""No English is left: in the pseudo-language each letter of a sentence has an accent, and what has none must be data."""

import json

import pytest

from handlers.case import Sighting, Summary
from handlers.people import Denial
from handlers.text import about
from handlers.text import errors as errors_text
from handlers.text.format import Audience
from handlers.text.language import Language, language
from handlers.turns import report
from handlers.views import answer
from tests.handlers.test_channel_settings import ADMIN, opened, sets
from tests.handlers.test_details import entries_of, opens, view
from tests.handlers.test_form import sent
from tests.handlers.test_home import home
from tests.handlers.test_text import NOW, sample
from tests.handlers.test_upload_consent import later, upload_app
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.incident import at_incident
from tests.support.leftovers import SPOKEN, Screen, leftovers, read
from vt.actions import ACTIONS, BY_KEY
from vt.errors import tree
from vt.indicators import Indicator, Kind
from vt.indicators import read as read_indicator
from vt.lookup import Lookup
from vt.verdict import State, Subject, not_checked

EICAR = "44d88612fea8a8f36de82e1278abb02f"
SECRET = "https://files.badplace.top/get?id=7&token=s3cr3t-s3cr3t"
QUESTIONS = (
    *("help", "ping", "quota", "form 192.0.2.1", "report 192.0.2.1", "report 10.0.0.1", "192.0.2.1"),
    *(f"scan-hash {EICAR}", "scan-ip 192.0.2.1", "domain-report example.co.in", "report 192.0.2.1"),
    *(
        f"{EICAR} 192.0.2.1 --share",
        "scan-ip 10.0.0.1 2001:db8::1",
        "ana@example.co.in",
        f"scan-url {SECRET}",
    ),
    *("scan-url http://example.php", " ".join(HASHES[:13]), "report http://example.php"),
)
MISTAKES = (
    *(
        "scan-ip",
        "scan-ip example.com",
        "scan-hash 192.0.2.1 x",
        "scan-ip 192.0.2.1 --threshold 0",
        "nothing",
    ),
    *(
        "192.0.2.1 --sharp",
        "192.0.2.1 --verbose",
        "scan-ip 192.0.2.1 --rescan-after-days 3",
        "scam-ip 192.0.2.1",
    ),
    *("report 192.0.2.1 --fresh", "ping --fresh", "scan-file --host", "scan-file /srv/x --password hunter2"),
    *(f"scan-ip {' '.join(f'203.0.113.{n}' for n in range(1, 200))}", "domain-report @nobody", "help me --x"),
    *("watch maybe", "ignore example.com", "ignore", "ignore example.com 7x", "ignore remove example.com"),
    *(
        "watch on",
        "ignore example.com 7d",
        "unknown-command",
        "scan-file invoice.zip",
        "scan-file /etc/passwd",
    ),
)


@pytest.mark.parametrize("rule", ["served", "documented"])
async def test_questions_and_answers(database, rule):
    """Every command: its answers alone and in lists, with whatever they say of what is unknown, internal or secret."""
    async with at_work(database, VT_HOST_RULE=rule, **SPOKEN) as app:
        screen = Screen(app)
        for question in QUESTIONS:
            await app.slack.types(ANA, GENERAL, f"/vt {question}")
            await app.idle()
        assert await screen.left() == []


async def test_mistakes(database):
    """Whatever is typed wrongly, or by somebody who may not, is answered with sentences of the catalogues."""
    async with at_work(database, **SPOKEN) as app:
        screen = Screen(app)
        for mistake in MISTAKES:
            await app.slack.types(BEN, GENERAL, f"/vt {mistake}")
            await app.idle()
        await app.slack.types("guest", GENERAL, "/vt 192.0.2.1")
        await app.idle()
        assert (
            await screen.left("sharp", "verbose", "fresh", "scam-ip", "password", "maybe", "unknown-command")
            == []
        )


async def presses_all(app, shown):
    """Press every button in a modal, those that come up as well."""
    pressed = set()
    while left := [one for one in labels(app, shown) if one not in pressed]:
        pressed.add(left[0])
        await app.slack.presses(ANA, shown, left[0])
        await app.idle()
        shown = view(app)


def labels(app, shown):
    """What the buttons of a modal say."""
    elements = (one.element for one in app.slack.buttons(shown))
    return [one["text"]["text"] for one in elements if one["type"] == "button"]


async def test_buttons_and_modals(database):
    """Details in all its parts, Why?, Comments, Rescan, Share, Picture, JSON and CSV."""
    async with at_work(database, VT_KEY_KIND="private", **SPOKEN) as app:
        screen = Screen(app)
        for question in (f"{EICAR} 192.0.2.1 http://example.php", "domain-report example.co.in"):
            answer = await app.asks(f"/vt {question}")
            await app.idle()
            for entry in entries_of(answer):
                shown = await opens(app, answer, entry)
                await presses_all(app, shown)
            for button in ("json", "csv", "share") if "csv" in str(answer.blocks) else ("json", "share"):
                await app.slack.presses(ANA, answer, button)
                await app.idle()
        assert await screen.left() == []


async def test_forms_settings_and_the_home(database):
    """The form, its errors, what a message's menu opens, a channel's settings for who may change them or not, the home."""
    async with at_work(database, **SPOKEN) as app:
        screen = Screen(app)
        await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        [shown] = app.slack.views(ANA)
        exchange = await sent(app, shown, values="nothing", threshold="0")
        screen.texts += exchange.errors.values()
        await app.slack.closes(ANA, view(app))
        said = (await app.slack.says(BEN, GENERAL, f"we saw {EICAR} and 192.0.2.1")).said
        for picked in ("scan-url", "scan-file", "scan-ip", "check"):
            await app.slack.uses_shortcut(ANA, picked, said)
            await app.idle()
        await opened(app, BEN)
        await app.slack.closes(BEN, view(app, BEN))
        chosen = {"answers": "channel", "detail": "short", "uploads": "deny", "language": "es"}
        await sets(app, ADMIN, **{"scan-ip": "6", "host-rule": "documented", "evidence-days": "7", **chosen})
        await sets(app, ADMIN, language="as-set", **{"evidence-days": "", "scan-ip": ""})
        for user in (ANA, ADMIN, "guest"):
            await home(app, user)
        assert await screen.left("we saw", "Español", "日本語") == []


async def test_watched_channels(database):
    """Every mode, the cards, what is ignored, the question about a secret, and the pause."""
    async with at_incident(database, switch="", WATCH_CARDS="4", **SPOKEN) as incident:
        screen = Screen(incident.app)
        for mode in ("on", "risky", "reaction", "dry-run", "on", "status", "off", "on"):
            await incident.asks(f"/vt watch {mode}")
            await incident.posts(f"{EICAR} 192.0.2.1")
        await incident.asks("/vt ignore badplace.top 7d ours")
        await incident.asks("/vt ignore 9.9.9.0/24 forever")
        for command in ("ignore list", "ignore remove badplace.top", "ignore remove badplace.top", "watch"):
            await incident.asks(f"/vt {command}")
        await incident.posts(SECRET.replace("badplace", "elsewhere"))
        await incident.asks("/vt watch on", user=BEN)
        assert await screen.left("ours") == []


async def test_uploads(database, tmp_path):
    """The question, who may answer it, the refusal of files that are never uploaded, and what follows."""
    (tmp_path / "new.bin").write_bytes(b"never seen before")
    (tmp_path / "id_rsa").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    async with upload_app(database, tmp_path, **SPOKEN) as app:
        screen = Screen(app)
        answer = await app.asks(f"/vt scan-file {tmp_path}/*")
        await app.idle()
        assert app.slack.buttons(answer)
        await app.slack.presses(ANA, answer, "upload")
        await app.slack.until(lambda: app.virustotal.calls_to("file/scan"))
        await later(app, seconds=20)
        await app.idle()
        assert await screen.left("new.bin", "id_rsa", str(tmp_path)) == []


AUDIENCES = (Audience(), Audience("U0ANA00001", "request", operator=True))


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_errors(kind):
    """Each error of the tree: as a sentence for people and for operators, and as what became of an indicator."""
    with language(Language.PSEUDO):
        said = [str(errors_text.error(sample(kind), audience)) for audience in AUDIENCES]
        finding = not_checked(
            Subject(ACTIONS[0], Indicator(Kind.IPV4, "192.0.2.1"), "192.0.2.1"), sample(kind)
        )
        message = answer.answer([finding], answer.AnswerContext(NOW, case="case"))
    assert leftovers([*said, message.text, *read(list(message.blocks))], [*DATA]) == []


DATA = ("why", "request", "case", "puttygen", "ssh-keygen", "known_hosts", "roots", "files:read")


def test_who_may_not_ask():
    """Every reason, with whoever runs the bot named or not."""
    with language(Language.PSEUDO):
        said = [str(about.denied(why, audience)) for why in Denial for audience in AUDIENCES]
    assert leftovers(said, DATA) == []


def test_pictures():
    """The words in a picture of a host's record, and its alternative text."""
    seen = [{"url": "http://a.test/", "positives": 6, "total": 66, "scan_date": "2026-11-01 00:00:00"}]
    lookup = Lookup.of(read_indicator("192.0.2.1"), BY_KEY["scan-ip"], 25)
    finding = lookup.judged({"response_code": 1, "detected_urls": seen}, NOW)
    last = Sighting.of(finding)
    summary = Summary(times=1200, since=NOW, here=True, channel=None, last=last)
    judged = [(NOW, State.SUSPICIOUS, 6), (NOW, State.RISKY, 30)]
    with language(Language.PSEUDO):
        drawn = report.chart(lookup, finding, summary, last, judged, NOW)
    words = json.loads(drawn.description)["words"]
    assert leftovers([drawn.alt, *(word for name, word in words.items() if name != "state")], DATA) == []
