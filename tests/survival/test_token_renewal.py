"""Tokens that expire while several processes use them: each is renewed once, since Slack's refresh tokens work once."""

import asyncio
from datetime import timedelta
from functools import partial

import aiohttp
import psycopg

from handlers.admission import RECENT
from playground.slack import events, markup, payloads
from playground.slack.delivery import Delivery
from playground.slack.oauth import Slack
from playground.slack.records import Message
from playground.slack.seed import BOT
from playground.slack.state import new_id
from playground.virustotal import Sandbox
from tests.support.app_fixture import ANA, GENERAL, Clock
from tests.support.oauth_apps import FIRST, Browser, environ_of, workspaces_of_all
from tests.support.processes import Process

HALF_A_DAY = timedelta(hours=13)
EXPIRIES = 3
EXCHANGE = 0.4
"""Seconds that Slack takes for an exchange: long enough for every process to want one."""


async def test_two_processes_renew_a_token_at_the_same_moment(database, tmp_path):
    """Deliveries to both find the token expired, round after round: one renewal each time, and both processes go on."""
    clock = Clock()
    workspaces = workspaces_of_all()
    async with (
        Slack(*workspaces, clock=clock.seconds, rotates=True) as slack,
        Sandbox().serve() as virustotal,
    ):
        environ = environ_of(slack, virustotal.url, database)
        processes = [Process(environ, tmp_path) for _ in range(2)]
        try:
            ports = await asyncio.gather(*(process.start() for process in processes))
            slack.redirect_urls = [f"http://127.0.0.1:{ports[0]}/slack/oauth_redirect"]
            browser = Browser(slack, ports[0])
            await browser.installs(FIRST)
            await browser.http.close()
            slack.exchanged = lambda: asyncio.sleep(EXCHANGE)
            [grant] = slack.tokens.grants
            for number in range(EXPIRIES):
                await expire(clock, database)
                asked = await ask_all(workspaces[0], ports, number)
                await workspaces[0].until(partial(answered, workspaces[0], asked))
                assert (len(grant.tokens), slack.tokens.reused) == (number + 2, 0)
        finally:
            for process in processes:
                await process.killed()
        written = "".join(process.written() for process in processes)
        assert written.count('"event": "token_renewed"') == EXPIRIES
        assert not [secret for secret in (*grant.tokens, grant.refresh) if secret in written]
        assert slack.faults == []


async def expire(clock, database):
    """Half a day passes at Slack, and for the token in the database; no process has read it a moment ago."""
    clock.ahead += HALF_A_DAY
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE slack_installations SET expires = clock_timestamp() - interval '1 minute'")
    await asyncio.sleep(RECENT.total_seconds())


async def ask_all(workspace, ports, number):
    """Two questions for each process, all at the same time. Returns their addresses."""
    asked = [f"198.51.{number}.{value}" for value in range(101, 101 + 2 * len(ports))]

    async with aiohttp.ClientSession() as http:

        async def ask(address, port):
            body, kind = mention(workspace.state, address).body()
            headers = {"Content-Type": kind, **workspace.signed(body)}
            async with http.post(
                f"http://127.0.0.1:{port}/slack/events", data=body, headers=headers
            ) as reply:
                assert reply.status == 200

        await asyncio.gather(*(ask(address, ports[index % 2]) for index, address in enumerate(asked)))
    return asked


def mention(state, address):
    """Somebody mentions the bot; what Slack sends then."""
    text = f"<@{BOT.id}> {address}"
    person, channel = state.person(ANA), state.channel(GENERAL)
    said = state.post(Message(state.ts(), channel.id, person.id, text, markup.rich(text)))
    [inner] = [inner for name, inner in events.posted(state, said) if name == "app_mention"]
    delivery = Delivery("events_api", payloads.event(state, new_id("Ev"), inner))
    payloads.tell(state, delivery.payload)
    return delivery


def answered(workspace, asked):
    """Each of them has its verdict, in one message."""
    texts = ["\n".join(workspace.shown(one)) for one in workspace.messages(GENERAL) if one.bot_id]
    said = [[text for text in texts if address.replace(".", "[.]") in text] for address in asked]
    return all(len(found) == 1 and "NOT CHECKED" not in found[0] for found in said)
