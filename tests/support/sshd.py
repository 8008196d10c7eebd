"""Servers to log in to: Debian's own sshd, asyncssh's where there is none, and paramiko's, which may lie."""

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
from tests.support.ssh_host import KINDS, PASSWORD, Box

SSHD = os.environ.get("SSHD", "/usr/sbin/sshd")
"""SSHD=/nowhere tries what a machine without one does."""
INSTALLED = bool(shutil.which(SSHD) and shutil.which("ssh-keygen"))
UNSHARE = shutil.which("unshare")
HASHED = (
    "$6$vtbottests$8YNU8WCHOo4u9bg4YpAFV4qTg20JLBXdWYO.8iuEBHVhuWjJuGfbfipVMLXbD7i1JFejSoXnyWo3mXxi0OSvs."
)
"""PASSWORD, as /etc/shadow has it."""

# A user of its own, who is nobody outside of the server's own view of /etc: no account is made on this machine.
NAMESPACE = """
mount -t tmpfs none /run && mkdir -m 755 /run/sshd
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow
exec "$@"
"""


def private_view():
    """May this process give a server its own view of /etc?"""
    return (
        os.geteuid() == 0
        and bool(UNSHARE)
        and subprocess.call([UNSHARE, "-m", "true"], stderr=subprocess.DEVNULL) == 0  # noqa: S603 - our own words
    )


class Sshd(Box):
    """OpenSSH's server, one process for each connection."""

    def __init__(self, folder):
        self.apart = private_view()
        super().__init__(folder, "scanner" if self.apart else getuser())
        keys = [self.public(f"user_{kind}") for kind in KINDS]
        (folder / "authorized").write_text("\n".join(keys))
        (folder / "authorized").chmod(0o644)
        if self.apart:
            line = f"scanner:x:54321:54321::{folder}:/bin/sh\n"
            (folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
            (folder / "shadow").write_text(f"scanner:{HASHED}:19000:0:99999:7:::\n")

    @staticmethod
    def keygen(kind, path, phrase=""):
        """A new pair of keys."""
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(path)], check=True)  # noqa: S603, S607 - our own words

    def fingerprint(self, name):
        """As ssh-keygen shows it."""
        command = ["ssh-keygen", "-l", "-f", f"{self.folder}/{name}.pub"]
        return subprocess.check_output(command, text=True).split()[1]  # noqa: S603 - our own words

    @contextmanager
    def running(self, kinds=("ed25519",), **changes):
        """The port where it answers, with host keys of these kinds; `log` is what it says from now on."""
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
        if self.apart:
            command = [UNSHARE, "-m", "sh", "-c", NAMESPACE.format(folder=self.folder), "sshd", *command]
        elif os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

        def serve(line):
            with path.open("ab") as log:
                subprocess.run(command, stdin=line, stdout=line, stderr=log, check=False)  # noqa: S603 - our own words

        with listening(serve) as port:
            yield port


def sshd(*, apart=False):
    """A fresh server: OpenSSH's where there is one. `apart`: of a user who has a password and is not us."""
    return opened(Sshd if INSTALLED and (private_view() or not apart) else AsyncSshd)


@contextmanager
def opened(kind):
    """A fresh one of that kind; its folder is open to its user, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield kind(Path(folder))


class Gate(paramiko.ServerInterface):
    """Lets in who knows the password, and remembers what was tried."""

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
    """Lets any server speak in a channel."""

    def __init__(self, channel, name, server, speak):
        super().__init__(channel, name, server)
        self.speak = speak

    def start_subsystem(self, _name, _transport, channel):
        with suppress(OSError, EOFError):
            self.speak(channel)


@contextmanager
def impostor(speak, tried):
    """A server of paramiko's on loopback, whose SFTP is what `speak` makes of a channel; its port and its key."""
    key = paramiko.ECDSAKey.generate()
    transports = []

    def serve(line):
        transport = paramiko.Transport(line)
        transports.append(transport)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", Subsystem, speak)
        with suppress(EOFError, paramiko.SSHException):
            transport.start_server(server=Gate(tried))
        transport.join()

    with listening(serve) as port:
        yield port, f"{key.get_name()} {key.get_base64()}"
        for transport in transports:
            transport.close()
