"""What is not Slack's gets in nowhere; what is Slack's is taken once, and what cannot be read is refused."""

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from aiohttp import web
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.server import Incomplete, read_body, serving
from tests.support.app_fixture import ANA, GENERAL, at_work
from tests.support.raw_http import FORM, command, knock, say, signature, signed, volley

JSON = "application/json"
CANARY = "canary-in-the-body"
BODY = command(f"scan-ip 192.0.2.1 {CANARY}")
NOW = str(int(time.time()))
MEBIBYTE = 1024 * 1024
INVENTED = 300


def port(app):
    return urlsplit(app.slack.target).port


def invented(strategy, count=INVENTED):
    """So many examples. They are drawn before the bot is asked, whose dice would spoil the drawing."""
    found = []

    @settings(max_examples=count, database=None, phases=[Phase.generate])
    @given(strategy)
    def draw(example):
        found.append(example)

    draw()
    return found


def kept(database):
    """How many requests were kept."""
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM cases").fetchone()[0]


@asynccontextmanager
async def nobody_in(database, caplog, capfd):
    """The bot's port, while only forgers knock: afterwards no listener has run and nothing of theirs is logged."""
    caplog.set_level(logging.DEBUG)
    async with at_work(database) as app:
        yield port(app)
        assert kept(database) == 0
        assert not app.virustotal.calls
        assert not app.slack.messages()
    out, err = capfd.readouterr()
    assert CANARY not in out + err + caplog.text


# Forged --------------------------------------------------------------------------------------------------


def headers(stamp=NOW, given=None, kind=FORM):
    right = given if given is not None else signature(BODY, stamp)
    return [("Content-Type", kind), ("X-Slack-Request-Timestamp", stamp), ("X-Slack-Signature", right)]


GOOD = signature(BODY, NOW)
FORGED = {
    "nothing": [],
    "no signature": headers()[:2],
    "no timestamp": [headers()[0], headers()[2]],
    "empty signature": headers(given=""),
    "empty timestamp": headers(stamp="", given=GOOD),
    "another version": headers(given=GOOD.replace("v0=", "v1=")),
    "no version": headers(given=GOOD.removeprefix("v0=")),
    "in capitals": headers(given=GOOD.upper()),
    "cut short": headers(given=GOOD[:-1]),
    "one more": headers(given=GOOD + "0"),
    "another secret": [*headers()[:2], ("X-Slack-Signature", signature(BODY, NOW, "guessed"))],
    "an empty secret": [*headers()[:2], ("X-Slack-Signature", signature(BODY, NOW, ""))],
    "over another body": headers(given=signature(b"text=help", NOW)),
    "over another time": headers(given=signature(BODY, str(int(NOW) - 1))),
    "six minutes old": signed(BODY, at=-360),
    "an hour ahead": signed(BODY, at=3600),
    "of 1970": headers(stamp="0"),
    "the end of time": headers(stamp="999999999999"),
    "before time": headers(stamp="-1"),
    "not a time": headers(stamp="abc"),
    "not a number": headers(stamp="nan"),
    "infinite": headers(stamp="inf"),
    "with a fraction": headers(stamp=f"{NOW}.5"),
    "with blanks": headers(stamp=f"{NOW[:5]} {NOW[5:]}"),
    "with underscores": headers(stamp=f"{NOW[:5]}_{NOW[5:]}"),
    "with a plus": headers(stamp=f"+{NOW}"),
    "very long": headers(stamp=NOW + "0" * 5000),
    "other digits": headers(stamp="".join(chr(0x660 + int(digit)) for digit in NOW), given=GOOD),
    "other letters": headers(given="v0=" + "é" * 64),
    "no letters": headers(given=b"v0=\xff\xfe\x80", stamp=NOW),
    "a time in Latin-1": headers(stamp=b"\xb2\xb3", given=GOOD),
    "two signatures, good first": [*headers(), ("X-Slack-Signature", "v0=0")],
    "two signatures, good last": [*headers()[:2], ("X-Slack-Signature", "v0=0"), headers()[2]],
    "two signatures, both good": [*headers(), headers()[2]],
    "two times": [*headers(), ("X-Slack-Request-Timestamp", "0")],
    "as JSON": headers(kind=JSON, given="v0=0"),
    "as nothing": headers(kind="", given="v0=0"),
    "as a file": headers(kind="multipart/form-data; boundary=x", given="v0=0"),
    "packed": [*headers(given="v0=0"), ("Content-Encoding", "gzip")],
    "lazily": [*headers(given="v0=0"), ("X-Slack-Bolt-Lazy-Only", "1")],
    "again": [*headers(given="v0=0"), ("X-Slack-Retry-Num", "1"), ("X-Slack-Retry-Reason", "http_timeout")],
}
METHODS = ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


