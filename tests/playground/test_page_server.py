"""The page's server: who may drive it, what it hands out, and `vtbot run` as a process of its own."""

import asyncio
import json
import signal
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest

from playground import web
from playground.slack import scenes
from playground.slack.workspace import Workspace
from playground.web import guard
from playground.web.offers import offers
from tests.support.app_fixture import address
from tests.support.sample_bot import Bot, over_http
from tests.support.vtbot import says, vtbot

OFFERED = offers(
    {
        "features": {
            "slash_commands": [{"command": "/vt", "description": "asks VirusTotal"}],
            "shortcuts": [{"callback_id": "check", "name": "Check", "description": "it", "type": "message"}],
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        }
    }
)


class Browser:
    """What a browser window would send, one header at a time."""

    def __init__(self, address, http, token):
        self.address, self.http, self.token = address, http, token

    async def gets(self, path, **headers):
        async with self.http.get(f"{self.address}{path}", headers=headers) as reply:
            return reply, await reply.read()

    async def does(self, verb, ask, **headers):
        sent = {"Origin": self.address, guard.HEADER: self.token, **headers}
        sent = {name: value for name, value in sent.items() if value is not None}
        async with self.http.post(
            f"{self.address}/do/{verb}", json={"as": "ana", **ask}, headers=sent
        ) as reply:
            return reply.status, await reply.json()

    async def says(self, text, channel="C0GENERAL1", **headers):
        return await self.does("say", {"channel": channel, "text": text}, **headers)

    @asynccontextmanager
    async def watches(self, who="ana", tab=""):
        """The news, as they come."""
        async with self.http.get(f"{self.address}/live", params={"as": who, "tab": tab}) as reply:
            yield (json.loads(line[6:]) async for line in reply.content if line.startswith(b"data: "))


@asynccontextmanager
async def opened(slack, **more):
    """The page of a workspace, and somebody at it."""
    async with (
        web.served(slack, OFFERED, "127.0.0.1", 0, **more) as address,
        aiohttp.ClientSession() as http,
    ):
        async with http.get(address) as reply:
            token = (await reply.text()).partition('playground-token" content="')[2].partition('"')[0]
        yield Browser(address, http, token)


@pytest.fixture
async def slack():
    """A workspace with a small bot in it."""
    async with Workspace(retries=()) as workspace:
        async with over_http(Bot(workspace).app, workspace):
            yield workspace
        assert workspace.faults == []


async def test_only_the_page_itself_can_act(slack):
    """Another site's script has another Origin, a foreign name for 127.0.0.1 another Host, a form no token."""
    async with opened(slack) as browser:
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": None},
            {guard.HEADER: "guessed"},
            {guard.HEADER: None},
            {"Host": "evil.example:3000"},
            {"Host": browser.address.removeprefix("http://") + "0"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            status, said = await browser.says("hello", **headers)
            assert (status, list(said)) == (403, ["error"])
        assert slack.messages() == []
        assert await browser.says("hello") == (200, {})
        assert [message.text for message in slack.messages()] == ["hello"]


async def test_another_name_for_this_machine_cannot_even_read(slack):
    """A name that was made to resolve to 127.0.0.1 gets neither the page nor the news; another site no news."""
    async with opened(slack) as browser:
        for path in ("/", "/live", "/journal/1", "/files/F1/x"):
            reply, body = await browser.gets(path, Host="evil.example")
            assert reply.status == 403
            assert browser.token.encode() not in body
        assert (await browser.gets("/live", **{"Sec-Fetch-Site": "cross-site"}))[0].status == 403
        assert (await browser.gets("/", **{"Sec-Fetch-Site": "cross-site"}))[0].status == 200


async def test_every_reply_forbids_what_is_from_elsewhere(slack):
    """The policy allows scripts, styles and connections of the page's own address, and nothing inline."""
    async with opened(slack) as browser:
        reply, _ = await browser.gets("/")
        policy = dict(part.split(" ", 1) for part in reply.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
        assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "playground.example"])
async def test_others_on_the_network_are_kept_out(slack, host):
    """An address that others reach is refused with the way to insist on it."""
    with pytest.raises(web.NotServed, match=r"HOST=.* --i-know"):
        async with web.served(slack, OFFERED, host, 0):
            pass


async def test_whoever_insists_is_served_everywhere(slack):
    """With --i-know any address and any name of it will do; other sites and those without the token still may not."""
    async with (
        web.served(slack, OFFERED, "0.0.0.0", 0, anywhere=True) as address,
        aiohttp.ClientSession() as http,
    ):
        here = address.replace("0.0.0.0", "127.0.0.1")
        async with http.get(here, headers={"Host": "playground.example"}) as reply:
            assert reply.status == 200
        async with http.post(f"{here}/do/say", json={}, headers={"Origin": here}) as reply:
            assert reply.status == 403


