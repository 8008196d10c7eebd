"""Logins that people typed for one request: in this process's memory only, for half an hour, and nowhere else."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pydantic import SecretStr

from vt import errors
from vt.files import Files, hosts, remote
from vt.files.hosts import Host
from vt.files.places import LOGIN, source_of

LIVES = 1800.0
"""Seconds: to read the files, to be asked whether they may be uploaded, and to upload them."""
MOST = 1000
"""That are held at once; the oldest makes room."""


class Logins:
    """Whoever restarts the process, or asks another one, finds none of them."""

    def __init__(self, servers: Mapping[str, Host], limit: int, seconds: float = LIVES) -> None:
        self._servers = servers
        self._limit = limit
        self._seconds = seconds
        self._held: dict[str, Host] = {}

    def wanted(self, name: str) -> bool:
        """Is there such a server, by name or address, whose entry names no login?"""
        found = [host for host in self._servers.values() if name in (host.name, host.address)]
        return bool(found) and not (found[0].key_file or found[0].password_file)

    def keep(self, address: str, user: str, password: SecretStr) -> str:
        """Hold a login; returns the place of that server's files for it. Raises HostUnknown."""
        host = hosts.ad_hoc(self._servers, address, user, password)
        place = f"{LOGIN}:{host.name}/{secrets.token_urlsafe(16)}"
        self._held[place] = host
        if len(self._held) > MOST:
            self.forget(next(iter(self._held)))
        asyncio.get_running_loop().call_later(self._seconds, self.forget, place)
        return place

    def forget(self, place: str) -> None:
        """Hold it no longer."""
        self._held.pop(place, None)

    def holds(self, place: str) -> bool:
        """Is it held here?"""
        return place in self._held

    @asynccontextmanager
    async def opener(self, name: str) -> AsyncIterator[Files]:
        """The files of such a place. Raises LoginForgotten or another HostFault."""
        place = f"{LOGIN}:{name}"
        host = self._held.get(place)
        if host is None:
            raise errors.LoginForgotten(source_of(place))
        async with remote.server(host, self._limit) as server:
            yield server