async def test_named_forgeries(database, caplog, capfd):
    """Whatever is wrong with its signature, a request is answered 401 and nothing else."""
    async with nobody_in(database, caplog, capfd) as door:
        answers = {name: await asyncio.to_thread(knock, door, BODY, lines) for name, lines in FORGED.items()}
        answers |= {
            name: await asyncio.to_thread(knock, door, b"", method=name, path=f"/slack/events?{CANARY}")
            for name in METHODS
        }
    assert {name: answer for name, answer in answers.items() if answer != (401, b"")} == {}


FORGED_BODIES = (
    b"",
    b"{" + CANARY.encode(),
    b"payload=" + CANARY.encode(),
    b"payload=%7B" + b"[" * 100_000,
    b"ssl_check=1&token=" + CANARY.encode(),
    json.dumps({"type": "url_verification", "challenge": CANARY}).encode(),
    b"\xff\x00" + CANARY.encode(),
)


async def test_forged_bodies(database, caplog, capfd):
    """Nothing is parsed, no challenge is answered, before the signature is found right."""
    async with nobody_in(database, caplog, capfd) as door:
        for body in FORGED_BODIES:
            for kind in (FORM, JSON):
                forged = signed(body, kind, secret="guessed")
                assert await asyncio.to_thread(knock, door, body, forged) == (401, b"")


visible = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=90
)


@st.composite
def forgeries(draw):
    """A request that lacks just one thing to be Slack's, or most of them."""
    body = draw(st.sampled_from([BODY, b""]) | st.binary(max_size=300))
    stamp = draw(st.sampled_from([NOW, "", "0"]) | visible)
    near = signature(body, stamp if stamp.isascii() else NOW)
    spoiled = near[:-1] + ("0" if near[-1] != "0" else "1")
    given = draw(st.sampled_from([spoiled, near[3:], near.upper(), near + near, f"v0={'0' * 64}"]) | visible)
    kind = draw(st.sampled_from([FORM, JSON, "text/plain", ""]))
    named = [("X-Slack-Request-Timestamp", stamp), ("X-Slack-Signature", given), ("Content-Type", kind)]
    lines = [(name, value.encode("latin-1")) for name, value in named]
    return body + CANARY.encode(), draw(st.permutations(lines))


async def test_generated_forgeries(database, caplog, capfd):
    """Hundreds of invented requests: 401 each."""
    async with nobody_in(database, caplog, capfd) as door:
        for forgery in invented(forgeries()):
            assert (await asyncio.to_thread(knock, door, *forgery))[0] == 401, forgery


