"""Replicas that are killed while they work: is each delivery answered, once, and how soon?

`python -m tests.bench.replicas --deliveries 6000` starts replicas on one PostgreSQL, beside a stand-in Slack and a stand-in
VirusTotal. Each command or mention is delivered twice, the second time to another replica and with the headers of Slack's
retries. Every few seconds one replica is killed with kill -9 and started again. What counts is what the workspace shows.
"""

import argparse
import asyncio
import itertools
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg

from bot.postgres import Server
from playground.slack import events, markup, payloads
from playground.slack.delivery import Delivery
from playground.slack.records import Hook, Message, Person
from playground.slack.rules import Rule
from playground.slack.seed import BOT
from playground.slack.state import new_id
from playground.slack.workspace import Workspace
from tests.bench.bots import virustotal
from tests.bench.clients.job import LATENCY
from tests.bench.load import percentile
from tests.bench.programs import memory
from tests.support.processes import Died, Process

ACK_SECONDS = 3.0
"""After which Slack takes a delivery for lost."""
RETRY_SECONDS = 0.5
"""Between a delivery and its copy."""
MENTIONED = 4
"""One in so many is a mention, whose answer is a message of its own; the others are commands, with a response_url."""
PEOPLE = 20
WAIT = 120
"""Seconds for the last answers."""
SETTLE = 3
"""Seconds in which an answer that is given twice would come."""
TELL_SECONDS = 60
"""Between two lines that say how far a run is."""
KEPT_SECONDS = 180
"""For which the workspace keeps an answered request: without end, an hour of messages would take gigabytes."""
OCTET = 20
ADDRESS = re.compile(r"\b(\d+)\[?\.\]?(\d+)\[?\.\]?(\d+)\[?\.\]?7\b")


@dataclass(slots=True)
class Asked:
    """One request as Slack sees it: its address is nobody else's, so every message about it is known by that."""

    accepted: float | None = None
    """When Slack was first told that it is taken."""
    answered: float | None = None
    """When the workspace first showed its verdict."""
    messages: set[tuple[str, str]] = field(default_factory=set)
    """All messages that tell of it."""
    question: Message | Hook | None = None
    """What the workspace keeps of it beside: the mention, or the response_url of the command."""

    @property
    def seconds(self):
        """From its acceptance to its answer; None before that."""
        if not self.accepted or not self.answered:
            return None
        # An answer may be shown before the acknowledgement has arrived.
        return max(0.0, self.answered - self.accepted)


