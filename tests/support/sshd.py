"""SSH servers for tests: OpenSSH's sshd, asyncssh's where that is not installed, and paramiko's, which can misbehave."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

import paramiko

from tests.support.asyncssh_server import AsyncSshd
from tests.support.loopback import listening
from tests.support.ssh_host import KINDS, PASSWORD, SshHost

SSHD = os.environ.get("SSHD", "/usr/sbin/sshd")
"""SSHD=/nowhere runs the tests as on a machine without sshd."""
INSTALLED = bool(shutil.which(SSHD) and shutil.which("ssh-keygen"))
UNSHARE = shutil.which("unshare")
HASHED = (
    "$6$vtbottests$8YNU8WCHOo4u9bg4YpAFV4qTg20JLBXdWYO.8iuEBHVhuWjJuGfbfipVMLXbD7i1JFejSoXnyWo3mXxi0OSvs."
)
"""PASSWORD, as /etc/shadow has it."""

# The server's user exists only in a mount namespace with its own /etc: no account is made on this machine.
NAMESPACE = """
mount -t tmpfs none /run && mkdir -m 755 /run/sshd
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow
exec "$@"
"""


def private_view():
    """Whether this process may give a server an /etc of its own."""
    return (
        os.geteuid() == 0
        and bool(UNSHARE)
        and subprocess.call([UNSHARE, "-m", "true"], stderr=subprocess.DEVNULL) == 0  # noqa: S603 - no user input
    )


class Sshd(SshHost):
    """OpenSSH's sshd, one process for each connection."""

    def __init__(self, folder):
        self.own_user = private_view()
        super().__init__(folder, "scanner" if self.own_user else getuser())
        keys = [self.public(f"user_{kind}") for kind in KINDS]
        (folder / "authorized").write_text("\n".join(keys))
        (folder / "authorized").chmod(0o644)
        if self.own_user:
            line = f"scanner:x:54321:54321::{folder}:/bin/sh\n"
            (folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
            (folder / "shadow").write_text(f"scanner:{HASHED}:19000:0:99999:7:::\n")

    @staticmethod
    def keygen(kind, path, phrase=""):
        """Make a key pair."""
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(path)], check=True)  # noqa: S603, S607 - no user input

    def authorize(self, public):
        """Let the user in with this key too, a line of authorized_keys."""
        with (self.folder / "authorized").open("a") as file:
            file.write(f"\n{public}\n")

    def fingerprint(self, name):
        """As ssh-keygen shows it."""
        command = ["ssh-keygen", "-l", "-f", f"{self.folder}/{name}.pub"]
        return subprocess.check_output(command, text=True).split()[1]  # noqa: S603 - no user input

    @contextmanager
    def running(self, kinds=("ed25519",), **changes):
        """The port it listens on, with host keys of these kinds; `changes` are options of sshd_config."""
        options = {
            "AuthorizedKeysFile": self.folder / "authorized",
            "StrictModes": "no",
            "UsePAM": "no",
            "LogLevel": "DEBUG",
            "Subsystem": "sftp internal-sftp",
            **changes,
        }
        said = [f"HostKey={self.folder}/host_{kind}" for kind in kinds]
        said += [f"{name}={value}" for name, value in options.items()]
        command = [SSHD, "-i", "-e", "-f", "/dev/null", *(word for option in said for word in ("-o", option))]
        path = self.new_log()
        if self.own_user:
            command = [UNSHARE, "-m", "sh", "-c", NAMESPACE.format(folder=self.folder), "sshd", *command]
        elif os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

        def serve(line):
            with path.open("ab") as log:
                subprocess.run(command, stdin=line, stdout=line, stderr=log, check=False)  # noqa: S603 - no user input

        with listening(serve) as port:
            yield port


def sshd(*, own_user=False):
    """A fresh server: OpenSSH's where there is one. `own_user`: with a user of its own, who has a password."""
    return opened(Sshd if INSTALLED and (private_view() or not own_user) else AsyncSshd)


@contextmanager
def opened(kind):
    """A fresh one of that kind, in a folder that its user may read; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield kind(Path(folder))


class PasswordServer(paramiko.ServerInterface):
    """Accepts the password, and records every attempt."""

    def __init__(self, tried):
        self.tried = tried

    def get_allowed_auths(self, _):
        return "password,publickey"

    def check_auth_password(self, username, password):
        self.tried.append((username, password))
        return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

    def check_channel_request(self, *_):
        return paramiko.OPEN_SUCCEEDED


class Subsystem(paramiko.SubsystemHandler):
    """An SFTP subsystem that calls `speak` with the channel."""

    def __init__(self, channel, name, server, speak):
        super().__init__(channel, name, server)
        self.speak = speak

    def start_subsystem(self, _name, _transport, channel):
        with suppress(OSError, EOFError):
            self.speak(channel)


@contextmanager
def paramiko_server(speak, tried):
    """The port and public key of a paramiko server whose SFTP subsystem is `speak(channel)`; login attempts go to `tried`."""
    key = paramiko.ECDSAKey.generate()
    transports = []

    def serve(line):
        transport = paramiko.Transport(line)
        transports.append(transport)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", Subsystem, speak)
        with suppress(EOFError, paramiko.SSHException):
            transport.start_server(server=PasswordServer(tried))
        transport.join()

    with listening(serve) as port:
        yield port, f"{key.get_name()} {key.get_base64()}"
        for transport in transports:
            transport.close()