async def test_too_large(database, caplog, capfd):
    """More than a mebibyte is not read to its end, whether it is announced or just comes."""
    huge = CANARY.encode() * (MEBIBYTE // len(CANARY) + 1)
    piece = b"%x\r\n" % len(huge) + huge + b"\r\n"
    chunked = (
        b"POST /slack/events HTTP/1.1\r\nHost: bot\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with nobody_in(database, caplog, capfd) as door:
        assert (await asyncio.to_thread(knock, door, huge, signed(huge)))[0] == 413
        assert (await asyncio.to_thread(knock, door, b"", signed(b""), length=10**15))[0] == 413
        assert (await asyncio.to_thread(say, door, chunked + piece + b"0\r\n\r\n"))[0] == 413


NO_HTTP = (
    b"POST /slack/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + CANARY.encode(),
    b"POST /slack/events HTTP/1.1\r\nContent-Length: many\r\n\r\n" + CANARY.encode(),
    b"POST /slack/events HTTP/1.1\r\nContent-Length: -5\r\n\r\n" + CANARY.encode(),
    b"POST /slack/events HTTP/9.9 " + CANARY.encode() + b"\r\n\r\n",
    CANARY.encode() + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00" + CANARY.encode() + b"\r\n\r\n",
    b"POST /slack/events HTTP/1.1\r\n" + CANARY.encode() + b"\r\n\r\n",
    b"POST /slack/events HTTP/1.1\r\nX-Long: " + CANARY.encode() * 1000 + b"\r\n\r\n",
)


async def test_no_http_at_all(database, caplog, capfd):
    """What is not even HTTP is refused, and its bytes are not logged."""
    async with nobody_in(database, caplog, capfd) as door:
        for data in NO_HTTP:
            assert (await asyncio.to_thread(say, door, data))[0] in (400, 401), data


async def test_a_body_that_never_comes():
    """Who announces a body and keeps it is not waited for."""

    async def receive(request):
        with pytest.raises(Incomplete):
            await read_body(request, 0.05)
        return web.Response(status=401)

    async with serving([web.post("/", receive)], "127.0.0.1", 0) as door:
        assert (await asyncio.to_thread(knock, door, b"half", path="/", length=8))[0] == 401


# Genuine -------------------------------------------------------------------------------------------------


async def test_the_same_bytes_a_hundred_times_over_two_bots(database):
    """Two bots on one database: a delivery that comes again and again to both is one request with one answer."""
    async with at_work(database) as one, at_work(database) as two:
        exchange = await one.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")
        body, lines = exchange.ack.sent
        statuses = await volley([port(one), port(two)], body, lines, 100)
        await one.idle()
        assert set(statuses) == {200}
        assert kept(database) == 1
        assert len(one.virustotal.calls) + len(two.virustotal.calls) == 1
        assert len(one.slack.messages(GENERAL, ANA)) == 1


async def test_what_slack_asks_of_every_app(database):
    """The certificate check is answered 200, and a challenge with itself."""
    async with at_work(database) as app:
        check = b"ssl_check=1&token=x"
        challenge = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"}).encode()
        door = port(app)
        assert (await asyncio.to_thread(knock, door, check, signed(check)))[0] == 200
        status, said = await asyncio.to_thread(knock, door, challenge, signed(challenge, JSON))
        assert (status, json.loads(said)) == (200, {"challenge": "3eZbrw1aB"})


@pytest.mark.parametrize("text", ["help", "scan-url http://evil.example/payload.exe", "payload=1 192.0.2.1"])
async def test_the_word_payload_is_a_word(database, text):
    """A command is what was typed, also where bolt would take the text for another kind of delivery."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, f"/vt {text}")
        assert await exchange.answer()


async def test_a_packed_body_is_not_unpacked(database):
    """What is signed is what comes: bytes that are no packed ones are read as they are."""
    async with at_work(database) as app:
        body = command("help")
        lines = [*signed(body), ("Content-Encoding", "gzip")]
        assert (await asyncio.to_thread(knock, port(app), body, lines))[0] == 200


def form(payload):
    return urlencode({"payload": payload if isinstance(payload, str) else json.dumps(payload)}).encode()


BUTTON = {
    "type": "block_actions",
    "user": {"id": "U0ANA00001", "team_id": "T0PLAYGRND"},
    "team": {"id": "T0PLAYGRND"},
    "channel": {"id": "C0GENERAL1"},
    "container": {},
    "trigger_id": "1.b",
    "actions": [{"type": "button", "action_id": "json", "block_id": "b", "value": "x"}],
}
UNREADABLE = {
    "nothing": (b"", FORM),
    "nothing as JSON": (b"", JSON),
    "half a JSON": (b'{"type": "event_callback", ', JSON),
    "a list": (b"[]", JSON),
    "a word": (b'"x"', JSON),
    "null": (b"null", JSON),
    "a huge number": (b"9" * 10_000, JSON),
    "deep": (b'{"a":' * 100_000, JSON),
    "no UTF-8": (b"\xff\xfe", JSON),
    "a form without sense": (b"&&&", FORM),
    "a form that is no UTF-8": (b"text=\xff", FORM),
    "half a payload": (form('{"type": "block_actions"'), FORM),
    "a payload that is a list": (form([]), FORM),
    "a payload that is a number": (form(5), FORM),
    "an empty payload": (form(""), FORM),
    "a deep payload": (form("[" * 100_000), FORM),
    "a command without a trigger": (urlencode({"command": "/vt", "text": "192.0.2.1"}).encode(), FORM),
    "a button of nobody": (form(BUTTON | {"user": {}}), FORM),
    "a button nowhere": (form({key: BUTTON[key] for key in BUTTON if key != "channel"}), FORM),
    "odd people": (form(BUTTON | {"user": "ana"}), FORM),
    "half a letter": (form(BUTTON | {"user": {"id": "\ud800", "team_id": "T"}}), FORM),
    "no actions": (form(BUTTON | {"actions": []}), FORM),
    "odd actions": (form(BUTTON | {"actions": [5]}), FORM),
    "odd events": (b'{"type": "event_callback", "event": 5}', JSON),
    "odd authorizations": (b'{"type": "event_callback", "authorizations": 5}', JSON),
}


async def test_signed_but_unreadable(database, caplog, capfd):
    """What Slack itself could not mean is refused with 400, or 404 where nobody listens, and not logged."""
    caplog.set_level(logging.INFO)
    async with at_work(database) as app:
        answers = {}
        for name, (body, kind) in UNREADABLE.items():
            lines = [*signed(body, kind), ("X-Note", CANARY)]
            answers[name] = await asyncio.to_thread(knock, port(app), body, lines)
        assert {name: said for name, said in answers.items() if said[0] not in (400, 404)} == {}
        assert {name for name, said in answers.items() if said[0] == 404} <= {"no actions", "odd events"}
        assert kept(database) == 0
    out, err = capfd.readouterr()
    assert CANARY not in out + err + caplog.text


def _objects(inner):
    keys = [
        "type",
        "user",
        "team",
        "id",
        "channel",
        "actions",
        "event",
        "command",
        "text",
        "view",
        "container",
    ]
    return st.dictionaries(st.sampled_from(keys) | st.text(max_size=4), inner, max_size=5)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | _objects(inner), max_leaves=8)


@st.composite
def oddities(draw):
    """A payload of Slack's with some parts replaced by anything."""
    kinds = ["block_actions", "event_callback", "view_submission", "message_action", "shortcut", "x"]
    payload = BUTTON | {"type": draw(st.sampled_from(kinds)), "callback_id": "x", "note": CANARY}
    return payload | draw(st.dictionaries(st.sampled_from([*payload, "event", "view"]), anything, min_size=1))


@pytest.mark.parametrize("count", [INVENTED // 10, pytest.param(INVENTED, marks=pytest.mark.slow)])
async def test_generated_oddities(database, caplog, capfd, count):
    """Signed payloads with parts that nobody expects: never a 5xx, never a word of them in the log."""
    caplog.set_level(logging.INFO)
    async with at_work(database) as app:
        for payload in invented(oddities(), count):
            body = form(payload)
            status, _ = await asyncio.to_thread(knock, port(app), body, signed(body))
            assert status in (200, 400, 404), payload
        app.slack.faults.clear()
    out, err = capfd.readouterr()
    assert CANARY not in out + err + caplog.text
