"""Two workspaces and an organisation over replicas that are killed: does anybody see anything of the others?

`python -m tests.bench.workspaces --deliveries 10000` installs the bot by OAuth in three places, in two of which people,
channels and files have the same ids, each with a key of VirusTotal's of its own. All of them ask at the same time, every
delivery comes twice, and one replica after the other is killed with kill -9. Half-way one workspace removes the app and
installs it again. Each place asks for addresses that begin with a number of its own: whatever shows one with the number of
another place has shown something of it.
"""

import argparse
import asyncio
import hashlib
import json
import re
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import psycopg

from bot.manifest import SCOPES
from bot.postgres import Server
from playground.slack import events, markup, payloads
from playground.slack.delivery import Delivery
from playground.slack.oauth import Slack
from playground.slack.records import Message
from playground.slack.rules import Rule
from playground.slack.seed import BOT, ENTERPRISE
from playground.slack.state import new_id
from playground.slack.workspace import Workspace
from tests.bench.bots import virustotal
from tests.bench.clients.job import LATENCY
from tests.bench.replicas import Run, cases, left
from tests.support.oauth_apps import FIRST, SECOND, THIRD, Browser, environ_of

OCTETS = {FIRST: 21, SECOND: 22, THIRD: 23}
"""What the addresses begin with that people of each place ask for."""
DIGESTS = {team: hashlib.sha256(team.encode()).hexdigest() for team in OCTETS}
"""Of the file that people of each place hand in, under the same id."""
INSTALLED = {FIRST: FIRST, SECOND: SECOND, ENTERPRISE: THIRD}
"""Where the app is installed, and the workspace in which people use it then."""
ASKER = "person1"
_MARK = re.compile(r"\b(2[123])\[?\.\]?\d{1,3}\[?\.\]?\d{1,3}\[?\.\]?7\b")


class Place(Run):
    """One workspace: what is asked in it, and what it shows of the others."""

    def __init__(self, slack, environ, folder):
        super().__init__(slack, environ, folder, OCTETS[slack.state.team])
        self.leaks = []
        self.known = set()
        """The other places' addresses that somebody here has asked for as well."""
        self.is_over = False
        """Whether what is asked is no longer counted."""
        self.read = 0
        """How many texts were looked through."""

    def look(self, where, shown):
        """Look for what belongs to another workspace."""
        self.read += 1
        text = shown if isinstance(shown, str) else json.dumps(shown, default=str)
        marks = {re.sub(r"[\[\]]", "", found[0]) for found in _MARK.finditer(text)}
        foreign = {mark for mark in marks - self.known if not mark.startswith(f"{self.octet}.")}
        foreign |= {
            team for team, digest in DIGESTS.items() if team != self.slack.state.team and digest in text
        }
        foreign |= {team for team in OCTETS if team != self.slack.state.team and team in text}
        if foreign:
            self.leaks.append(f"{self.slack.name}, {where}: {', '.join(sorted(foreign))}")

    def _see(self, change):
        if change.message:
            self.look("message", [change.message.text, change.message.blocks, change.message.attachments])
            if not self.is_over and not self.leaks:
                super()._see(change)

    async def answered(self):
        """Until everything that was accepted so far is answered."""
        await self._until(lambda: not self._unanswered)