class Run:
    """Replicas, what is asked of them and what the workspace shows."""

    def __init__(self, slack, environ, folder, octet=OCTET):
        """`octet`: what the addresses begin with that are asked for here."""
        self.slack, self.environ, self.folder, self.octet = slack, environ, folder, octet
        self.replicas, self.up = [], []
        self.asked, self.ack_seconds = [], []
        self.kills, self.freezes, self.unacknowledged, self.memory = 0, 0, 0, 0.0
        team, self._channel = slack.state.team, slack.state.channel("#general")
        self._people = [Person(f"U0PERSON{n:02d}", f"person{n}", f"Person {n}", team) for n in range(PEOPLE)]
        self._turns = itertools.count()
        self._unanswered, self._news = set(), asyncio.Event()
        self._answered = deque()
        slack.state.people |= {person.id: person for person in self._people}
        self._channel.members |= {person.id for person in self._people}
        slack.watches(self._see)

    async def start(self, count, *, imported=False):
        """So many replicas, all at work. `imported` is explained at Process."""
        for _ in range(count):
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            self.replicas.append(Process(self.environ, folder, imported=imported))
        await asyncio.gather(*map(self._revive, self.replicas))

    async def _revive(self, replica):
        while True:
            with suppress(Died):
                await replica.start()
                break
            await asyncio.sleep(1)
        replica.line = _Line(replica.ports[-1])
        self.up.append(replica)

    async def kill_every(self, seconds):
        """Kill the one that has lived longest, without end, and start it again; the next one when all are back."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
            began = time.monotonic()
            replica = self.up[0]
            self.memory = max(self.memory, *(memory(one.pid) for one in self.up))
            await replica.killed()
            replica.line.hang_up()
            self.kills += 1
            self.up.remove(replica)
            await self._revive(replica)

    async def freeze_every(self, seconds, frozen):
        """Stop one that is at work for `frozen` seconds, without end; others take its jobs, and it goes on with them after that.

        What is delivered to it meanwhile waits for it, so that Slack delivers it again, elsewhere.
        """
        for turn in itertools.count():
            await asyncio.sleep(seconds)
            pid = self.replicas[turn % len(self.replicas)].pid
            os.kill(pid, signal.SIGSTOP)
            self.freezes += 1
            try:
                await asyncio.sleep(frozen)
            finally:
                os.kill(pid, signal.SIGCONT)

    async def deliver(self, count, rate, most=sys.maxsize):
        """So many requests at so many a second, each sent when its time has come; later if `most` are still unanswered."""
        clock = asyncio.get_running_loop().time
        start = clock()
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                await asyncio.sleep(max(0.0, start + number / rate - clock()))
                await self._until(lambda: len(self._unanswered) < most)
                self._unanswered.add(len(self.asked))
                tasks.create_task(self._twice(len(self.asked)))
                self.asked.append(Asked())

    async def deliver_while_killing(self, seconds, *how):
        """The same while one replica after the other is killed, one in so many seconds."""
        await self._deliver_while(self.kill_every(seconds), *how)

    async def deliver_while_freezing(self, seconds, frozen, *how):
        """The same while one replica after the other is frozen for a while, with so many seconds in between."""
        await self._deliver_while(self.freeze_every(seconds, frozen), *how)

    async def _deliver_while(self, trouble, *how):
        trouble = asyncio.create_task(trouble)
        await self.deliver(*how)
        trouble.cancel()
        with suppress(asyncio.CancelledError):
            await trouble

    async def _twice(self, number):
        delivery = self._delivery(number)
        payloads.tell(self.slack.state, delivery.payload)
        copy = Delivery(delivery.kind, delivery.payload, 1, "http_timeout")
        first = next(self._turns)

        async def later():
            await asyncio.sleep(random.uniform(0, RETRY_SECONDS))  # noqa: S311 - not a secret
            await self._send(number, copy, first + 1)

        await asyncio.gather(self._send(number, delivery, first), later())
        if not self.asked[number].accepted:
            self._ended(number)

    def _delivery(self, number):
        state, person, channel = self.slack.state, self._people[number % PEOPLE], self._channel
        address = self.address(number)
        if number % MENTIONED:
            self.asked[number].question = hook = state.hook(person, channel)
            form = payloads.command(state, person, channel, "/vt", f"scan-ip {address}", hook)
            return Delivery("slash_commands", form)
        text = f"<@{BOT.id}> {address}"
        said = state.post(Message(state.ts(), channel.id, person.id, text, markup.rich(text)))
        self.asked[number].question = said
        [mention] = [inner for name, inner in events.posted(state, said) if name == "app_mention"]
        return Delivery("events_api", payloads.event(state, new_id("Ev"), mention))

    async def _send(self, number, delivery, turn):
        """To one replica, and as proxies do it to the next ones when that one is gone or answers 503."""
        body, kind = delivery.body()
        headers = {"Content-Type": kind, **self.slack.signed(body)}
        if delivery.retry:
            headers |= {"X-Slack-Retry-Num": str(delivery.retry), "X-Slack-Retry-Reason": delivery.reason}
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(ACK_SECONDS):
                for attempt in range(len(self.replicas)):
                    replica = self.up[(turn + attempt) % len(self.up)]
                    status, said = await replica.line.send(headers, body)
                    # A command that could not be stored is answered with 200, as Slack wants it, and a sentence.
                    if status == 200 and not said:
                        self._accept(number, time.monotonic() - began)
                        return
                    if status == 200:
                        break
        self.unacknowledged += 1

    def _accept(self, number, seconds):
        self.ack_seconds.append(seconds)
        asked = self.asked[number]
        asked.accepted = asked.accepted or time.monotonic()

    def _see(self, change):
        message = change.message
        if not message or message.user != BOT.id:
            return
        found = ADDRESS.search(message.text)
        if not found:
            return
        first, second, third = map(int, found.groups())
        number = (first - self.octet << 16) + (second << 8) + third
        asked = self.asked[number]
        asked.messages.add(message.key)
        if "NOT CHECKED" not in message.text and asked.answered is None:
            asked.answered = time.monotonic()
            self._answered.append(asked)
            self._ended(number)

    def address(self, number):
        """What the request of that number is about."""
        return f"{self.octet + (number >> 16)}.{number >> 8 & 255}.{number & 255}.7"

    def _ended(self, number):
        self._unanswered.discard(number)
        self._news.set()

    async def _until(self, condition):
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def tell(self, write):
        """Say each minute how far it is, and have the workspace forget what was answered long ago."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._forget(time.monotonic() - KEPT_SECONDS)
            if write:
                write(self.progress())

    def _forget(self, before):
        state = self.slack.state
        while self._answered and self._answered[0].answered < before:
            asked = self._answered.popleft()
            state.hooks.pop(getattr(asked.question, "id", ""), None)
            for key in (*asked.messages, getattr(asked.question, "key", None)):
                state.messages.pop(key, None)
            asked.question = None
        for trigger in [
            one.id for one in state.triggers.values() if one.used or state.clock() - one.born > KEPT_SECONDS
        ]:
            del state.triggers[trigger]

    def progress(self):
        """One line for people."""
        doubled = sum(len(one.messages) > 1 for one in self.asked)
        answered = [one.seconds for one in self.asked if one.seconds is not None]
        waiting = [time.monotonic() - one.accepted for one in self.asked if one.accepted and not one.answered]
        return (
            f"{time.strftime('%H:%M:%S')} delivered {len(self.asked)}, answered {len(answered)}, doubled {doubled}; "
            f"slowest {max(answered, default=0):.1f} s, oldest unanswered {max(waiting, default=0):.1f} s; "
            f"{self.kills} kills, {self.freezes} freezes, {len(self.slack.faults)} faults, replicas {self.memory:.0f} MB, this process {memory(os.getpid()):.0f} MB"
        )

    async def settle(self):
        """Until every accepted request is answered, or WAIT is over; and a while longer, for second answers."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until(lambda: not self._unanswered), WAIT)
        await asyncio.sleep(SETTLE)

    def report(self):
        """What came of it."""
        taken = [one for one in self.asked if one.accepted]
        waits = [one.seconds for one in taken if one.answered] or [0.0]
        doubled = [self.address(number) for number, one in enumerate(self.asked) if len(one.messages) > 1]
        lost = [
            self.address(number) for number, one in enumerate(self.asked) if one.accepted and not one.answered
        ]
        return Report(
            deliveries=len(self.asked),
            accepted=len(taken),
            answered_once=sum(bool(one.answered) and len(one.messages) == 1 for one in taken),
            doubled=len(doubled),
            lost=len(lost),
            kills=self.kills,
            freezes=self.freezes,
            unacknowledged=self.unacknowledged,
            acknowledged=_figures(self.ack_seconds),
            answered=_figures(waits),
            memory=self.memory,
            faults=self.slack.faults,
            failed={
                address: what for what, these in (("doubled", doubled), ("lost", lost)) for address in these
            },
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run: requests, and seconds as p50, p99 and the largest."""

    deliveries: int
    accepted: int
    answered_once: int
    doubled: int
    lost: int
    kills: int
    freezes: int
    unacknowledged: int
    acknowledged: tuple[float, float, float]
    answered: tuple[float, float, float]
    memory: float
    """Of the largest replica, in MB."""
    faults: list[str]
    failed: dict[str, str]
    """What went wrong with a request, by the address it is about."""

    def lines(self):
        """For people."""
        yield f"{self.deliveries} requests, each delivered twice; {self.kills} replicas killed, {self.freezes} frozen"
        yield f"accepted {self.accepted}, of these answered once {self.answered_once}, lost {self.lost}; doubled {self.doubled}"
        yield f"copies that no replica acknowledged: {self.unacknowledged} of {2 * self.deliveries}"
        for what, (p50, p99, most) in (
            ("delivery to acknowledgement", self.acknowledged),
            ("acceptance to answer", self.answered),
        ):
            yield f"{what}: p50 {p50:.3f} s, p99 {p99:.3f} s, slowest {most:.3f} s"
        yield f"largest replica {self.memory:.0f} MB; broken rules of Slack's: {len(self.faults)} {self.faults[:3] or ''}"


