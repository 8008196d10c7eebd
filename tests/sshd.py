"""Servers to log in to: Debian's own sshd, one process for each connection, and paramiko's, which may lie."""

import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

import paramiko
from loopback import listening

from vt.files.hosts import Host

SSHD = "/usr/sbin/sshd"
UNSHARE = shutil.which("unshare")
PASSWORD = "correct horse"
HASHED = (
    "$6$vtbottests$8YNU8WCHOo4u9bg4YpAFV4qTg20JLBXdWYO.8iuEBHVhuWjJuGfbfipVMLXbD7i1JFejSoXnyWo3mXxi0OSvs."
)
KINDS = ("ed25519", "ecdsa", "rsa")

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


def keygen(kind, path, phrase=""):
    """A new pair of keys."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(path)], check=True)  # noqa: S603, S607 - our own words


class Sshd:
    """OpenSSH's server over a folder that its user may read."""

    def __init__(self, folder):
        self.folder = folder
        self.apart = private_view()
        self.user = "scanner" if self.apart else getuser()
        self.logs = itertools.count()
        for kind in KINDS:
            for whose in ("host", "user"):
                keygen(kind, folder / f"{whose}_{kind}")
        keys = [self.public(f"user_{kind}") for kind in KINDS]
        (folder / "authorized").write_text("\n".join(keys))
        (folder / "authorized").chmod(0o644)
        (folder / "secret").write_text(f"{PASSWORD}\n")
        self.root = folder / "root"
        self.root.mkdir()
        if self.apart:
            line = f"scanner:x:54321:54321::{folder}:/bin/sh\n"
            (folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
            (folder / "shadow").write_text(f"scanner:{HASHED}:19000:0:99999:7:::\n")

    def public(self, name):
        """A public key, as its .pub file has it."""
        return (self.folder / f"{name}.pub").read_text().strip()

    def fingerprint(self, name):
        """As ssh-keygen shows it."""
        command = ["ssh-keygen", "-l", "-f", f"{self.folder}/{name}.pub"]
        return subprocess.check_output(command, text=True).split()[1]  # noqa: S603 - our own words

    def host(self, port, **changes):
        """Its entry in a hosts file: it is known by its ed25519 key and takes one of that kind."""
        entry = {
            "name": "web-1",
            "address": "127.0.0.1",
            "port": port,
            "user": self.user,
            "key_file": self.folder / "user_ed25519",
            "roots": (str(self.root),),
            "known_hosts": (self.public("host_ed25519"),),
        }
        return Host(**{**entry, **changes})

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
        path = self.log = self.folder / f"log{next(self.logs)}"
        path.touch()
        if self.apart:
            command = [UNSHARE, "-m", "sh", "-c", NAMESPACE.format(folder=self.folder), "sshd", *command]
        elif os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

        def serve(line):
            with path.open("ab") as log:
                subprocess.run(command, stdin=line, stdout=line, stderr=log, check=False)  # noqa: S603 - our own words

        with listening(serve) as port:
            yield port


@contextmanager
def sshd():
    """A fresh one; its folder is open to its user, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Sshd(Path(folder))


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