class Places:
    """All of them over the same replicas."""

    def __init__(self, slack, environ, folder):
        self.slack = slack
        self.runs = {team: Place(slack.workspaces[team], environ, folder) for team in OCTETS}
        self.first = self.runs[FIRST]
        for run in self.runs.values():
            run.replicas, run.up = self.first.replicas, self.first.up
        self.told = []
        """What the people of the workspace read that had removed the app."""

    async def on_living(self, work):
        """Do something that needs one replica, with its port; again with another one when that dies meanwhile."""
        while True:
            port = self.first.up[-1].ports[-1]
            for run in self.runs.values():
                run.slack.target = f"http://127.0.0.1:{port}/slack/events"
            with suppress(aiohttp.ClientError, AssertionError, OSError, TimeoutError):
                return await work(port)
            await asyncio.sleep(0.2)

    async def install(self, place):
        """By the pages, as somebody with a browser does."""

        async def by_browser(port):
            self.slack.redirect_urls = [f"http://127.0.0.1:{port}/slack/oauth_redirect"]
            browser = Browser(self.slack, port)
            try:
                await browser.installs(place)
            finally:
                await browser.http.close()

        await self.on_living(by_browser)

    async def uninstall(self, place):
        """Slack tells it until somebody has listened."""

        async def told(_):
            acks = await self.slack.uninstalls(place)
            assert all(ack.ok for ack in acks)

        await self.on_living(told)

    async def ask(self, team, line):
        """Somebody types it, and reads the whole answer."""
        slack = self.runs[team].slack

        async def typed(_):
            exchange = await slack.types(ASKER, "#general", line)
            assert exchange.status == 200
            shown = await exchange.answer(timeout=20)
            await slack.until(
                lambda: "⏳" not in "".join(slack.shown(slack.state.messages[shown.key])[:1]), timeout=30
            )
            return slack.state.messages[shown.key]

        message = await self.on_living(typed)
        return message, "\n".join(slack.shown(message))

    async def deliver(self, count, rate, most):
        """So many requests in all, shared out among the places. One of them is uninstalled and comes back in the middle."""
        each, how = count // len(self.runs), (rate / len(self.runs), most)
        away = partial(self._deliver_with_removal, self.runs[SECOND], each, *how)
        await asyncio.gather(
            away(), *(run.deliver(each, *how) for team, run in self.runs.items() if team != SECOND)
        )

    async def _deliver_with_removal(self, run, count, *how):
        await run.deliver(count // 2, *how)
        await run.answered()
        await self.uninstall(SECOND)
        for number in range(3):
            _, said = await self.ask(SECOND, f"/vt scan-ip {run.address(number)}")
            self.told.append(said)
        await self.install(SECOND)
        await run.deliver(count - count // 2, *how)

    # What is to be seen afterwards ---------------------------------------------------------------------

    async def look_around(self, team):
        """Whatever shows what was asked before: history, JSON, a report's picture and the home."""
        run, others = self.runs[team], [run for other, run in self.runs.items() if other != team]
        run.is_over = True
        _, own = await self.ask(team, f"/vt scan-ip {run.address(0)}")
        if "looked up" not in own:
            run.leaks.append(f"{run.slack.name}: it has forgotten what was looked up")
        for other in others:
            address = other.address(1)
            run.known.add(address)
            _, report = await self.ask(team, f"/vt report {address}")
            message, said = await self.ask(team, f"/vt scan-ip {address}")
            if "looked up" in said or "no verdict" not in report:
                run.leaks.append(f"{run.slack.name}: it knows what was looked up elsewhere")
            await self._press_json(run, message)
        await self._hand_in_file(run)
        await self.on_living(lambda _: run.slack.opens_home(ASKER))
        await run.slack.until(lambda: run.slack.home(ASKER), timeout=30)
        run.look("home", "\n".join(run.slack.shown(run.slack.home(ASKER))))

    async def _press_json(self, run, message):
        files = set(run.slack.state.files)
        await self.on_living(lambda _: run.slack.presses(ASKER, message, "JSON"))
        with suppress(TimeoutError):
            await run.slack.until(lambda: set(run.slack.state.files) - files, timeout=30)
        for name in set(run.slack.state.files) - files:
            if (content := run.slack.state.files[name].content).count(b"EntityResult") != 1:
                run.leaks.append(f"{run.slack.name}: a JSON file with {content[:80]!r}")

    async def _hand_in_file(self, run):
        """A file whose id is the same in every workspace: what is read is the one of that workspace."""
        state, person, channel = (
            run.slack.state,
            run.slack.state.person(ASKER),
            run.slack.state.channel("#general"),
        )
        name = f"{state.team}.txt"
        file = replace(state.file(name, state.team.encode(), person, "text/plain"), id="F0SAME0001")
        text = f"<@{BOT.id}>"
        shared = state.share([file], channel.id, None)
        post = Message(state.ts(), channel.id, person.id, text, markup.rich(text), files=shared)
        [inner] = [inner for kind, inner in events.posted(state, state.post(post)) if kind == "app_mention"]
        delivery = Delivery("events_api", payloads.event(state, new_id("Ev"), inner))

        async def delivered(_):
            assert (await run.slack.dispatcher.deliver(delivery)).ok

        await self.on_living(delivered)
        digest = hashlib.sha256(state.team.encode()).hexdigest()
        await run.slack.until(
            lambda: any(name in text and digest in text for text in self._texts(run)), timeout=60
        )

    @staticmethod
    def _texts(run):
        return ["\n".join(run.slack.shown(one)) for one in run.slack.messages("#general") if one.bot_id]

    def stored(self, url):
        """What the rows of each workspace say about the others, and about the instance that answered it."""
        with psycopg.connect(url) as connection:
            for team, run in self.runs.items():
                for table, what in (("audit", "what"), ("cases", "request"), ("sightings", "what")):
                    rows = connection.execute(f"SELECT {what}::text FROM {table} WHERE team = %s", [team])  # noqa: S608 - constants
                    for (text,) in rows.fetchall():
                        run.look(table, text)
                found = connection.execute(
                    "SELECT DISTINCT instance FROM audit WHERE team = %s AND instance <> ''", [team]
                )
                if (names := [name for (name,) in found.fetchall()]) != [team.lower()]:
                    run.leaks.append(f"{run.slack.name}: answered by the instances {names}")
            [keys] = connection.execute("SELECT count(*) FROM quotas WHERE use <> ''").fetchone()
        return keys


def instances(folder):
    """A file in which each workspace has a key of its own."""
    path = Path(folder) / "instances.toml"
    tables = (
        f'[{team.lower()}]\nkey = "{octet:064x}"\nteams = ["{team}"]\nquota_minute = 0\nquota_day = 1000000\nquota_month = 0\n'
        for team, octet in OCTETS.items()
    )
    path.write_text("\n".join(tables))
    return path


async def run(url, folder, story, *, replicas=3, latency=LATENCY, write=None, imported=False):
    """Tell a story of replicas with all places installed; returns the `Places`."""
    with ExitStack() as stack:
        virustotal_url = await asyncio.to_thread(stack.enter_context, virustotal(latency))
        options = {"events": ["app_home_opened"], "scopes": SCOPES}
        workspaces = [
            Workspace(team=FIRST, name="First", **options),
            Workspace(team=SECOND, name="Second", **options),
            Workspace(team=THIRD, name="Third", enterprise=ENTERPRISE, number=3, **options),
        ]
        async with Slack(*workspaces) as slack:
            for workspace in workspaces:
                workspace.forgives(Rule.LATE, Rule.ACK)
            environ = environ_of(slack, virustotal_url, url) | {"INSTANCES_FILE": str(instances(folder))}
            environ = {name: value for name, value in environ.items() if not name.startswith("VT_API_KEY")}
            places = Places(slack, environ, Path(folder))
            telling = [asyncio.create_task(place.tell(write)) for place in places.runs.values()]
            try:
                await places.first.start(replicas, imported=imported)
                for place in INSTALLED:
                    await places.install(place)
                await story(places)
                for place in places.runs.values():
                    await place.settle()
                for team in places.runs:
                    await places.look_around(team)
                return places
            finally:
                for task in telling:
                    task.cancel()
                for replica in places.first.up:
                    replica.line.hang_up()
                for replica in places.first.replicas:
                    await replica.killed()


async def deliver_while_killing(places, seconds, *how):
    """So many requests, at such a rate, with so many unanswered at most, while a replica is killed every so many seconds."""
    killing = asyncio.create_task(places.first.kill_every(seconds))
    await places.deliver(*how)
    killing.cancel()
    with suppress(asyncio.CancelledError):
        await killing


def lines(places, url):
    """For people: what came of it."""
    keys = places.stored(url)
    for place in places.runs.values():
        report = place.report()
        yield f"{place.slack.name}: {report.accepted} of {report.deliveries} accepted, answered once {report.answered_once}, lost {report.lost}, doubled {report.doubled}"
        yield from cases(url, report.failed)
        yield f"  looked through {place.read} texts, of the others: {len(place.leaks)} {place.leaks[:3] or ''}; broken rules of Slack's: {place.slack.faults[:3] or 0}"
    yield f"{places.first.kills} replicas killed; {keys} keys with a quota of their own; while it was removed: {places.told[:1]}"
    yield left(url)


def is_well(places):
    """Whether nobody saw anything of the others, and everything was answered once."""
    reports = [place.report() for place in places.runs.values()]
    return not any(place.leaks for place in places.runs.values()) and all(
        report.answered_once == report.accepted and not report.lost and not report.doubled
        for report in reports
    )


def main():
    """Run it with a PostgreSQL of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument(
        "--deliveries", type=int, default=10_000, help="requests, each of which is delivered twice"
    )
    parser.add_argument("--rate", type=float, default=12, help="requests a second")
    parser.add_argument(
        "--most", type=int, default=200, help="unanswered requests of one place, beyond which the rate drops"
    )
    parser.add_argument("--kill-every", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--keep", metavar="FOLDER", help="where the replicas' logs are kept")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="vtbot-workspaces-"))
        Path(folder).mkdir(mode=0o755, exist_ok=True)
        Path(folder).chmod(0o755)
        url = stack.enter_context(Server(Path(folder) / "state").used())
        began, write = time.monotonic(), partial(print, flush=True)
        how = given.kill_every, given.deliveries, given.rate, given.most
        places = asyncio.run(
            run(
                url,
                folder,
                lambda places: deliver_while_killing(places, *how),
                replicas=given.replicas,
                write=write,
            )
        )
        for line in (*lines(places, url), f"{time.monotonic() - began:.0f} s"):
            write(line)
    return 0 if is_well(places) else 1


if __name__ == "__main__":
    sys.exit(main())