async def test_a_taken_port_is_said(slack):
    """In one sentence, with what to do."""
    async with opened(slack) as browser:
        port = int(browser.address.rpartition(":")[2])
        with pytest.raises(web.NotServed, match=f"Cannot listen on 127.0.0.1:{port} .* PORT={port + 1}"):
            async with web.served(slack, OFFERED, "127.0.0.1", port):
                pass


async def test_windows_are_told_what_their_person_sees_in_order(slack):
    """Everything first, then each message as it comes and changes; an ephemeral one only its asker is told of."""
    async with opened(slack) as browser, browser.watches("ana") as ana, browser.watches("ben") as ben:
        assert [(await anext(news))["kind"] for news in (ana, ben)] == ["all", "all"]
        await browser.says("/vt anything")
        await slack.until(lambda: sum(call.method == "response_url" for call in slack.calls) == 2)
        await browser.says("and now?")
        said = []
        async for news in ana:
            if news["kind"] == "message":
                said.append((news["message"]["text"], news["message"]["ephemeral"]))
            if news.get("message", {}).get("text") == "and now?":
                break
        assert said[:2] == [("looking", True), ("RISKY", True)]
        async for news in ben:
            if news["kind"] == "message":
                assert news["message"]["text"] == "and now?"
                break


async def test_a_connection_that_broke_keeps_the_form_of_its_tab(slack):
    """One that was opened in a tab is there when the tab is back; a tab that never saw it closes it."""
    async with opened(slack) as browser:
        async with browser.watches(tab="one") as news:
            await anext(news)
            await slack.uses_shortcut("ana", "open")
            await slack.until(lambda: slack.views("ana"))
            assert [len(one["modals"]) async for one in until_views(news)] == [1]
        for tab, left in (("one", 1), ("one", 1), ("another", 0)):
            async with browser.watches(tab=tab) as news:
                assert len((await anext(news))["modals"]) == left


async def test_a_form_that_no_tab_has_shown_waits_for_one(slack):
    """Opened from the terminal prompt, it is there when the page is opened."""
    async with opened(slack) as browser:
        await slack.uses_shortcut("ana", "open")
        await slack.until(lambda: slack.views("ana"))
        async with browser.watches(tab="one") as news:
            assert len((await anext(news))["modals"]) == 1


async def until_views(news):
    """What is told of views for the first time."""
    async for one in news:
        if one["kind"] == "views":
            yield one
            return


async def test_nobody_is_acted_as_who_is_not_there(slack):
    """A name that nobody has, or an app's, is answered with the names there are."""
    async with opened(slack) as browser:
        for name in ("nobody", "vt", "slackbot", ""):
            async with browser.watches(name) as news:
                told = [one async for one in news]
            assert told == [
                {"kind": "nobody", "people": ["ana", "ben", "admin", "guest", "stranger", "hana", "lucia"]}
            ]


async def test_deliveries_and_calls_can_be_looked_into(slack):
    """What was sent to the bot, how fast it acknowledged, and what it called, with the arguments."""
    async with opened(slack) as browser:
        await browser.says("/vt anything")
        await slack.until(lambda: any(call.method == "response_url" for call in slack.calls))
        async with browser.watches() as news:
            heads = (await anext(news))["journal"]
        sent = next(head for head in heads if head["name"] == "/vt")
        assert (sent["way"], sent["status"], sent["ms"] > 0) == ("in", 200, True)
        _, body = await browser.gets(f"/journal/{sent['n']}")
        assert json.loads(body)["in"]["text"] == "anything"
        called = next(head for head in heads if head["name"] == "response_url")
        _, body = await browser.gets(f"/journal/{called['n']}")
        assert json.loads(body)["in"]["text"] == "looking"
        assert (await browser.gets("/journal/99999"))[0].status == 404


@pytest.mark.parametrize(
    ("verb", "ask", "status"),
    [
        ("say", {"channel": "C0GENERAL1", "text": "/rm all"}, 409),
        ("say", {"channel": "C0GENERAL1", "text": "/vt x", "thread": "1.0"}, 409),
        ("say", {"channel": "C0NOWHERE", "text": "hello"}, 400),
        ("say", {}, 400),
        ("press", {"channel": "C0GENERAL1", "ts": "1.0", "block": "b", "action": "a"}, 400),
        ("submit", {"view": "V0NONE"}, 400),
        ("shortcut", {"callback": "check", "channel": "C0GENERAL1", "ts": "1.0"}, 400),
    ],
)
async def test_what_cannot_be_done_is_said(slack, verb, ask, status):
    """Unknown commands, commands in threads, places, buttons and forms that are not there."""
    async with opened(slack) as browser:
        answered, said = await browser.does(verb, ask)
        assert (answered, bool(said["error"])) == (status, True)


