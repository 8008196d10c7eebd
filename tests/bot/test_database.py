"""The database is there when the bot starts: given or private, with current tables, whatever happened before."""

import asyncio
import importlib
import os
import pkgutil
import re
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import bot
from bot import startup
from bot.postgres import NotStarted, Server
from bot.queue import jobs
from bot.settings import SettingsError, load
from bot.startup import Unusable, prepare
from tests.support.loopback import listening
from tests.support.processes import user_of


@pytest.fixture(scope="module")
def state(new_state) -> Path:
    return new_state()


def environ_of(pid: int) -> bytes:
    file = Path(f"/proc/{pid}/environ")
    return file.read_bytes() if file.exists() else b""


def modules() -> Iterator[ModuleType]:
    """Every module of the bot, beside those that are programs."""
    for found in pkgutil.walk_packages(bot.__path__, "bot."):
        if not found.ispkg and found.name != "bot.__main__":
            yield importlib.import_module(found.name)


def new_database(postgres: str, name: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_conninfo(postgres, dbname=name)


async def test_private_database(state):
    """Without DATABASE_URL a private server is made, ready to use, and stopped when its user leaves."""
    server = Server(state)
    async with startup.database(load({"STATE_DIR": str(state)}, None)) as url:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM cases").fetchone() == (0,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert server.pid is not None
    assert server.pid is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGPORT", "5433"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGHOST", "192.0.2.1"),
        ("PGOPTIONS", "-c nothing=1"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGCHANNELBINDING", "require"),
        ("PGGSSENCMODE", "require"),
        ("PGTARGETSESSIONATTRS", "read-only"),
        ("PGDATABASE", "other"),
        ("PGUSER", "other"),
    ],
)
async def test_private_database_whatever_other_databases_are_set_up(state, monkeypatch, variable, value):
    """What the environment says to libpq is about another server."""
    monkeypatch.setenv(variable, value)
    with Server(state).used() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_private_database_is_private(state):
    """Others on the machine may neither read the data nor connect, and the server is not handed our environment."""
    user = await user_of(state, env={**os.environ, "VT_API_KEY": "canary"})
    server = Server(state)
    assert server.data.stat().st_mode & 0o077 == 0
    assert (server.sockets / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    assert b"canary" not in environ_of(server.pid)
    await user.communicate(b"\n")
    assert server.pid is None


def test_long_path(new_state, tmp_path):
    """A state folder with a path too long for a socket, and odd, works."""
    server = Server(new_state() / ("it's long " * 12))
    with server.used() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert server.sockets.stat().st_mode & 0o077 == 0
    server.sockets.rmdir()
    server.sockets.symlink_to(tmp_path)
    with pytest.raises(NotStarted, match="belongs to somebody else"), server.used():
        pass
    server.sockets.unlink()


async def test_unwritable_state(tmp_path):
    """A state folder that cannot be written is refused with a sentence."""
    (tmp_path / "file").touch()
    settings = load({"STATE_DIR": str(tmp_path / "file" / "state")}, None)
    with pytest.raises(
        Unusable, match=r"Could not start the embedded database in STATE_DIR=.*/state: not a directory\."
    ):
        async with startup.database(settings):
            pass


async def test_given_database(postgres):
    """A given database gets its tables at the first start; starting again changes nothing."""
    url = new_database(postgres, "given")
    for _ in range(2):
        async with startup.database(load({"DATABASE_URL": postgres.replace("/postgres?", "/given?")}, None)):
            with psycopg.connect(url) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                assert found == (startup.HEAD,)


async def test_starting_together(postgres):
    """Processes that start on an empty database at once do not collide."""
    url = new_database(postgres, "together")
    await asyncio.gather(*(asyncio.to_thread(prepare, url) for _ in range(4)))


def test_newer_database(database):
    """A database of a newer version is left alone."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unusable, match="newer version"):
        prepare(database)


def test_database_of_another(postgres):
    """A database in which another program keeps its jobs is refused, and nothing is left in it."""
    url = new_database(postgres, "another")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE procrastinate_jobs (id int)")
    with pytest.raises(Unusable, match="one of its own"):
        prepare(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('cases')").fetchone() == (None,)


def test_no_database():
    """A database that does not answer is named by its variable; its password is not said."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:canary@127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(Unusable, match=r"Cannot connect to DATABASE_URL \(.*refused") as caught:
            prepare(url, timeout=0)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_pooler_that_refuses_settings():
    """PgBouncer, unless it is told otherwise, refuses a DATABASE_URL with `options`: what to set there is said."""
    refusal = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"

    def refuse(connection):
        while b"options\0" not in connection.recv(4096):
            connection.sendall(b"N")  # no TLS here
        connection.sendall(b"E" + (len(refusal) + 4).to_bytes(4, "big") + refusal)

    with listening(refuse) as port, pytest.raises(Unusable, match="ignore_startup_parameters = options"):
        prepare(
            f"postgresql://u@127.0.0.1:{port}/x?sslmode=prefer&gssencmode=disable&options=-cgeqo%3Doff",
            timeout=0,
        )


FRAGMENTS = {"_KEPT", "FIRST_TURN"}
"""The beginnings and ends of statements."""


def statements() -> Iterator[str]:
    """The SQL that the bot's modules hold, with PostgreSQL's own placeholders."""
    for module in modules():
        for name, value in vars(module).items():
            if (
                name not in FRAGMENTS
                and isinstance(value, str)
                and re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE) ", value)
            ):
                names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", value)))
                numbered = re.sub(r"%\((\w+)\)[sb]", lambda found: f"${names.index(found[1]) + 1}", value)  # noqa: B023 - called at once
                yield numbered.replace("%%", "%")


def test_statements_fit_the_tables(database):
    """Every table and column that the code names is there after the migrations, with a type that fits."""
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in (every := list(statements())):
            connection.execute(f"PREPARE one AS {statement}")
            connection.execute("DEALLOCATE one")
    assert len(every) > 40


RELEASED = {
    "0001_cases.sql": "d30ea13fdcabe74f",
    "0002_modals.sql": "1015dc7a9c34d708",
    "0003_people.sql": "da8346f215a81d6b",
    "0004_watch.sql": "c2704428094b49e6",
    "0006_locale.sql": "b91fe9b0f1d0fa2b",
    "0007_refused_blocks.sql": "70426bf4419efd44",
}
"""How the SHA-256 of each released revision begins."""


def test_released_revisions_never_change():
    """Databases have run them: a change of the tables is a revision of its own."""
    folder = startup.MIGRATIONS
    found = {file.name: sha256(file.read_bytes()).hexdigest()[:16] for file in folder.glob("*.sql")}
    assert found.items() >= RELEASED.items()


def test_procrastinate_is_the_version_that_was_noted():
    """An update of procrastinate that changes its tables needs a revision of ours, which calls `migrate_jobs` again."""
    assert jobs.newest() == jobs.LATEST


def test_procrastinate_tables_are_brought_forward(database):
    """Tables of an older procrastinate get the migrations that came since, once."""
    with psycopg.connect(database) as connection:
        last = "03.04.00_01_pre_add_retry_failed_job_procedure.sql"
        connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{last}'")
        for _ in range(2):
            jobs.migrate_jobs(connection)
        noted = "SELECT obj_description('procrastinate_jobs'::regclass)"
        assert connection.execute(noted).fetchone() == (jobs.LATEST,)


UNUSABLE = [
    *(
        "postgresql://me:p@ss-hush@db/x",
        "postgresql://me:hush@@localhost:1/x",
        "postgresql://me:pa/hush@db/x",
    ),
    *("postgresql://me:pa#hush@db/x", "postgresql://me:pa?hush@db/x", "postgresql://me:pa%hush@db/x"),
    *("postgresql://me:hush@[db/x", "postgresql://me:hush@db:port/x", "postgresql://hush@localhost:1/hush"),
    *(
        "postgresql://a:b@hush.invalid/x",
        "postgresql://me:x@localhost:hush/x",
        "postgresql://me:x@/x?host=/hush",
    ),
    *("postgresql://me:x@localhost:1/x?sslmode=hush", "postgresql://localhost:1/x?password=hush&foo=1"),
    *(
        "postgresql://me:x@localhost:1/x?connect_timeout=hush",
        "postgresql://me:x@localhost:1/x?hostaddr=hush",
    ),
    *("postgresql://me:x@localhost:1/x?service=hush", "postgresql://me:x@localhost:1/x?hush=1"),
    *("postgresql://me:x@localhost:1/x?options=-c%20hush", "mysql://me:hush@db/x", "host=db password=hush"),
    *(
        "postgresql+psycopg://me:hush@db/x",
        "postgres://me:hush@localhost:99999999/x",
        "postgresql://me:hu\x00sh@db/x",
    ),
    # As public bug reports tell of them: repository and number.
    "postgresql://postgres:_Ij=de-hush$avg?@U-+0x!@localhost:1/x",  # databases 409
    "postgresql://me:hush?e5@localhost:1/x",  # dj-database-url 70
    "postgres://me:m64w9/hush@localhost:1/x",  # dj-database-url 133
    "postgresql://me:%Chush@localhost:1/x",  # repository-service-tuf-worker 931
    "postgresql://me:a b hush@localhost:1/x",  # grafana 85840
    "postgresql://me:[hush]@localhost:1/x",
    "'postgresql://me:hush@localhost:1/x'",
    "jdbc:postgresql://localhost:1/x?user=me&password=hush",
    "Server=localhost;User ID=me;Password=hush;",  # pentect 1400
    "postgresql:me:hush@localhost:1/x",
    "DATABASE_URL=postgresql://me:hush@localhost:1/x",
    "postgresql://me:hush@localhost:1:2/x",  # sqlalchemy 4738
    "postgresql://me:hush@localhost:1?sslcert=/x",  # jupyterlab-sql 135
]


@pytest.mark.parametrize("url", UNUSABLE)
def test_no_part_of_an_unusable_address_is_repeated(url):
    """Whatever is wrong with DATABASE_URL, the sentence names the variable and a reason, and quotes nothing of it."""
    with pytest.raises((SettingsError, Unusable)) as caught:
        prepare(load({"DATABASE_URL": url}, dotenv=None).database_url.get_secret_value(), timeout=0)
    assert "DATABASE_URL" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("part", ["user", "database"])
def test_what_the_server_refuses_is_not_repeated_either(postgres, part):
    """The server's own words hold the name of the user, or of the database."""
    changed = {"user": {"user": "hush"}, "database": {"dbname": "hush"}}[part]
    with pytest.raises(Unusable) as caught:
        prepare(make_conninfo(postgres, **changed), timeout=0)
    assert "hush" not in str(caught.value)
