"""How rows_of_2854d27.json was made: the code of that commit at work, its rows and its stand-in Slack written down.

Run it with that commit's code, never with today's:

    git worktree add ../before 2854d27
    PYTHONPATH=../before:../before/tests .venv/bin/python tests/data/write_rows_of_2854d27.py tests/data/rows_of_2854d27.json
"""

import asyncio
import json
import sys
import tempfile
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path

import bot.app
import psycopg
from bot.database import Database, prepare
from bot.database.postgres import Server
from bot.people import Acquaintances
from bot.store import Cases
from bot.watching import Cards
from handlers.case import Case, Outcome
from handlers.request import Origin, Request, Verb, Way
from handlers.watch import Wishes
from office import ANA, BEN, GENERAL, at_work
from vt import errors
from vt.actions import ACTIONS, BY_KEY
from vt.indicators import Indicator, Kind
from vt.lookup import Lookup
from vt.sandbox import faults

INC = "#inc-1042"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
HASHES = [f"{number:064x}" for number in range(1, 10)]
SECRET = "https://shop.example-store.com/reset?token=dGhpc2lzYXNlY3JldA"
TABLES = (
    *("cases", "quotas", "replies", "modals", "channels", "sightings", "people", "rooms", "audit"),
    *(
        "watch_channels",
        "watch_cards",
        "watch_seen",
        "watch_ignored",
        "procrastinate_workers",
        "procrastinate_jobs",
    ),
)
SAMPLES = {
    "seconds": 60.0,
    "status": 503,
    "why": "html",
    "host": "web-1",
    "retry_at": datetime(2030, 1, 1, tzinfo=UTC),
    "calls": 9,
    "path": "/srv/samples/a.bin",
    "size": 3,
    "limit": 2,
    "budget": 1,
    "fingerprint": "SHA256:abc",
    "typed": True,
}


def failed():
    """A lookup for each error, with sample data where it has fields."""
    for error in errors.tree():
        data = [SAMPLES[one.name] for one in fields(error)] if is_dataclass(error) else []
        start = Lookup.of(Indicator(Kind.IPV4, "198.51.100.77"), BY_KEY["scan-ip"], 25)
        yield start.failed(error(*data))


def record_turns(kept):
    """The worker that the bot makes, so that it can be stopped while everything else goes on."""
    make = bot.app._turns

    def made(*arguments):
        kept.append(make(*arguments))
        return kept[-1]

    bot.app._turns = made


