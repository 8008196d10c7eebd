"""The documented three parameters, Linux Server Address, User and Password: typed into a form, held in memory alone."""

import asyncio
from functools import partial

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from bot.file_sources import Logins
from handlers.files import acting_for
from handlers.request import Origin
from tests.handlers.test_events import own
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.hosts_file import hosts_file, write_remote_file
from tests.support.ssh_host import PASSWORD
from tests.support.sshd import sshd
from vt import errors
from vt.files.hosts import Host

pytestmark = pytest.mark.slow

NEW = b"behind a password"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
TABLE = sql.SQL("SELECT t::text FROM {} t")


@pytest.fixture(scope="module")
def server():
    with sshd(own_user=True) as made:
        yield made


@pytest.fixture
def entry(server, tmp_path):
    return partial(hosts_file, tmp_path, server, key_file=None, user=None)


def login_app(database, hosts, **environ):
    sandbox = {"invent": False, "queue_seconds": 10}
    return at_work(database, sandbox=sandbox, HOSTS_FILE=hosts, **{"SSH_AD_HOC": "true", **environ})


async def fills_in(app, line, password=PASSWORD, user="scanner", **values):
    """Types the command, fills in the form that opens, and sends it."""
    await app.slack.types(ANA, GENERAL, line)
    [view] = app.slack.views(ANA)
    view = app.slack.fills(ANA, view, {"user": user, "password": password, **values})
    return await app.slack.submits(ANA, view)


async def answer(app):
    await app.slack.until(lambda: app.slack.messages(GENERAL, ANA))
    return app.slack.messages(GENERAL, ANA)[-1]


async def test_a_login_is_typed_into_a_form_and_its_password_is_nowhere(database, server, entry, capfd):
    """From the form to the verdict; then the password is in no table, log, message or call."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            sent = await fills_in(app, f"/vt scan-file --host web-1 {file}")
            assert not sent.errors
            posted = await answer(app)
            await app.slack.until(lambda: "UNKNOWN" in app.now(posted))
            assert "17 bytes · from web-1" in app.now(posted)
            await app.slack.presses(ANA, posted, "Upload")
            await app.slack.until(lambda: "PENDING" in app.now(posted))
            await app.passes(seconds=20)
            await app.slack.until(lambda: " engines" in app.now(posted))
            shown = str([app.slack.shown(message) for message in app.slack.messages()])
            calls = str([(call.method, call.args) for call in app.slack.calls])
            for place in (rows(database), shown, calls):
                assert PASSWORD not in place
    assert PASSWORD not in "".join(capfd.readouterr())


def rows(database):
    """All of all tables, as text."""
    with psycopg.connect(database) as connection:
        named = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        names = [name for (name,) in connection.execute(named)]
        return str([connection.execute(TABLE.format(sql.Identifier(name))).fetchall() for name in names])


async def test_the_form_takes_an_address_too_and_an_empty_host_opens_it(database, server, entry):
    """`--host` alone; the server is known by the address of its entry."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            await fills_in(app, "/vt scan-file --host", address="127.0.0.1", paths=f"{file}, {file}x")
            posted = await answer(app)
            await app.slack.until(lambda: "⚪ 1 UNKNOWN · ⛔ 1 NOT CHECKED" in app.now(posted))


async def test_what_was_said_with_the_command_stands_in_the_form_and_holds(database, server, entry):
    """The documented threshold, and who sees the answer, may also be changed there."""
    file = write_remote_file(server, "eicar.com", EICAR)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            line = f"/vt scan-file --threshold 60 --share --host web-1 {file}"
            await app.slack.types(ANA, GENERAL, line)
            [view] = app.slack.views(ANA)
            state = {name: fields[name] for name, fields in view.state.items()}
            assert state["threshold"]["value"] == "60"
            assert state["answer"]["selected_option"]["value"] == "share"
            view = app.slack.fills(ANA, view, {"user": "scanner", "password": PASSWORD, "threshold": "55"})
            assert not (await app.slack.submits(ANA, view)).errors
            posted = await answer(app)
            await app.slack.until(lambda: "SUSPICIOUS · 54 of 60 engines" in app.now(posted))
            assert "threshold 55" in app.now(posted)
            assert posted in app.slack.messages(GENERAL, BEN)


