"""The folder of a Linux server in tests: its keys, its user, its password and the root of its files."""

import itertools
import os
import secrets
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vt.files.hosts import Host

KINDS = ("ed25519", "ecdsa", "rsa")
PASSWORD = "correct horse" if os.geteuid() == 0 else secrets.token_hex()
"""Without root the server's user is the one who runs the tests, whose login must not be a password printed here."""


class SshHost:
    """What every server has; the subclasses make keys with their own tools, in `keygen` and `fingerprint`, and run it."""

    def __init__(self, folder, user):
        self.folder, self.user = folder, user
        self.logs = itertools.count()
        for name, content in _key_files(self.keygen).items():
            (folder / name).touch(mode=0o644 if name.endswith(".pub") else 0o600)
            (folder / name).write_bytes(content)
        (folder / "secret").touch(mode=0o600)
        (folder / "secret").write_text(f"{PASSWORD}\n")
        self.root = folder / "root"
        self.root.mkdir()

    def public(self, name):
        """A public key, as its .pub file has it."""
        return (self.folder / f"{name}.pub").read_text().strip()

    def host(self, port, **changes):
        """Its entry of a hosts file: it has an ed25519 host key, and the user logs in with one."""
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

    def new_log(self):
        """A new file for the server's log; `log` is its path."""
        self.log = self.folder / f"log{next(self.logs)}"
        self.log.touch()
        return self.log


@cache
def _key_files(keygen):
    """The key pairs of a host and of its user, one of each kind, by the name of the file.

    Making them takes about a second, so all servers of a test process have the same.
    """
    with TemporaryDirectory() as folder:
        for kind in KINDS:
            for whose in ("host", "user"):
                keygen(kind, Path(folder, f"{whose}_{kind}"))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