class Writer:
    """People at work, in two parts: while turns are taken, and after the worker has stopped."""

    def __init__(self, office, folder, turns):
        self.office, self.slack, self.folder, self.turns = office, office.slack, folder, turns
        self.cases = Cases(Database(office.database))

    def file(self, name, content=None):
        path = self.folder / name
        path.write_bytes(content or name.encode() * 3)
        return path

    async def shown(self, message, words):
        await self.slack.until(lambda: words in self.office.now(message), timeout=60)
        return self.slack.world.messages[message.key]

    async def rests(self):
        """Until no turn is under way and nothing is due within a moment."""
        busy = (
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
            " OR (status = 'todo' AND (scheduled_at IS NULL OR scheduled_at < now() + interval '1 s'))"
        )
        async with await psycopg.AsyncConnection.connect(self.office.database, autocommit=True) as connection:
            while (await (await connection.execute(busy)).fetchone())[0]:
                await asyncio.sleep(0.05)

    # While turns are taken -------------------------------------------------------------------------------

    async def finished(self):
        office, slack = self.office, self.slack
        self.private = await office.asks("/vt scan-ip 192.0.2.1")
        self.second = await office.asks(f"/vt scan-hash {HASHES[1]} --threshold 2")
        self.shared = await office.asks(f"/vt scan-hash {EICAR} --share")
        self.hidden = await office.asks(f"/vt scan-hash {HASHES[3]} --share")
        self.domain = await office.asks("/vt domain-report example.com")
        self.unknown = await office.asks("/vt scan-url http://unknown.example-store.com/a")
        self.unsent = await office.asks(f"/vt 10.0.0.1 {SECRET}")
        mention = await slack.says(ANA, GENERAL, f"<@{slack.person('vt').id}> {HASHES[4]}")
        await self.rests()
        self.mentioned = mention.said
        for line in ("/vt help", "/vt ping", "/vt quota", "/vt scan-ip nonsense"):
            await slack.types(ANA, GENERAL, line)
        await slack.presses(ANA, self.private, "JSON")
        await slack.presses(ANA, self.private, "Share")
        await slack.opens_home(ANA)
        await self.rests()
        await slack.types("admin", GENERAL, "/vt settings")
        await self.rests()
        [view] = slack.views("admin")
        await slack.submits("admin", slack.fills("admin", view, {"scan-hash": "4"}))
        await slack.types("admin", INC, "/vt settings")
        await self.rests()
        every = Request(
            id="every-error",
            delivery="every-error",
            verb=Verb.LOOK_UP,
            at=datetime.now(UTC),
            origin=Origin(team="T0PLAYGRND", user="U0ANA00001", channel="C0GENERAL1", response_url=None),
            lookups=(),
        )
        await self.cases.accept(every)
        async with await psycopg.AsyncConnection.connect(office.database, autocommit=True) as connection:
            await connection.execute("DELETE FROM procrastinate_jobs WHERE lock = 'every-error'")
        await self.cases.save(Case(request=every, lookups=tuple(failed()), outcome=Outcome.ANSWERED))

    async def watched(self):
        slack = self.slack
        await slack.types(ANA, INC, "/vt watch on")
        await slack.types(ANA, INC, "/vt ignore example-ignored.com false alarm")
        await self.rests()
        self.carded = (await slack.says(ANA, INC, f"we saw {EICAR}")).said
        self.asked = (await slack.says(ANA, INC, f"and {SECRET}")).said
        await asyncio.sleep(1.5)
        await self.rests()
        self.repeated = (await slack.says(BEN, INC, f"I saw {EICAR} too")).said
        await asyncio.sleep(1.5)
        await self.rests()
        await slack.types(ANA, INC, "/vt watch reactions")
        await self.rests()
        await slack.says(ANA, INC, f"a mark for {HASHES[7]}")
        await asyncio.sleep(1.5)
        await self.rests()
        await slack.types(ANA, INC, "/vt watch on")
        await self.rests()

    async def waiting(self):
        office, slack, vt = self.office, self.slack, self.office.virustotal
        self.consent = await office.asks(f"/vt scan-file {self.file('consent.bin')}")
        self.agreed = await office.asks(f"/vt scan-file {self.file('agreed.bin')}")
        queued = await office.asks(f"/vt scan-file {self.file('queued.bin')}")
        known = await office.asks(f"/vt scan-file {self.file('known.com', EICAR_FILE)}")
        await slack.presses(ANA, queued, "Upload")
        await self.shown(queued, "PENDING")
        await slack.presses(ANA, known, "more", "Upload anyway")
        await self.shown(known, "Upload")
        self.offered = known
        submitted = await office.asks("/vt scan-url http://unknown.example-store.com/b")
        await slack.presses(ANA, submitted, "Submit for scanning")
        await self.shown(submitted, "PENDING")
        await self.rests()
        vt.faults.add("ip-address/report", *[faults.status(503)] * 3)
        await slack.types(ANA, GENERAL, "/vt scan-ip 198.51.100.31")
        await asyncio.sleep(1)
        await self.rests()
        hanging = asyncio.Event()

        async def hangs(_, reply):
            hanging.set()
            await asyncio.sleep(30)
            return await reply()

        begun = await office.asks(f"/vt scan-file {self.file('begun.bin')}")
        vt.faults.add("file/scan", hangs)
        await slack.presses(ANA, begun, "Upload")
        await hanging.wait()
        vt.faults.add("ip-address/report", faults.status(204))
        await slack.types(ANA, GENERAL, "/vt scan-ip 198.51.100.32 198.51.100.33")
        await asyncio.sleep(1)
        await slack.types(ANA, GENERAL, "/vt scan-ip 198.51.100.34 --share")
        await asyncio.sleep(1)

    # After the worker has stopped ------------------------------------------------------------------------

    async def fresh(self):
        """One request of each verb that nobody has begun."""
        slack, now = self.slack, self.slack.world.messages
        for line in (
            "scan-ip 198.51.100.41",
            "help",
            "ping",
            "quota",
            "watch",
            "ignore example-other.com why not",
        ):
            await slack.types(ANA, GENERAL if "w" not in line.split()[0] else INC, f"/vt {line}")
        await slack.types(ANA, GENERAL, f"/vt domain-report <@{slack.person('ben').id}>")
        await slack.types(ANA, GENERAL, f"/vt scan-file {self.file('fresh.bin')}")
        await slack.says(ANA, "@ana", "198.51.100.42")
        await slack.says(ANA, INC, f"<@{slack.person('vt').id}>", thread=self.carded)
        for button in ("JSON", "Share"):
            await slack.presses(ANA, now[self.second.key], button)
        for entry in ("Details", "Why?", "Comments", "Check again now"):
            await self.picks(self.shared, entry)
        await slack.presses(ANA, now[self.hidden.key], "Make private")
        await slack.presses(ANA, now[self.unknown.key], "Submit for scanning")
        await slack.presses(ANA, now[self.unsent.key], "Check anyway")
        await slack.presses(ANA, now[self.agreed.key], "Upload")
        await self.picks(self.offered, "Upload anyway")
        await slack.opens_home(BEN)
        await slack.creates_channel(ANA, "inc-1043")
        question = next(one for one in slack.messages(INC, ANA) if one.ephemeral_to and slack.buttons(one))
        await slack.presses(ANA, question, 1)
        [view] = slack.views("admin")
        await slack.submits("admin", slack.fills("admin", view, {"scan-ip": "7"}))
        await slack.types("admin", GENERAL, "/vt settings")
        await slack.types(BEN, GENERAL, f"/vt form {HASHES[5]}")
        await slack.says(ANA, INC, f"and at last {HASHES[6]}")

    async def picks(self, message, entry):
        try:
            await self.slack.presses(ANA, self.slack.world.messages[message.key], "more", entry)
        except LookupError as error:
            print(f"no {entry}: {error}", [button.label for button in self.slack.buttons(message)])

    async def made_up(self):
        """Requests for which there was no button: as the listeners would have stored them."""
        async with await psycopg.AsyncConnection.connect(self.office.database, autocommit=True) as connection:
            have = {
                row[0]
                for row in await (
                    await connection.execute("SELECT DISTINCT verb FROM cases WHERE outcome = 'open'")
                ).fetchall()
            }
            card = await (
                await connection.execute("SELECT case_id FROM watch_cards ORDER BY message LIMIT 1")
            ).fetchone()
            about = await (
                await connection.execute(
                    "SELECT id FROM cases WHERE verb = 'look-up' AND outcome = 'answered' ORDER BY created LIMIT 1"
                )
            ).fetchone()
        person, world = self.slack.person(ANA), self.slack.world
        for verb in Verb:
            if verb in have:
                continue
            on_card = verb in (Verb.PRIORITISE, Verb.ALLOW_URL, Verb.DECLINE_URL, Verb.SHOW_CARD)
            channel = world.channel(INC if on_card else GENERAL)
            url = world.hook_url(world.hook(person, channel))
            request = Request(
                id=f"made-up-{verb}",
                delivery=f"made-up-{verb}",
                verb=verb,
                at=datetime.now(UTC),
                origin=Origin(
                    team=person.team, user=person.id, channel=channel.id, response_url=url, way=Way.BUTTON
                ),
                about=(card if on_card else about)[0],
                note="It is said." if verb is Verb.SAY else "",
                view=next(iter(world.views)) if verb in (Verb.RESCAN_COST, Verb.WHY) else None,
                modal="any" if verb in (Verb.RESCAN_COST, Verb.WHY) else "",
            )
            print("made up:", verb)
            await self.cases.accept(request)

    async def wished(self):
        """What a card was asked for since its last round, and what was learnt of a channel."""
        database = Database(self.office.database)
        async with await psycopg.AsyncConnection.connect(self.office.database, autocommit=True) as connection:
            query = "SELECT case_id FROM watch_cards WHERE message = %s"
            [card] = await (await connection.execute(query, [self.carded.ts])).fetchone()
        await Cards(database, lambda: datetime.now(UTC)).wish(card, Wishes(shown=True, hurried=True))
        await Acquaintances(database).keep_room("C0INC10420", "inc-1042", datetime.now(UTC))
        await database.close()

    async def doing(self):
        """Some turns were under way when the process was killed."""
        async with await psycopg.AsyncConnection.connect(self.office.database, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (9000, now() - interval '1 h')"
            )
            await connection.execute(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = 9000 WHERE id IN"
                " (SELECT id FROM procrastinate_jobs WHERE task_name = 'turn' ORDER BY id DESC LIMIT 2)"
            )


