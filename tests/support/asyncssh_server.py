"""asyncssh's server, for machines without an sshd: a thread for each connection, which is another user once logged in."""

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
from tests.support.ssh_host import KINDS, PASSWORD, Box

KEYS = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}
GUEST = 54321 if os.geteuid() == 0 else None
"""Whose eyes files are seen with: nobody's of this machine, or our own where we may not choose."""


OPTIONS = {
    "AuthenticationMethods": "any",
    "ForceCommand": "none",
    "MaxAuthTries": 6,
    "Subsystem": "sftp internal-sftp",
}
"""Those of sshd's options that it knows: the ones that tests change."""


class AsyncSshd(Box):
    """The same face as OpenSSH's; its log says the same few words."""

    apart = True
    """It lets in a user of its own, with a password, whoever we are."""

    def __init__(self, folder):
        super().__init__(folder, "scanner")
        self.known = [self.fingerprint(f"user_{kind}") for kind in KINDS]

    @staticmethod
    def keygen(kind, path, phrase=None):
        """A new pair of keys."""
        key = asyncssh.generate_private_key(KEYS[kind], comment="tests")
        path.touch(mode=0o600)
        key.write_private_key(path, passphrase=phrase)
        key.write_public_key(f"{path}.pub")

    def fingerprint(self, name):
        """As ssh-keygen shows it."""
        return asyncssh.read_public_key(self.folder / f"{name}.pub").get_fingerprint()

    @contextmanager
    def running(self, kinds=("ed25519",), **changes):
        """The port where it answers, with host keys of these kinds; `log` is what it says from now on."""
        assert changes.keys() <= OPTIONS.keys()
        options = OPTIONS | changes
        keys = [self.folder / f"host_{kind}" for kind in kinds]
        with (
            self.new_log().open("a", buffering=1) as log,
            listening(partial(self.serve, keys, options, log)) as port,
        ):
            yield port

    def serve(self, keys, options, log, line):
        """One connection, from its first word to its last."""
        run = command if options["ForceCommand"] == "none" else only_sftp
        answering = answer(
            line,
            server_factory=partial(Doorman, self, options, log),
            server_host_keys=keys,
            process_factory=partial(run, log),
            sftp_factory=Files if options["Subsystem"].startswith("sftp ") else None,
            encoding=None,
            gss_host=None,
        )
        asyncio.run(answering)


async def answer(line, **options):
    """Until the other side hangs up, and what was under way has put its files down."""
    with suppress(asyncssh.Error, OSError):
        connection = await asyncssh.run_server(line, **options)
        await connection.wait_closed()
    if rest := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(rest, timeout=5)


class Doorman(asyncssh.SSHServer):
    """Lets in who has a key or the password, as far as sshd's MaxAuthTries and AuthenticationMethods allow it."""

    def __init__(self, box, options, log):
        self.box, self.log = box, log
        self.tries = options["MaxAuthTries"]
        self.is_half = "," in options["AuthenticationMethods"]

    def connection_made(self, conn):
        self.conn = conn

    def connection_lost(self, _exc):
        """No word of asyncssh's comes between the handshake and the first name that it is told."""
        if self.conn.get_extra_info("recv_cipher"):
            self.log.write("KEX done\n")

    def begin_auth(self, _username):
        return True

    def auth_completed(self):
        """From here on, as sshd, it may do no more than the user."""
        become(GUEST)

    def public_key_auth_supported(self):
        return True

    def password_auth_supported(self):
        return True

    def kbdint_auth_supported(self):
        return False

    def validate_public_key(self, username, key):
        return self.judge("publickey", username, key.get_fingerprint() in self.box.known)

    def validate_password(self, username, password):
        return self.judge("password", username, password == PASSWORD)

    def judge(self, method, username, right):
        """Whether this one is let in; hangs up on who has tried too often."""
        self.log.write(f"userauth-request for user {username} method {method}\n")
        if right and username == self.box.user:
            return self.half_way() if self.is_half else True
        self.tries -= 1
        if self.tries == 0:
            raise asyncssh.ProtocolError("Too many authentication failures")
        return False

    def half_way(self):
        """Right, and not enough: that is an answer of its own, after which asyncssh must not give another."""
        self.conn.send_userauth_failure(partial_success=True)
        raise asyncio.CancelledError


def become(user):
    """From now on this thread sees files as that user does, but for groups: on Linux each thread has a user of its own."""
    if user is not None:
        libc = ctypes.CDLL(None)
        libc.setfsgid(user)
        libc.setfsuid(user)


class Files(asyncssh.SFTPServer):
    """Opened for reading only; faults are told as OpenSSH tells them."""

    def open(self, path, _pflags, _attrs):
        """A FIFO is not waited for."""
        return open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))

    def lstat(self, path):
        """A name that is too long is a bad message."""
        try:
            return super().lstat(path)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise asyncssh.SFTPBadMessage(error.strerror) from None


async def command(log, process):
    """What a shell makes of it, as the user who logged in."""
    log.write("Starting session: command\n")
    shell = partial(subprocess.run, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    words = ["/bin/sh", "-c", process.command]
    done = await asyncio.to_thread(shell, words, user=GUEST, group=GUEST, extra_groups=[] if GUEST else None)
    process.stdout.write(done.stdout)
    process.exit(done.returncode)


async def only_sftp(_log, process):
    """ForceCommand=internal-sftp: whatever is asked, SFTP answers."""
    with suppress(EOFError):
        await run_sftp_server(Files(process.channel), process.stdin, process.stdout, 3)
    process.exit(0)
