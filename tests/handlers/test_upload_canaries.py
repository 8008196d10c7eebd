"""Twelve secrets, each of its own: on the way of a file, through every fault, none is in a log, table or message."""

import psycopg
import pytest
from psycopg import sql

from playground.virustotal import faults
from tests.support.app_fixture import ANA, GENERAL
from tests.support.hosts_file import entry, write_remote_file
from tests.support.processes import grounds
from tests.support.ssh_host import PASSWORD
from tests.support.sshd import sshd

pytestmark = pytest.mark.slow

TABLE = sql.SQL("SELECT t::text FROM {} t")
NAMED = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


def canary(number):
    return f"canary-{number:02}-{'x' * 9}"


VT_KEY, DATABASE, WRONG, COMMAND, MENTION, HOST_FILE, CONTENT, REFUSED = map(canary, range(1, 9))


def found(secrets, haystack):
    return [name for name, secret in secrets.items() if secret in haystack]


def three_ways_in(server, port, file):
    """The same server thrice: with a login to be typed, with a password that is wrong, with a key."""
    secret = server.folder / "wrong"
    secret.write_text(HOST_FILE)
    typed = entry("web-1", server, port, key_file=None, user=None)
    wrong = entry("web-2", server, port, key_file=None, password_file=str(secret))
    file.write_text(typed + wrong + entry("web-3", server, port))
    return file


class Uploads:
    """Somebody who tries everything with files."""

    def __init__(self, place):
        self.place, self.slack = place, place.slack

    async def asks(self, line):
        return await (await self.slack.types(ANA, GENERAL, line)).answer(20)

    async def reads(self, message, words):
        def shows():
            return words in "\n".join(self.slack.shown(self.slack.state.messages[message.key]))

        await self.slack.until(shows, timeout=60)

    async def logs_in(self, line, password):
        before = len(self.slack.messages(GENERAL, ANA))
        await self.slack.types(ANA, GENERAL, line)
        view = self.slack.views(ANA)[-1]
        view = self.slack.fills(ANA, view, {"user": "scanner", "password": password})
        await self.slack.submits(ANA, view)
        await self.slack.until(lambda: len(self.slack.messages(GENERAL, ANA)) > before, timeout=60)
        return self.slack.messages(GENERAL, ANA)[-1]

    def received(self):
        """Everything that the bot said and sent, but not what people say themselves."""
        messages = [message for message in self.slack.messages() if message.bot_id]
        return str([(message.text, message.blocks, message.metadata) for message in messages]) + str(
            [(call.method, call.args) for call in self.slack.calls]
        )


async def test_no_secret_is_anywhere_but_where_it_belongs(database, tmp_path):
    """Every way a file can come, every login, every fault on the way; then everything is searched."""
    with sshd(own_user=True) as server, server.running() as port:
        hosts = three_ways_in(server, port, tmp_path / "hosts.toml")
        private = (server.folder / "user_ed25519").read_text().splitlines()[2]
        file = write_remote_file(server, "new.bin", CONTENT.encode())
        third = write_remote_file(server, "third.bin", f"{CONTENT} thrice".encode())
        refused = write_remote_file(server, "notes.txt", f"-----BEGIN PRIVATE KEY-----\n{REFUSED}".encode())
        async with grounds(
            database,
            tmp_path,
            sandbox={"invent": False},
            imported=False,
            VT_API_KEY=VT_KEY,
            HOSTS_FILE=str(hosts),
            SSH_AD_HOC="true",
            UPLOAD_POLICY="allow",
            FILE_ROOTS=str(server.root),
        ) as place:
            url = place.environ["DATABASE_URL"].replace("@", f":{DATABASE}@", 1)
            bot = await place.bot(DATABASE_URL=url)
            uploads = Uploads(place)
            secrets = {
                "bot token": place.slack.bot_token,
                "signing secret": place.slack.signing_secret,
                "VirusTotal key": VT_KEY,
                "database password": DATABASE,
                "typed password": PASSWORD,
                "typed wrong password": WRONG,
                "password in a command": COMMAND,
                "password in a mention": MENTION,
                "password file": HOST_FILE,
                "private key": private,
                "a file's content": CONTENT,
                "a refused file's content": REFUSED,
            }
            assert len(secrets) == 12

            await uploads.reads(
                await uploads.logs_in(f"/vt scan-file --host web-1 {file}", PASSWORD), "PENDING"
            )
            await uploads.reads(
                await uploads.logs_in(f"/vt scan-file --host web-1 {file}", WRONG), "refused the login"
            )
            await uploads.asks(f"/vt scan-file --host web-1 --password {COMMAND} {file}")
            await place.slack.says(ANA, "@vt", f"scan-file sftp://scanner:{MENTION}@web-1{file}")
            await place.slack.until(lambda: place.slack.messages("@vt", ANA)[1:])
            await uploads.reads(await uploads.asks(f"/vt scan-file --host web-2 {file}"), "refused the login")
            await uploads.reads(await uploads.asks(f"/vt scan-file --host web-3 {third}"), "PENDING")
            await uploads.reads(await uploads.asks(f"/vt scan-file {refused}"), "contains a private key")
            for fault in (
                faults.reset(),
                faults.status(403),
                faults.html(500),
                faults.redirect("http://x.example/"),
            ):
                write_remote_file(server, "another.bin", f"{CONTENT} {id(fault)}".encode())
                place.virustotal.faults.add("file/scan", fault)
                await uploads.asks(f"/vt scan-file {server.root}/another.bin")
            place.slack.fails("files.info", "internal_error", times=9)
            await place.slack.says(ANA, "@vt", "", files=[("a.bin", CONTENT.encode())])
            await uploads.asks("/vt ping")

            with psycopg.connect(database) as connection:
                names = [name for (name,) in connection.execute(NAMED)]
                rows = [connection.execute(TABLE.format(sql.Identifier(name))).fetchall() for name in names]
            assert found(secrets, str(rows)) == []
            assert found(secrets, uploads.received()) == []
            await bot.stopped()
            assert found(secrets, bot.written()) == []
            assert '"event": "ready"' in bot.written()
