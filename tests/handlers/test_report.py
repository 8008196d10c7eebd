"""`/vt report` and the picture in Details: what is on record about an indicator, drawn by a process of its own."""

import asyncio
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from PIL import Image

from bot.chart import CHARTS, FONTS, STATES, Charts
from tests.handlers.test_details import opens, view
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

ADDRESS = "192.0.2.1"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
WHITE = (255, 255, 255)


def pixels(png):
    """Width, height and the set of colours (red, green, blue) of a PNG with 8 bits a channel."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        assert picture.mode == "RGBA"
        width, height = picture.size
        return width, height, {colour[:3] for _, colour in picture.getcolors(width * height)}


def rgb(colour):
    return tuple(bytes.fromhex(colour.removeprefix("#")))


async def looks_up(app, value, **where):
    answer = await app.asks(f"/vt {value}", **where)
    await app.idle()
    return answer


async def ages(app, days):
    """What is on record was looked up so many days earlier."""
    async with await psycopg.AsyncConnection.connect(app.database, autocommit=True) as connection:
        await connection.execute("UPDATE sightings SET at = at - %s", [timedelta(days=days)])


async def reports(app, line, having=""):
    """Type it, and wait until it is done."""
    exchange = await app.slack.types(ANA, GENERAL, f"/vt report {line}")
    await app.idle()
    return "\n".join(app.slack.shown(await exchange.answer(having=having)))


def sent(app, user=ANA):
    """The pictures in somebody's direct messages."""
    return app.slack.files(app.slack.direct(user).id, user)


def described(subject="192[.]0[.]2[.]1", **more):
    """A picture's description with three lookups."""
    words = {
        "title": "RISKY", "state": "RISKY", "subject": subject, "summary": "", "foot": "", "record": "Record",
        "evidence": "Evidence", "engines": "engines", "threshold": "RISKY from 25 engines", "counted": "counted",
        **{state: state for state in STATES}, "url": "URLs", "downloaded": "files", "communicating": "files",
        "referrer": "files", **more,
    }  # fmt: skip
    points = [
        ((NOW - timedelta(days=10 * age)).timestamp(), count, state)
        for age, (count, state) in enumerate([(54, "RISKY"), (6, "SUSPICIOUS"), (0, "UNKNOWN")])
    ]
    english = {**words, "record": "Record"}
    return json.dumps(
        {
            "words": words,
            "english": english,
            "threshold": 25,
            "panels": [{"name": "record", "points": points}],
        }
    )


@pytest.fixture(scope="module")
async def state(tmp_path_factory):
    """A STATE_DIR with matplotlib's list of fonts. On a busy machine that takes longer than a picture may."""
    state = tmp_path_factory.mktemp("state")
    await Charts(state / CHARTS, seconds=300).draw(described())
    return state


@pytest.fixture
def charts(state):
    return Charts(state / CHARTS)


@pytest.mark.slow
async def test_the_record_of_an_address_is_a_picture_for_the_asker_alone(database, state):
    """It goes to the direct messages with an alternative text; nothing is asked of VirusTotal for it."""
    async with at_work(database, STATE_DIR=str(state), VT_HOST_RULE="documented") as app:
        await looks_up(app, ADDRESS)
        await ages(app, days=2)
        await looks_up(app, ADDRESS, user=BEN)
        calls = len(app.virustotal.calls)
        assert "direct message" in await reports(app, "192[.]0[.]2[.]1", "direct")
        [file] = sent(app)
        assert (file.name, file.mimetype) == ("virustotal-report-192.0.2.1.png", "image/png")
        assert "192[.]0[.]2[.]1: " in file.alt
        assert "Looked up 2 times from " in file.alt
        assert "2 × " in file.alt
        assert "RISKY from 25 engines" in file.alt
        assert "URLs on it: " in file.alt
        width, height, colours = pixels(file.content)
        assert (width, height > 700) == (1200, True)
        assert {WHITE, rgb("#0072b2")} <= colours
        assert not app.slack.files(GENERAL, ANA)
        assert len(app.virustotal.calls) == calls
        assert "matplotlib" not in sys.modules


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("hana", ("危険", "1回照会", "3エンジン以上で")),
        ("lucia", ("PELIGROSA", "Consultada una vez", "a partir de")),
    ],
)
async def test_in_the_language_of_whoever_asks(database, state, user, words):
    """The alternative text, and the picture as far as its fonts have the letters."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, EICAR)
        await app.slack.types(user, GENERAL, f"/vt report {EICAR}")
        await app.idle()
        [file] = sent(app, user)
        assert all(word in file.alt for word in words[:2]), file.alt
        assert words[2] in file.alt


@pytest.mark.slow
async def test_shared_in_the_channel_with_who_asked(database, state):
    """With --share everybody in the channel sees the picture, and for whom it is there."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, EICAR)
        exchange = await app.slack.types(ANA, GENERAL, f"/vt report {EICAR} --share")
        answer = await exchange.answer()
        await app.idle()
        [file] = app.slack.files(GENERAL, BEN)
        assert file.alt.startswith(f"{EICAR}: RISKY · 54 of 60 engines, ")
        assert "Asked by @ana" in "\n".join(app.slack.shown(answer))
        assert rgb(STATES["RISKY"][0]) in pixels(file.content)[2]
        assert not sent(app)