async def test_files_open_as_text_and_nothing_else(slack):
    """Text opens without being run, anything else is a download; a name with a path is only a name."""
    async with opened(slack) as browser:
        texts = {"raw.json": b'{"a": 1}', "x.html": b"<script>alert(1)</script>", "x.exe": b"MZ"}
        await slack.says("ana", "#general", "see", files=list(texts.items()))
        for file in slack.files("#general"):
            reply, body = await browser.gets(f"/files/{file.id}/x")
            assert body == texts[file.name]
            assert reply.headers["Content-Security-Policy"].startswith("sandbox")
            attached = reply.headers.get("Content-Disposition", "").startswith("attachment")
            assert attached or reply.content_type == "text/plain"
            reply, _ = await browser.gets(f"/files/{file.id}/x?download")
            assert reply.headers["Content-Disposition"].endswith(file.name)
        for path in ("/assets/..%2Findex.html", "/assets/%2Fetc%2Fpasswd", "/files/F0NONE/x"):
            assert (await browser.gets(path))[0].status == 404


async def test_what_is_too_large_is_refused_before_it_is_read(slack):
    """Files are kept in memory, so their size must be known and bearable."""
    async with opened(slack) as browser:
        sent = {"Origin": browser.address, guard.HEADER: browser.token}

        async def endless():
            yield b"{}"

        async with browser.http.post(f"{browser.address}/do/say", data=endless(), headers=sent) as reply:
            assert (reply.status, (await reply.json())["error"]) == (
                409,
                "That is too large: at most 256 MB.",
            )


async def test_the_scenes_are_there_and_the_bot_was_not_told(slack):
    """An incident to try it on: people, a thread, an attached mail; nothing of it was delivered."""
    scenes.furnish(slack.state)
    assert [file.name for file in slack.files("#inc-1042")] == ["invoice-1042.eml", "invoice-1042.js"]
    assert any(message.thread_ts for message in slack.messages("#inc-1042"))
    assert not slack.deliveries


# The process ---------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_without_tokens_there_are_a_page_and_a_prompt(tmp_path, database):
    """The prompt answers, the page shows the same workspace, and both end together at a signal."""
    pipe = asyncio.subprocess.PIPE
    place = {"PORT": "0", "DATABASE_URL": address(database)}
    async with vtbot(tmp_path, stdin=pipe, **place) as process, aiohttp.ClientSession() as http:
        [said] = [line for line in await says(process, "a practice Slack") if "http://" in line]
        there = next(word for word in said.split() if word.startswith("http://127.0.0.1:"))
        process.stdin.write(b"/vt scan-ip 192.0.2.1\n")
        await says(process, "SUSPICIOUS · 6 of 57 engines")
        process.stdin.write(b"/vt form\n")
        await says(process, f"This form is on the page: {there}/?as=ana")
        samples = f"{tmp_path.resolve()}/state/samples"
        process.stdin.write(f"/vt scan-file {samples}/*\n".encode())
        await says(process, "🔴 1 RISKY · ⚪ 2 UNKNOWN · 🟢 1 CLEAN")
        await says(process, "Upload it to VirusTotal?")
        async with http.get(f"{there}/live?as=ana") as reply:
            while not (line := await reply.content.readline()).startswith(b"data: "):
                pass
            news = json.loads(line[6:])
        assert any("SUSPICIOUS · 6 of 57 engines" in message["text"] for message in news["messages"])
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


@pytest.mark.slow
async def test_where_nobody_can_type_the_page_stays(tmp_path, database):
    """Without a terminal and without a line the end of input ends nothing."""
    async with vtbot(tmp_path, PORT="0", DATABASE_URL=address(database)) as process:
        await says(process, "a practice Slack")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
        process.terminate()
        async with asyncio.timeout(60):
            assert await process.wait() == 0


@pytest.mark.slow
async def test_a_run_that_cannot_have_its_port_says_so(tmp_path):
    """Exit 2, and what to do; the same for a host that others reach."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with vtbot(tmp_path, PORT=port) as process:
            await says(process, f"Cannot listen on 127.0.0.1:{port} (another program uses it)")
            assert await process.wait() == 2
    async with vtbot(tmp_path, PORT="0", HOST="0.0.0.0") as process:
        await says(process, "--i-know")
        assert await process.wait() == 2
