"""Where files come from: this machine, a named server, or whatever else is wired in. A lookup keeps the place's name."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from vt import errors
from vt.files import Files, hosts, remote
from vt.files.disk import Disk
from vt.files.hosts import Host

HERE = ""
"""The place of files on this machine."""
HOST = "host"
LOGIN = "login"
"""The kind of a server's files behind a login that someone typed: `login:<server>/<random>`."""

Opener = Callable[[str], AbstractAsyncContextManager[Files]]
"""Opens a place of its kind by the name it has there; raises a HostFault."""


def on_host(name: str) -> str:
    """The place of a named server's files."""
    return f"{HOST}:{name}"


def source_of(place: str) -> str:
    """For people: the server's name, or the kind of place; "" for this machine."""
    kind, _, name = place.partition(":")
    return name.partition("/")[0] if kind in (HOST, LOGIN) else kind


@dataclass(frozen=True, slots=True)
class Places:
    """Opens a place by its name. `kinds` holds those that are neither this machine nor a named server."""

    disk: Disk
    hosts: Mapping[str, Host] = field(default_factory=dict)
    kinds: Mapping[str, Opener] = field(default_factory=dict)

    @asynccontextmanager
    async def at(self, place: str) -> AsyncIterator[Files]:
        """The files of a place while they are worked with. Raises a HostFault; HostUnknown for a place there is not."""
        kind, _, name = place.partition(":")
        if place == HERE:
            yield self.disk
        elif kind == HOST:
            host = hosts.named(self.hosts, name)
            async with remote.server(host, self.disk.limit, self.disk.seconds) as server:
                yield server
        elif opener := self.kinds.get(kind):
            async with opener(name) as files:
                yield files
        else:
            raise errors.HostUnknown(name)
