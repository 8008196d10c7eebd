"""Places where files are stored: this machine, a named server, or another kind that is passed in.

A lookup stores the name of its file's place, as place_names makes it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from vt import errors
from vt.files import FileProvider, hosts, remote
from vt.files.disk import Disk
from vt.files.hosts import Host
from vt.files.place_names import HOST, THIS_MACHINE

Opener = Callable[[str], AbstractAsyncContextManager[FileProvider]]
"""Opens a place of its kind by the part of the name after the colon. Raises a HostFault."""


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