def _figures(seconds):
    return percentile(seconds, 50), percentile(seconds, 99), max(seconds)


class _Line:
    """Connections to one replica in one of its lives, kept open."""

    def __init__(self, port):
        self._port = port
        self._free = []

    async def send(self, headers, body):
        """The status and the body; 0 if the replica is gone."""
        try:
            reader, writer = (
                self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
            )
        except OSError:
            return 0, b""
        try:
            lines = [f"{name}: {value}" for name, value in headers.items()]
            head = "\r\n".join(
                [
                    "POST /slack/events HTTP/1.1",
                    "Host: bot",
                    f"Content-Length: {len(body)}",
                    *lines,
                    "",
                    "",
                ]
            )
            writer.write(head.encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = re.search(rb"content-length: (\d+)", head)
            said = await reader.readexactly(int(length[1]) if length else 0)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return 0, b""
        except BaseException:
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(head[9:12]), said

    def hang_up(self):
        """Close what is open."""
        while self._free:
            self._free.pop()[1].close()


async def run(url, folder, story, *, replicas=3, latency=LATENCY, write=None, imported=False):
    """Tell a story of replicas on one database: it is called with the `Run`. The replicas are killed at the end.

    `write` is called each minute with a line that says how far it is.
    """
    with ExitStack() as stack:
        virustotal_url = await asyncio.to_thread(stack.enter_context, virustotal(latency))
        async with Workspace(events=()) as slack:
            slack.forgives(Rule.LATE, Rule.ACK)
            environ = {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "VT_API_KEY": "some-key",
                "VT_API_URL": virustotal_url,
                "VT_QUOTA_MINUTE": "0",
                "VT_QUOTA_DAY": "0",
                "VT_QUOTA_MONTH": "0",
                "DATABASE_URL": url,
                "PORT": "0",
            }
            under_test = Run(slack, environ, folder)
            telling = asyncio.create_task(under_test.tell(write))
            try:
                await under_test.start(replicas, imported=imported)
                await story(under_test)
                await under_test.settle()
                return under_test.report()
            finally:
                telling.cancel()
                for replica in under_test.up:
                    replica.line.hang_up()
                for replica in under_test.replicas:
                    await replica.killed()


def cases(url, failed):
    """A line for each request with which something went wrong: its case, and what the database says of that."""
    sql = "SELECT id, outcome, created, progress->'posts', progress->'posting' FROM cases WHERE request::text LIKE %s"
    with psycopg.connect(url) as connection:
        for address, what in failed.items():
            found = connection.execute(sql, [f'%"{address}"%']).fetchall()
            yield f"{what}: {address}, case {', '.join(' '.join(map(str, row)) for row in found) or 'not stored'}"


def left(url):
    """Jobs and open requests that are left in the database."""
    with psycopg.connect(url) as connection:
        jobs = connection.execute("SELECT status, count(*) FROM procrastinate_jobs GROUP BY 1").fetchall()
        cases = connection.execute("SELECT outcome, count(*) FROM cases GROUP BY 1").fetchall()
        [size] = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    return f"left in the database: jobs {jobs}, requests {cases}, {size}"


def main():
    """Run it with a PostgreSQL of its own, or with --database."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--deliveries", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=20, help="requests a second; each is delivered twice")
    parser.add_argument(
        "--most", type=int, default=sys.maxsize, help="unanswered requests, beyond which the rate drops"
    )
    parser.add_argument("--kill-every", type=float, default=10, metavar="SECONDS")
    parser.add_argument(
        "--freeze",
        type=float,
        metavar="SECONDS",
        help="freeze them for so long, with so long in between, instead",
    )
    parser.add_argument("--database", metavar="URL", help="an empty PostgreSQL database instead")
    parser.add_argument("--keep", metavar="FOLDER", help="where the replicas' logs are kept")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = given.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="vtbot-replicas-"))
        Path(folder).mkdir(mode=0o755, exist_ok=True)
        Path(folder).chmod(0o755)
        url = given.database or stack.enter_context(Server(Path(folder) / "state").used())
        began, write = time.monotonic(), partial(print, flush=True)
        how = given.deliveries, given.rate, given.most

        def story(running):
            if given.freeze:
                return running.deliver_while_freezing(given.freeze, given.freeze, *how)
            return running.deliver_while_killing(given.kill_every, *how)

        report = asyncio.run(run(url, folder, story, replicas=given.replicas, write=write))
        for line in (
            *report.lines(),
            *cases(url, report.failed),
            left(url),
            f"{time.monotonic() - began:.0f} s",
        ):
            write(line)
    return 1 if report.lost or report.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
