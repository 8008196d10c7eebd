"""Places where files are stored: this machine, a named server, or another kind that is passed in.

A lookup stores the name of its file's place: "" for this machine, "host:web-1", "login:web-1/<random>",
"slack:<file id>", "stdin:".
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from vt import errors
from vt.files import FileProvider, hosts, remote
from vt.files.disk import Disk
from vt.files.hosts import Host

THIS_MACHINE = ""
"""The name of the place whose files are on this machine."""
HOST = "host"
"""The kind of a server's files, read with the login of its entry in the hosts file: `host:<server>`."""
LOGIN = "login"
"""The kind of a server's files, read with a login that someone typed: `login:<server>/<random>`."""

Opener = Callable[[str], AbstractAsyncContextManager[FileProvider]]
"""Opens a place of its kind by the part of the name after the colon. Raises a HostFault."""


def host_place(server: str) -> str:
    """The name of the place for a server of the hosts file."""
    return f"{HOST}:{server}"


def display_name(place: str) -> str:
    """What people are shown: a server's name, or the kind of place; "" for this machine."""
    kind, _, name = place.partition(":")
    return name.partition("/")[0] if kind in (HOST, LOGIN) else kind


@dataclass(frozen=True, slots=True)
class Places:
    """Opens a place by its name. `kinds` adds places that are neither this machine nor a named server."""

    disk: Disk
    hosts: Mapping[str, Host] = field(default_factory=dict)
    kinds: Mapping[str, Opener] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, place: str) -> AsyncIterator[FileProvider]:
        """The files of a place, for as long as the context is open.

        Raises HostUnknown for a place that does not exist, and other HostFaults of a server.
        """
        kind, _, name = place.partition(":")
        if place == THIS_MACHINE:
            yield self.disk
        elif kind == HOST:
            host = hosts.with_stored_login(self.hosts, name)
            async with remote.connect(host, self.disk.limit, self.disk.seconds) as server:
                yield server
        elif opener := self.kinds.get(kind):
            async with opener(name) as provider:
                yield provider
        else:
            raise errors.HostUnknown(name)
