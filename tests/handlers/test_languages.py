"""Who reads which language: people their own for what they alone see, everybody the channel's, else LANGUAGE."""

import re
from dataclasses import replace
from functools import cache

import pytest

from tests.handlers.test_channel_settings import ADMIN, opened, sets
from tests.handlers.test_home import home
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.incident import at_incident
from tests.support.slack_rules import faults
from tools.catalogues import extracted

HANA, LUCIA = "hana", "lucia"
EICAR = "44d88612fea8a8f36de82e1278abb02f"


@cache
def sentences():
    """The bot's sentences of three words and more. Reading the code for them takes longer than collecting the tests should."""
    return [
        message.id
        for message in extracted()
        if isinstance(message.id, str) and len(re.findall(r"[a-z]{2,}", re.sub(r"{\w+}", "", message.id))) > 2
    ]


def english(lines):
    """The sentences among what somebody reads that were left in English."""
    shown = "\n".join(lines)
    patterns = (re.sub(r"\\{\w+\\}", ".+", re.escape(one)) for one in sentences())
    return [found[0] for pattern in patterns if (found := re.search(pattern, shown))]


async def test_a_japanese_person_reads_japanese(database):
    """After /vt scan-ip: the state, the numbers, the facts, the warning and the buttons; documented names stay."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}", user=HANA)
        lines = app.slack.shown(answer)
        assert lines[0].startswith("🔴 危険 · 60エンジン中54")
        assert any("警告: 悪質です（しきい値3）。" in line for line in lines)
        assert any("[共有]" in line for line in lines)
        assert any(line.startswith("Scan date") for line in lines)
        assert english(lines) == []
        assert answer.text.startswith("🔴 危険 · 60エンジン中54")
        address = app.slack.shown(await app.asks("/vt scan-ip 192.0.2.1", user=HANA))
        assert address[0].startswith("🟠 不審 · 57エンジン中6")
        assert english(address) == []


async def test_everybody_else_reads_their_own(database):
    """In the same channel, each in their own language."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        firsts = [app.slack.shown(await app.asks(f"/vt {EICAR}", user=one))[0] for one in (ANA, HANA, LUCIA)]
        assert [first.split(" · ")[0] for first in firsts] == ["🔴 RISKY", "🔴 危険", "🔴 PELIGROSA"]
        assert "54 de 60 motores" in firsts[2]


async def test_a_spanish_channel(database):
    """What everybody sees is Spanish there, whoever asked; what the asker alone sees stays theirs; elsewhere nothing changes."""
    async with at_work(database) as app:
        await sets(app, ADMIN, language="es")
        shared = app.slack.shown(await app.asks(f"/vt {EICAR} --share"))
        assert shared[0].startswith("🔴 PELIGROSA · 54 de 60 motores")
        assert "Consultado por @ana" in shared
        assert english(shared) == []
        assert app.slack.shown(await app.asks(f"/vt {EICAR}"))[0].startswith("🔴 RISKY")
        there = await app.asks(f"/vt {EICAR} --share", channel="#inc-1042")
        assert app.slack.shown(there)[0].startswith("🔴 RISKY")


async def test_private_in_japanese_shared_in_the_channels_language(database):
    """The copy that everybody sees is made anew in their language; the asker's own answer stays Japanese."""
    async with at_work(database, LANGUAGE="es") as app:
        private = await app.asks(f"/vt {EICAR}", user=HANA)
        assert app.slack.shown(private)[0].startswith("🔴 危険")
        shared = await (await app.slack.presses(HANA, private, "share")).answer()
        assert app.slack.shown(shared)[0].startswith("🔴 PELIGROSA")
        assert app.now(private).startswith("🔴 危険")


@pytest.mark.parametrize(
    ("default", "first"), [("en", "🔴 RISKY"), ("ja", "🔴 危険"), ("es", "🔴 PELIGROSA")]
)
async def test_an_unknown_locale_falls_back_to_language(database, default, first):
    """Somebody whose Slack is German reads the operator's language."""
    async with at_work(database, LANGUAGE=default) as app:
        person = app.slack.person(ANA)
        app.slack.state.people[person.id] = replace(person, locale="de-DE")
        assert app.slack.shown(await app.asks(f"/vt {EICAR}"))[0].startswith(first)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/vt help", "🟢 検出なし: 検出したエンジンはありません"),
        ("/vt scan-ip", "照会するものがありません。例: /vt scan-ip 192.0.2.1"),
        ("/vt scan-ip 192.0.2.1 --threshold 0", "1から200までの整数が必要です"),
        ("/vt quota", "今日: "),
        ("/vt ping", "🟢 データベース: "),
        ("/vt watch", "このチャンネルは監視していません。"),
        ("/vt ignore list", "ここで無視しているものはありません。"),
        ("/vt scan-ip 10.0.0.1", "⛔ 未チェック"),
        ("/vt scan-url http://nobody.example/knows", "⚪ 不明"),
    ],
)
async def test_help_errors_and_health_in_japanese(database, line, words):
    """Whatever is typed is answered in the asker's language."""
    async with at_work(database, sandbox={"invent": False}) as app:
        exchange = await app.slack.types(HANA, GENERAL, line)
        lines = app.slack.shown(await exchange.answer())
        assert words in "\n".join(lines)
        assert english(lines) == []


async def test_forms_details_and_home_in_spanish(database):
    """Modals and the home as well, within Slack's limits."""
    async with at_work(database) as app:
        assert english(app.slack.shown(await opened(app, LUCIA))) == []
        answer = await app.asks(f"/vt {EICAR}", user=LUCIA)
        for entry in ("Detalles", "¿Por qué?"):
            await app.slack.presses(LUCIA, answer, "more", entry)
            await app.idle()
            view = app.slack.views(LUCIA)[-1]
            assert faults("modal", view.content) == []
            assert english(app.slack.shown(view)) == []
        assert english(await home(app, LUCIA)) == []


async def test_a_watched_channels_card_is_in_the_channels_language(database):
    """And the question about a secret in a URL is in the poster's, who alone sees it."""
    async with at_incident(database, LANGUAGE="ja") as incident:
        message = await incident.posts(f"look at {EICAR}")
        assert incident.cards(message)[0][0].startswith("🔴 危険")
        await incident.posts("https://example.com/?password=hunter22hunter22", user=LUCIA)
        asked = incident.slack.shown(incident.slack.messages("#inc-1042", LUCIA)[-1])
        assert asked[0].startswith("Consulto lo que se publica en este canal.")


async def test_json_and_csv_have_the_english_state(database):
    """Programs read them: the documented JSON, and in the table the state, whatever language the answer is in."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt {EICAR} 192.0.2.1", user=HANA)
        for button in ("json", "csv"):
            await app.slack.presses(HANA, answer, button)
            await app.idle()
        files = [file for one in app.slack.messages("@hana", HANA) for file in one.files]
        contents = [file.content.decode("utf-8-sig") for file in files]
        table = next(one for one in contents if one.startswith("indicator,"))
        assert ",RISKY," in table
        assert "危険" not in "".join(contents)


async def test_slack_that_does_not_say_who_somebody_is(database):
    """Then they are told so in the operator's language."""
    async with at_work(database, LANGUAGE="es") as app:
        app.slack.fails("users.info", "internal_error", times=100)
        told = app.slack.shown(await app.asks(f"/vt {EICAR}", user=BEN))
        assert told[0].startswith("No puedo comprobar quién eres porque Slack no responde.")
