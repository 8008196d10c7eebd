"""A Linux server's folder: its keys, who may log in, and the root of its files. Who answers for it is another matter."""

import itertools
import os
import secrets

from vt.files.hosts import Host

KINDS = ("ed25519", "ecdsa", "rsa")
PASSWORD = "correct horse" if os.geteuid() == 0 else secrets.token_hex()
"""Without root a server lets in as ourselves: not with a password that anybody can read here."""


class Box:
    """A folder that `user` may read; each server makes its keys with its own tools, in `keygen` and `fingerprint`."""

    def __init__(self, folder, user):
        self.folder, self.user = folder, user
        self.logs = itertools.count()
        for kind in KINDS:
            for whose in ("host", "user"):
                self.keygen(kind, folder / f"{whose}_{kind}")
        (folder / "secret").touch(mode=0o600)
        (folder / "secret").write_text(f"{PASSWORD}\n")
        self.root = folder / "root"
        self.root.mkdir()

    def public(self, name):
        """A public key, as its .pub file has it."""
        return (self.folder / f"{name}.pub").read_text().strip()

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

    def new_log(self):
        """`log` is what the server says from now on."""
        self.log = self.folder / f"log{next(self.logs)}"
        self.log.touch()
        return self.log
