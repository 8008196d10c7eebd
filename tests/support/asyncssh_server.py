"""asyncssh's server, for machines without sshd: a thread for each connection, which becomes another user after login."""

import asyncio
import ctypes
import errno
import os
import subprocess
from contextlib import contextmanager, suppress
from functools import partial

import asyncssh
from asyncssh.sftp import run_sftp_server

from tests.support.loopback import listening
from tests.support.ssh_host import KINDS, PASSWORD, SshHost

KEYS = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}
GUEST = 54321 if os.geteuid() == 0 else None
"""The user id that files are read with, which has no account here; None, without root: the user who runs the tests."""


OPTIONS = {
    "AuthenticationMethods": "any",
    "ForceCommand": "none",
    "MaxAuthTries": 6,
    "Subsystem": "sftp internal-sftp",
}
"""The options of sshd that it supports: those that tests change."""


class AsyncSshd(SshHost):
    """The same interface as Sshd; its log has the lines that tests look for."""

    own_user = True
    """It always has a user of its own, with a password, whoever runs the tests."""

    def __init__(self, folder):
        super().__init__(folder, "scanner")
        self.known = [self.fingerprint(f"user_{kind}") for kind in KINDS]

    @staticmethod
    def keygen(kind, path, phrase=None):
        """Make a key pair."""
        key = asyncssh.generate_private_key(KEYS[kind], comment="tests")
        path.touch(mode=0o600)
        key.write_private_key(path, passphrase=phrase)
        key.write_public_key(f"{path}.pub")

    def authorize(self, public):
        """Let the user in with this key too, a line of authorized_keys."""
        self.known.append(asyncssh.import_public_key(public).get_fingerprint())

    def fingerprint(self, name):
        """As ssh-keygen shows it."""
        return asyncssh.read_public_key(self.folder / f"{name}.pub").get_fingerprint()

    @contextmanager
    def running(self, kinds=("ed25519",), **changes):
        """The port it listens on, with host keys of these kinds; `changes` are options of sshd_config."""
        assert changes.keys() <= OPTIONS.keys()
        options = OPTIONS | changes
        keys = [self.folder / f"host_{kind}" for kind in kinds]
        with (
            self.new_log().open("a", buffering=1) as log,
            listening(partial(self.serve, keys, options, log)) as port,
        ):
            yield port

    def serve(self, keys, options, log, line):
        """Serve one connection until it is closed."""
        run = command if options["ForceCommand"] == "none" else only_sftp
        answering = answer(
            line,
            server_factory=partial(AsyncSshServer, self, options, log),
            server_host_keys=keys,
            process_factory=partial(run, log),
            sftp_factory=Files if options["Subsystem"].startswith("sftp ") else None,
            encoding=None,
            gss_host=None,
        )
        asyncio.run(answering)


async def answer(line, **options):
    """Serve until the client disconnects, then let running tasks close their files."""
    with suppress(asyncssh.Error, OSError):
        connection = await asyncssh.run_server(line, **options)
        await connection.wait_closed()
    if rest := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(rest, timeout=5)


class AsyncSshServer(asyncssh.SSHServer):
    """Accepts the user's key or password, within sshd's MaxAuthTries and AuthenticationMethods."""

    def __init__(self, host, options, log):
        self.host, self.log = host, log
        self.tries = options["MaxAuthTries"]
        self.is_half = "," in options["AuthenticationMethods"]

    def connection_made(self, conn):
        self.conn = conn

    def connection_lost(self, _exc):
        """Asyncssh has no callback between the key exchange and the first user name, so it is logged afterwards."""
        if self.conn.get_extra_info("recv_cipher"):
            self.log.write("KEX done\n")

    def begin_auth(self, _username):
        return True

    def auth_completed(self):
        """From here on the thread has the user's permissions, as sshd's process does."""
        become(GUEST)

    def public_key_auth_supported(self):
        return True

    def password_auth_supported(self):
        return True

    def kbdint_auth_supported(self):
        return False

    def validate_public_key(self, username, key):
        return self.judge("publickey", username, key.get_fingerprint() in self.host.known)

    def validate_password(self, username, password):
        return self.judge("password", username, password == PASSWORD)

    def judge(self, method, username, right):
        """Whether the login is accepted; too many attempts end the connection."""
        self.log.write(f"userauth-request for user {username} method {method}\n")
        if right and username == self.host.user:
            return self.half_way() if self.is_half else True
        self.tries -= 1
        if self.tries == 0:
            raise asyncssh.ProtocolError("Too many authentication failures")
        return False

    def half_way(self):
        """Partial success is a reply of its own; raising keeps asyncssh from sending another."""
        self.conn.send_userauth_failure(partial_success=True)
        raise asyncio.CancelledError


def become(user):
    """Give this thread the user's file permissions (without groups): on Linux they belong to the thread."""
    if user is not None:
        libc = ctypes.CDLL(None)
        libc.setfsgid(user)
        libc.setfsuid(user)


class Files(asyncssh.SFTPServer):
    """Files are opened for reading only; errors have the status codes that OpenSSH sends."""

    def open(self, path, _pflags, _attrs):
        """Opening a FIFO does not wait for a writer."""
        return open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))

    def lstat(self, path):
        """For a name that is too long OpenSSH answers BAD_MESSAGE."""
        try:
            return super().lstat(path)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise asyncssh.SFTPBadMessage(error.strerror) from None


async def command(log, process):
    """Run the command in a shell as the user who logged in."""
    log.write("Starting session: command\n")
    shell = partial(subprocess.run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    words = ["/bin/sh", "-c", process.command]
    done = await asyncio.to_thread(shell, words, user=GUEST, group=GUEST, extra_groups=[] if GUEST else None)
    process.stdout.write(done.stdout)
    process.exit(done.returncode)


async def only_sftp(_log, process):
    """ForceCommand=internal-sftp: every command is answered with SFTP."""
    with suppress(EOFError):
        await run_sftp_server(Files(process.channel), process.stdin, process.stdout, 3)
    process.exit(0)