async def test_a_server_that_needs_a_login_may_be_named_in_the_form(database, server, entry):
    """The second form lies over the first one; all of it is one answer."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
            [first] = app.slack.views(ANA)
            first = app.slack.fills(ANA, first, {"path": str(file), "host": "web-1"})
            assert not (await app.slack.submits(ANA, first)).errors
            *_, second = app.slack.views(ANA)
            assert second.id != first.id
            second = app.slack.fills(ANA, second, {"user": "scanner", "password": PASSWORD})
            assert not (await app.slack.submits(ANA, second)).errors
            assert not app.slack.views(ANA)
            posted = await answer(app)
            await app.idle()
            assert "192[.]0[.]2[.]1" in app.now(posted)
            assert "17 bytes · from web-1" in app.now(posted)


async def test_more_paths_than_the_form_holds_are_refused_and_none_is_cut(database, server, entry):
    """Half a path would be another file."""
    paths = ", ".join(f"{server.root}/{'x' * 60}-{number}" for number in range(40))
    async with login_app(database, entry(22)) as app:
        told = await app.asks(f"/vt scan-file --host web-1 {paths}")
        assert "too long; the limit is 3,000 characters" in app.now(told)
        assert not app.slack.views(ANA)


async def test_where_no_form_can_be_opened_it_is_said_how_to(database, server, entry):
    """A mention has no window to open: it is not said that there is no such server."""
    async with login_app(database, entry(22)) as app:
        await app.slack.says(ANA, GENERAL, f"@vt scan-file --host web-1 {server.root}/a")
        await app.slack.until(lambda: own(app))
        assert "/vt scan-file --host web-1" in app.now(own(app)[-1])


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"address": "web-2"}, "address", "there is no server called web-2"),
        ({"paths": "password=x /srv/a"}, "paths", "seems to contain a password"),
        ({"paths": " , "}, "paths", "scan-file"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(database, server, entry, wrong, field, sentence):
    """And nothing is kept."""
    async with login_app(database, entry(22)) as app:
        sent = await fills_in(app, f"/vt scan-file --host web-1 {server.root}/a", **wrong)
        assert sentence in sent.errors[field]
        assert not await app.unanswered()


async def test_a_wrong_password_is_one_sentence(database, server, entry):
    """Without the password."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            await fills_in(app, f"/vt scan-file --host web-1 {file}", password="wrong-canary")
            posted = await answer(app)
            await app.slack.until(lambda: "web-1 refused the login. Try again" in app.now(posted))
            assert "wrong-canary" not in rows(database)


async def test_without_ssh_ad_hoc_there_is_no_form(database, server, entry):
    """Off until the operator says so."""
    async with login_app(database, entry(22), SSH_AD_HOC="false") as app:
        told = await app.asks(f"/vt scan-file --host web-1 {server.root}/a")
        assert "web-1 needs a login" in app.now(told)
        assert "SSH_AD_HOC" not in app.now(told)
        assert not app.slack.views(ANA)


async def test_a_login_is_forgotten_after_a_while_used_or_not():
    """By the clock."""
    host = Host(name="web-1", address="127.0.0.1")
    logins = Logins({"web-1": host}, limit=1, seconds=0.01)
    place = logins.keep("web-1", "scanner", SecretStr(PASSWORD), ("T1", "U1"))
    assert logins.holds(place)
    await asyncio.sleep(0.1)
    assert not logins.holds(place)
    with pytest.raises(errors.LoginForgotten) as gone:
        async with logins.opener(place.partition(":")[2]):
            pass
    assert gone.value.host == "web-1"


async def test_a_login_serves_nobody_but_whoever_typed_it():
    """For anybody else's request it is not there, though the place is known."""
    host = Host(name="web-1", address="127.0.0.1")
    logins = Logins({"web-1": host}, limit=1)
    place = logins.keep("web-1", "scanner", SecretStr(PASSWORD), ("T1", "U1"))
    for origin in (Origin(team="T1", user="U2", channel="C1"), Origin(team="T2", user="U1", channel="C1")):
        with acting_for(origin), pytest.raises(errors.LoginForgotten):
            async with logins.opener(place.partition(":")[2]):
                pass


async def test_somebody_else_may_check_again_but_nobody_logs_in_for_them(database, server, entry):
    """By the hash that is known: the server is not asked, and who typed the login still decides."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        async with login_app(database, entry(port)) as app:
            await fills_in(app, f"/vt scan-file --share --host web-1 {file}")
            posted = await answer(app)
            await app.slack.until(lambda: "UNKNOWN" in app.now(posted))
            await app.idle()
            file.write_bytes(b"something newer on the server")
            await app.slack.presses(BEN, posted, "more", "Check again now")
            await app.slack.until(lambda: "Looked up by hash only" in app.now(posted))
            await app.idle()
            renewed = app.slack.state.messages[posted.key]
            assert "Upload" not in [button.label for button in app.slack.buttons(renewed)]
            await app.slack.presses(ANA, renewed, "more", "Check again now")
            await app.slack.until(lambda: "29 bytes · from web-1" in app.now(posted))