EICAR_FILE = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def plain(value):
    """As JSON takes it."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return sorted(value) if isinstance(value, set) else value


def short(record, **changes):
    """A record of the stand-in Slack without what is empty."""
    return {name: value for name, value in (plain(record) | changes).items() if value or value == ""}


def tables(url):
    with psycopg.connect(url) as connection:
        for name in TABLES:
            rows = connection.execute(f"SELECT row_to_json(t)::text FROM {name} t").fetchall()
            yield name, [json.loads(row[0]) for row in rows]


def world(slack):
    """What the stand-in Slack holds: messages, response_urls, views, channels."""
    kept = slack.world
    return {
        "messages": [short(one, blocks=[], files=[]) for one in kept.messages.values()],
        "hooks": [short(one) for one in kept.hooks.values()],
        "views": [short(one, content={**one.content, "blocks": []}, state={}) for one in kept.views.values()],
        "stacks": kept.stacks,
        "homes": kept.homes,
        "channels": [short(one) for one in kept.channels.values()],
    }


def lines(dump):
    """JSON with one row on each line, so that a difference can be read."""
    row = json.JSONEncoder(separators=(",", ":")).encode

    def listed(rows):
        return "[\n" + ",\n".join(map(row, rows)) + "\n]" if isinstance(rows, list) and rows else row(rows)

    def named(rows):
        return "{\n" + ",\n".join(f"{row(name)}:{listed(one)}" for name, one in rows.items()) + "\n}"

    return f'{{"at":{row(dump["at"])},\n"tables":{named(dump["tables"])},\n"slack":{named(dump["slack"])}}}\n'


async def write(file):
    folder = Path(tempfile.mkdtemp(prefix="samples-"))
    turns = []
    record_turns(turns)
    with Server(Path(tempfile.mkdtemp(prefix="vtbot-state-"))).used() as url:
        prepare(url)
        options = {
            "sandbox": {"invent": False, "queue_seconds": 3600},
            "FILE_ROOTS": str(folder),
            "WATCH_CHANNELS": "inc-*",
        }
        async with at_work(url, **options) as office:
            writer = Writer(office, folder, turns)
            await writer.finished()
            await writer.watched()
            await writer.waiting()
            await turns[0].__aexit__()
            await writer.fresh()
            await writer.made_up()
            await writer.wished()
            await writer.doing()
            dump = {
                "at": datetime.now(UTC).isoformat(),
                "tables": dict(tables(url)),
                "slack": world(office.slack),
            }
            text = lines(dump)
            text = text.replace(office.slack.world.base, "{slack}").replace(str(folder), "{folder}")
            Path(file).write_text(text)
            print(len(text), {name: len(rows) for name, rows in dump["tables"].items()})
            await writer.cases._database.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
