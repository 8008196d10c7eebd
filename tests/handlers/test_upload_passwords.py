"""A password typed into a command: refused in whatever spelling, never repeated; honest paths are taken."""

import psycopg
import pytest
from psycopg import sql

from handlers.commands import NoHost, PasswordTyped
from handlers.parser import parse
from handlers.request import Verb
from handlers.text.usage import usage_error
from tests.support.app_fixture import ANA, GENERAL, at_work
from vt.evidence import Thresholds

SECRET = "hunter2-canary"
TABLE = sql.SQL("SELECT t::text FROM {} t")
SPELLINGS = [
    "--password {} /srv/a",
    "--password={} /srv/a",
    "—password {} /srv/a",
    "-password {} /srv/a",
    "--pass {} --host web-1 /srv/a",
    "--PASSWD={} /srv/a",
    "--linux-password {} /srv/a",
    "--pwd {} /srv/a",
    "/srv/a password={}",
    "/srv/a Password: {}",
    "Linux Server Address: web-1, Linux User: root, Linux Password: {}, /srv/a",
    "/srv/a passphrase = {}",
    "root:{}@web-1 /srv/a",
    "sftp://root:{}@web-1/srv/a",
    "--host root:{}@web-1 /srv/a",
    "--host web-1 -p {} /srv/a",
    "sshpass -p{} /srv/a",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_password_in_a_command_is_refused_and_not_repeated(spelling):
    """Whatever it looks like, the sentence says why and how instead, without it."""
    with pytest.raises(PasswordTyped) as refused:
        parse(f"scan-file {spelling.format(SECRET)}", Thresholds())
    assert SECRET not in usage_error(refused.value)
    assert "--host NAME" in usage_error(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        "form --password {} /srv/a",
        "form Linux Password: {}, /srv/a",
        "form sftp://root:{}@web-1 /srv/a",
        "--password {} --host 192.0.2.1 /srv/a",
        "192.0.2.1 —password={}",
        "form sftp://root:{}@web-1/srv/x",
        "form <scp://root:{}@web-1/srv/x>",
        "form look at ssh://:{}@web-1",
        "form --host root:{}@web-1",
        "192.0.2.1 --host root:{}@web-1",
    ],
)
def test_a_password_is_refused_without_the_actions_name_too(line):
    """For the form, whose text is kept until it is sent; and as an option of anything."""
    with pytest.raises(PasswordTyped):
        parse(line.format(SECRET), Thresholds())


@pytest.mark.parametrize(
    "line",
    [
        "form password: reset it at hxxp://evil[.]example/login",
        "Failed password for root from 192.0.2.1 port 22",
        "password=x seen at 192.0.2.1",
        "form https://root:x@evil.com/a",
        "https://root:x@evil.com/a",
        "nmap -p 80 192.0.2.1 /tmp/out",
    ],
)
def test_what_people_look_up_may_speak_of_passwords(line):
    """An alert is no login."""
    assert parse(line, Thresholds()).verb in (Verb.LOOK_UP, Verb.FORM)


@pytest.mark.parametrize(
    "path",
    [
        "/srv/passwords.zip",
        "/srv/password=1.txt",
        "/srv/pass: the.txt",
        "/srv/a:b@c.bin",
        "/srv/my-p.txt",
        "/srv/-p.txt",
        "/home/ana@example.com/a.txt",
    ],
)
def test_a_path_that_only_sounds_like_it_is_taken(path):
    """What stands inside a path is a path."""
    [lookup] = parse(f"scan-file {path}", Thresholds()).lookups
    assert lookup.input == path


def test_a_named_server_is_kept_with_each_path():
    """--host NAME says where all the files are."""
    lookups = parse("scan-file --host web-1 /srv/a, /srv/b c", Thresholds()).lookups
    assert [(lookup.place, lookup.input) for lookup in lookups] == [
        ("host:web-1", "/srv/a"),
        ("host:web-1", "/srv/b c"),
    ]


@pytest.mark.parametrize(
    "line", ["scan-file --host", "scan-file /srv/a --host", "scan-file --host --share /a"]
)
def test_a_host_without_a_name_is_wrong(line):
    """And the right form is said."""
    with pytest.raises(NoHost) as wrong:
        parse(line, Thresholds())
    assert "--host web-1" in usage_error(wrong.value)


async def test_a_refused_password_is_nowhere(database, capfd):
    """Not in a table, not in a log, not in what Slack shows."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-file --password {SECRET} /srv/a")
        assert "change the password" in "\n".join(app.slack.shown(answer))
        assert SECRET not in "\n".join(app.slack.shown(answer))
        assert SECRET not in everything(database)
    assert SECRET not in "".join(capfd.readouterr())


async def test_a_password_in_the_form_is_refused_at_its_field_and_kept_nowhere(database):
    """Where a server's name belongs."""
    async with at_work(database) as app:
        await app.slack.types(ANA, GENERAL, "/vt form")
        [view] = app.slack.views(ANA)
        view = app.slack.fills(ANA, view, {"path": "/srv/a", "host": f"root:{SECRET}@web-9"})
        sent = await app.slack.submits(ANA, view)
        assert list(sent.errors) == ["host"]
        assert "change the password" in sent.errors["host"]
        assert SECRET not in str(sent.errors)
        assert SECRET not in everything(database)


def everything(database):
    """All rows of all tables, as text."""
    with psycopg.connect(database) as connection:
        named = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        names = [name for (name,) in connection.execute(named)]
        rows = [connection.execute(TABLE.format(sql.Identifier(name))).fetchall() for name in names]
    return str(rows)