@pytest.mark.slow
async def test_a_mention_is_answered_in_its_thread(database, state):
    """Where everybody has read the question."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, ADDRESS)
        exchange = await app.slack.says(ANA, GENERAL, f"@vt report {ADDRESS}")
        answer = await exchange.answer()
        assert answer.thread_ts == exchange.said.ts
        assert [file.name for file in answer.files] == ["virustotal-report-192.0.2.1.png"]


@pytest.mark.slow
async def test_in_direct_messages_it_is_the_answer(database, state):
    """No sentence says where it is."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, ADDRESS)
        answer = await (await app.slack.says(ANA, app.slack.direct(ANA).id, f"report {ADDRESS}")).answer()
        assert len(answer.files) == 1


async def test_nothing_on_record_is_a_sentence(database, tmp_path):
    """As for an address that is never sent. There is no empty picture, and an address that waits is not drawn either."""
    async with at_work(database, STATE_DIR=str(tmp_path)) as app:
        assert "so there is nothing to draw" in await reports(app, "198[.]51[.]100[.]7")
        assert "is internal" in await reports(app, "10.1.2.3")
        assert not sent(app)
        assert not app.virustotal.calls


@pytest.mark.slow
async def test_several_values_are_a_picture_each(database, state):
    """Of three, the one without a record is named. Four are refused."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, f"{ADDRESS} {EICAR}")
        exchange = await app.slack.types(ANA, GENERAL, f"/vt report {ADDRESS}, {EICAR} 198.51.100.7")
        said = "\n".join(app.slack.shown(await exchange.answer(having="direct message")))
        assert "I sent you the picture" in said
        assert "198[.]51[.]100[.]7" in said
        assert {file.name for file in sent(app)} == {
            f"virustotal-report-{ADDRESS}.png",
            f"virustotal-report-{EICAR}.png",
        }
        assert "the limit is 3" in await reports(app, "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("192.0.2.1 --fresh", "/vt report takes only --share: leave out --fresh."),
        ("192.0.2.1 --threshold 3", "/vt report takes only --share: leave out --threshold."),
        ("192.0.2.1 --shar", "Did you mean --share?"),
        ("192.0.2.1 --verbose", "There is no option --verbose."),
        ("", "Example: /vt report 192.0.2.1"),
        ("nothing here", "Example: /vt report 192.0.2.1"),
    ],
)
async def test_usage(database, tmp_path, line, words):
    """Every other option is refused; without an indicator there is an example."""
    async with at_work(database, STATE_DIR=str(tmp_path)) as app:
        assert words in await reports(app, line)


async def test_help_names_it(database, tmp_path):
    """With what it does."""
    async with at_work(database, STATE_DIR=str(tmp_path)) as app:
        assert "/vt report 192.0.2.1" in "\n".join(app.slack.shown(await app.asks("/vt help")))


async def test_a_guest_may_not(database, tmp_path):
    """Whoever may not ask for lookups gets no pictures either."""
    async with at_work(database, STATE_DIR=str(tmp_path), ALLOWED_USERS="ben") as app:
        await looks_up(app, ADDRESS, user=BEN)
        assert "don't have permission" in await reports(app, ADDRESS)
        assert not sent(app)


@pytest.mark.slow
async def test_the_button_in_details(database, state):
    """It draws the finding that is shown; the picture goes to whoever pressed it, though the answer was shared."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        answer = await looks_up(app, f"{EICAR} --share")
        await opens(app, answer, "Details", BEN)
        await app.slack.presses(BEN, view(app, BEN), "Picture")
        await app.idle()
        [file] = sent(app, BEN)
        assert file.alt.startswith(EICAR)
        assert len(app.slack.files(GENERAL, ANA)) == 0


async def test_it_is_in_the_audit_trail(database, tmp_path):
    """With what was asked about, and without the secret of a URL."""
    async with at_work(database, STATE_DIR=str(tmp_path)) as app:
        await reports(app, "https://evil.example/reset?token=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA")
        async with await psycopg.AsyncConnection.connect(app.database) as connection:
            found = await connection.execute("SELECT what FROM audit WHERE verb = 'report'")
            [(what,)] = await found.fetchall()
        assert what[0]["value"].startswith("https://evil.example/reset?token=")
        assert "Zm9vYmFy" not in json.dumps(what)


