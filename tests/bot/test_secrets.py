"""What must stay secret is in no log, table, message, page or child process, whatever breaks: canaries tell."""

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from bot.settings import load
from playground.slack.rules import Rule
from playground.virustotal import Sandbox, faults
from tests.support.app_fixture import ANA, BEN, GENERAL, address
from tests.support.processes import Died, grounds, run
from tests.support.raw_http import knock, signed

pytestmark = pytest.mark.slow

IP = "/vt scan-ip 192.0.2.1"
TALKATIVE = {"PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "ignore"}
"""As much as the process can be made to say."""
BROKEN = {
    "refused": faults.status(403),
    "down": faults.html(500),
    "no HTML": faults.html(200),
    "half": faults.truncated(),
    "reset": faults.reset(),
    "moved": faults.redirect("http://127.0.0.1:9/elsewhere"),
    "nested": faults.nested(),
    "spent": faults.status(204),
}
SLACK_SAYS = (
    "invalid_auth",
    "internal_error",
    "ratelimited",
    "channel_not_found",
    "invalid_blocks",
    "expired_url",
)


def canary(prefix=""):
    return f"{prefix}canary-{secrets.token_hex(8)}"


class Canaries(dict):
    """Secrets by name."""

    def found_in(self, where, *but):
        """Which of them stand in this text or these bytes."""
        text = where.decode(errors="replace") if isinstance(where, bytes) else where
        return sorted(name for name, secret in self.items() if name not in but and secret in text)


@pytest.fixture
def canaries():
    """The secrets that are set before the bot begins."""
    return Canaries(
        bot_token=canary("xoxb-"),
        app_token=canary("xapp-"),
        signing_secret=canary(),
        vt_key=canary(),
        database_password=canary(),
        foreign=canary(),
        refused_body=canary(),
        refused_signature=canary(),
        typed_password=canary(),
    )


@asynccontextmanager
async def guarded(database, folder, canaries, mode, **environ):
    """Grounds on which every secret is a canary; at the end they were nowhere."""
    place_of = {"kind": "private", "any_key": False, "key": canaries["vt_key"], "invent": False}
    async with grounds(database, folder, sandbox=place_of, imported=False, **environ) as place:
        slack = place.slack
        slack.forgives(*Rule)
        slack.bot_token = slack.api.bot_token = canaries["bot_token"]
        slack.app_token = slack.api.app_token = canaries["app_token"]
        slack.signing_secret = slack.dispatcher.secret = canaries["signing_secret"]
        place.environ |= TALKATIVE | {
            "SLACK_BOT_TOKEN": canaries["bot_token"],
            "SLACK_SIGNING_SECRET": canaries["signing_secret"],
            "VT_API_KEY": canaries["vt_key"],
            "VT_KEY_KIND": "private",
            "DATABASE_URL": with_password(database, canaries["database_password"]),
            "AWS_SECRET_ACCESS_KEY": canaries["foreign"],
            "STATE_DIR": str(folder / "state"),
        }
        if mode == "socket":
            del place.environ["SLACK_SIGNING_SECRET"]
            place.environ["SLACK_APP_TOKEN"] = canaries["app_token"]
        yield place
        searched(place, canaries)


def with_password(database, password):
    return address(database).replace("postgres@", f"postgres:{password}@", 1)


def searched(place, canaries):
    """Every sink there is."""
    canaries |= {f"ticket {number}": ticket for number, ticket in enumerate(place.slack.link.tickets)}
    hooks = {f"response_url {name}": name for name in place.slack.state.hooks}
    written = "".join(process.written() for process in place.processes)
    assert "ready" in written
    assert Canaries(canaries | hooks).found_in(written) == []
    assert canaries.found_in(tables(place.database), "typed_password") == []
    log = Path(psycopg.conninfo.conninfo_to_dict(place.database)["host"]) / "log"
    assert canaries.found_in(log.read_bytes()) == []
    shown = json.dumps([repr(message) for message in place.slack.messages()])
    assert canaries.found_in(shown, "typed_password") == []
    assert canaries.found_in(repr([call.args for call in place.slack.calls]), "typed_password") == []
    assert canaries.found_in(repr(list(place.virustotal.calls))) == []
    for file in place.folder.rglob("*"):
        assert not file.is_file() or canaries.found_in(file.read_bytes()) == [], file


def tables(database):
    """Everything in the database, as text."""
    with psycopg.connect(database) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        query = sql.SQL("SELECT t::text FROM {} AS t")
        rows = [connection.execute(query.format(sql.Identifier(name))).fetchall() for (name,) in names]
    assert len(names) > 5
    return repr(rows)


async def wait_for_answer(exchange):
    with suppress(TimeoutError):
        await exchange.answer(timeout=4)


async def test_over_http(database, tmp_path, canaries):
    """Every fault of VirusTotal, Slack and the database, forged and unreadable requests, and the operator's pages."""
    async with guarded(database, tmp_path, canaries, "http") as place:
        slack = place.slack
        bot = await place.bot()
        door = urlsplit(slack.target).port
        for fault in BROKEN.values():
            place.virustotal.faults.always("*", fault)
            await wait_for_answer(await slack.types(ANA, GENERAL, IP))
        place.virustotal.faults.clear()
        for word in SLACK_SAYS:
            for method in (
                "response_url",
                "chat.postMessage",
                "conversations.open",
                "users.info",
                "auth.test",
            ):
                slack.fails(method, word, after=0)
            await asyncio.gather(
                slack.types(ANA, GENERAL, f"{IP} --share"),
                slack.types(BEN, GENERAL, "/vt ping"),
                slack.types(ANA, GENERAL, f"/vt scan-url http://me:{canaries['typed_password']}@evil.test/"),
            )
        await knocked(door, canaries)
        async with away(database):
            await slack.types(ANA, GENERAL, IP)
            pages = await asyncio.gather(*(asyncio.to_thread(page, door, path) for path in PAGES))
        pages += await asyncio.gather(*(asyncio.to_thread(page, door, path) for path in PAGES))
        assert canaries.found_in(repr(pages)) == []
        assert any(b"vtbot_refused_total" in body for body in pages)
        assert await bot.stopped() == 0


PAGES = ("/healthz", "/readyz", "/metrics", "/", "/slack/events")


def page(port, path):
    """What stands there, whatever its status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


async def knocked(door, canaries):
    """Refused: unsigned; and signed, but nothing that Slack could mean."""
    body = canaries["refused_body"].encode()
    forged = [("X-Slack-Request-Timestamp", "1"), ("X-Slack-Signature", canaries["refused_signature"])]
    assert (await asyncio.to_thread(knock, door, body, forged))[0] == 401
    odd = f'{{"type": "block_actions", "user": "{canaries["refused_body"]}"}}'.encode()
    right = signed(odd, "application/json", secret=canaries["signing_secret"])
    assert (await asyncio.to_thread(knock, door, odd, right))[0] in (400, 404)


@asynccontextmanager
async def away(database):
    """The database lets nobody in for a while."""
    dbname = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    name = sql.Identifier(dbname)
    server = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        switch = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        await connection.execute(switch.format(name, sql.SQL("false")))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [dbname]
        )
        try:
            yield
        finally:
            await connection.execute(switch.format(name, sql.SQL("true")))


async def test_over_socket_mode(database, tmp_path, canaries):
    """The connection breaks, Slack refuses the tokens: neither they nor the tickets are told."""
    async with guarded(database, tmp_path, canaries, "socket") as place:
        slack = place.slack
        bot = await place.bot()
        slack.target = None
        await slack.link.connected()
        await wait_for_answer(await slack.types(ANA, GENERAL, IP))
        await slack.link.drop()
        await slack.link.connected(timeout=30)
        slack.fails("auth.test", "invalid_auth", times=2)
        await wait_for_answer(await slack.types(ANA, GENERAL, "/vt ping"))
        assert await bot.stopped() == 0
        place.environ["SLACK_APP_TOKEN"] = canaries["app_token"] + "-wrong"
        with pytest.raises(Died) as died:
            await bot.start()
        assert canaries.found_in(str(died.value)) == []


async def test_the_private_database(tmp_path, new_state, canaries):
    """Neither the private PostgreSQL's processes nor what they write know anything of ours."""
    folder = new_state()
    environ = {"VT_API_KEY": canaries["vt_key"], "AWS_SECRET_ACCESS_KEY": canaries["foreign"]}
    async with Sandbox(any_key=False, key="another").serve() as virustotal:
        environ |= {"STATE_DIR": str(folder), "VT_API_URL": virustotal.url, **TALKATIVE}
        asking = asyncio.create_task(asyncio.to_thread(run, "ask", IP, folder=tmp_path, environ=environ))
        seen = set()
        while not asking.done():
            seen |= family(folder)
            await asyncio.sleep(0.02)
    assert len(seen) > 2
    assert canaries.found_in(repr(seen)) == []
    done = await asking
    assert done.returncode == 1
    assert canaries.found_in(done.stdout + done.stderr) == []
    for file in folder.rglob("*"):
        assert not file.is_file() or canaries.found_in(file.read_bytes()) == [], file


def family(folder):
    """The environments and command lines of the processes that use this folder, but for the bot's own."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line, environ = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            if (b"postgres" in line and bytes(folder) in line + environ) or line.startswith(b"postgres:"):
                found.add(line + environ)
    return found


WRONG = {
    "SLACK_BOT_TOKEN": "{}",
    "SLACK_APP_TOKEN": "{}",
    "VT_API_URL": "https://me:{}@vt.example/",
    "SLACK_API_URL": "https://slack.example/api/?token={}",
    "DATABASE_URL": "mysql://me:{}@db.example/x",
    "VT_KEY_KIND": "{}",
    "VT_API_KEY_FILE": "/nowhere/{}",
    "PORT": "{}",
}


@pytest.mark.parametrize("name", WRONG)
def test_set_in_the_wrong_place(name, canaries):
    """A secret that was put where something else belongs is not said back."""
    secret = canaries["vt_key"]
    with pytest.raises(Exception, match=name.removesuffix("_FILE")) as refused:
        load({name: WRONG[name].format(secret)}, None)
    assert canaries.found_in(repr(refused.value) + str(refused.value.__cause__)) == []


def test_settings_shown(canaries):
    """However settings are written out, no secret is."""
    tokens = {"SLACK_BOT_TOKEN": canaries["bot_token"], "SLACK_SIGNING_SECRET": canaries["signing_secret"]}
    url = f"postgresql://me:{canaries['database_password']}@db.example/x"
    found = load(tokens | {"VT_API_KEY": canaries["vt_key"], "DATABASE_URL": url}, None)
    assert canaries.found_in(f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}") == []