@pytest.mark.slow
async def test_a_thousand_lookups_are_one_picture(database, state):
    """Of more than a thousand the newest are shown, and it says so."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, EICAR)
        async with await psycopg.AsyncConnection.connect(app.database, autocommit=True) as connection:
            await connection.execute("""
                INSERT INTO sightings SELECT case_id || number, position, team, asker, channel, listed, subject,
                    at - number * interval '1 hour', CASE WHEN number % 3 = 0 THEN 'CLEAN' ELSE state END,
                    number % 50, 60, what
                FROM sightings, generate_series(1, 1200) AS number
            """)
        await reports(app, EICAR)
        [file] = sent(app)
        assert "Looked up 1,201 times" in file.alt
        assert "1,000 verdicts are shown" in file.alt
        assert {rgb(STATES["RISKY"][0]), rgb(STATES["CLEAN"][0])} <= pixels(file.content)[2]


async def test_a_picture_that_cannot_be_drawn_is_a_sentence(database, tmp_path):
    """With the request's id. Here the folder in which the process keeps its fonts is a file."""
    (tmp_path / "state").mkdir()
    async with at_work(database, STATE_DIR=str(tmp_path / "state"), VT_HOST_RULE="documented") as app:
        await looks_up(app, ADDRESS)
        async with await psycopg.AsyncConnection.connect(app.database, autocommit=True) as connection:
            await connection.execute("UPDATE sightings SET at = '0001-01-01', engines = 2147483647")
        said = await reports(app, ADDRESS, "")
        assert "could not draw the picture of 192[.]0[.]2[.]1" in said
        assert "Request ID: " in said
        assert not sent(app)


@pytest.mark.slow
async def test_in_a_channel_without_the_bot(database, state):
    """What was to be shared goes to the direct messages, and a sentence says why."""
    async with at_work(database, STATE_DIR=str(state)) as app:
        await looks_up(app, ADDRESS)
        app.slack.fails("files.completeUploadExternal", "not_in_channel")
        assert "can't post in that channel" in await reports(app, f"{ADDRESS} --share", "direct message")
        assert len(sent(app)) == 1


# The process that draws ----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_colours_of_states(charts):
    """Each state has its own, which colour-blind people can tell apart; each has a marker of its own as well."""
    _, _, colours = pixels(await charts.draw(described()))
    assert {rgb(STATES[state][0]) for state in ("RISKY", "SUSPICIOUS", "UNKNOWN")} <= colours
    assert len({marker for _, marker in STATES.values()}) == len(STATES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [
        r"http://evil.example/$\frac{a}{b}$",
        "http://evil.example/$x^{",
        r"\textbf{a}_^{}$$ %s {title}",
        "例え.テスト 한국어 مرحبا 👾 \ud800 \u202e",
        "a\x00b\nc\td",
        "",
    ],
)
async def test_hostile_text_is_plain_text(charts, subject):
    """No formula is read, and letters that no font has are boxes."""
    assert pixels(await charts.draw(described(subject)))[0] == 1200


@pytest.mark.slow
async def test_words_that_no_font_has_are_english(state, charts):
    """The fonts that come with matplotlib lack Japanese: boxes in place of sentences would say nothing."""
    japanese = json.loads(described())
    japanese["words"]["record"] = "検索"
    only_english = {**japanese, "words": japanese["english"]}
    made = [await charts.draw(json.dumps(one)) for one in (japanese, only_english)]
    [fonts] = (state / CHARTS).glob("fontlist-*.json")
    has_letters = any(f'"{name}"' in fonts.read_text() for name in FONTS[1:])
    assert (made[0] == made[1]) is not has_letters


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import time; time.sleep(60)", TimeoutError),
        ("import os; os.kill(os.getpid(), 9)", ChildProcessError),
        ("raise MemoryError", ChildProcessError),
        ("print('no picture')", ChildProcessError),
    ],
)
async def test_a_process_that_breaks_or_hangs(tmp_path, program, error):
    """It is ended when it is late; the caller is told, and the next picture is drawn."""
    broken = tmp_path / "broken.py"
    broken.write_text(program)
    charts = Charts(tmp_path, seconds=2, program=broken)
    for _ in range(2):
        with pytest.raises(error):
            await charts.draw(described())


async def test_it_is_ended_with_whoever_waits_for_it(tmp_path):
    """A turn that is cancelled leaves no process behind."""
    slow = tmp_path / "slow.py"
    slow.write_text(
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    waiting = asyncio.create_task(Charts(tmp_path, program=slow).draw(described()))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_no_secret_is_in_its_environment(tmp_path):
    """Only what drawing needs."""
    seen = tmp_path / "seen.py"
    seen.write_text(f"import json, os; json.dump(dict(os.environ), open({str(tmp_path / 'env')!r}, 'w'))")
    with pytest.raises(ChildProcessError):
        await Charts(tmp_path, program=seen).draw(described())
    names = set(json.loads((tmp_path / "env").read_text()))
    assert names <= {
        "PATH",
        "MPLCONFIGDIR",
        "MPLBACKEND",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "LC_CTYPE",
    }
