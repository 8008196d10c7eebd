"""Logins that people typed for a request of theirs: in this process's memory only, for half an hour, and nowhere else."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from handlers.files.logins import Person, served
from vt import errors
from vt.files import FileProvider, hosts, remote
from vt.files.hosts import Host
from vt.files.places import LOGIN, display_name

LIVES = 1800.0
"""Seconds: to read the files, to be asked whether they may be uploaded, and to upload them."""
MOST = 1000
"""That are held at once; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class _Held:
    host: Host
    whose: Person


class Logins:
    """Whoever restarts the process, or asks another one, finds none of them. A login serves whoever typed it alone."""

    def __init__(self, servers: Mapping[str, Host], limit: int, seconds: float = LIVES) -> None:
        self._servers = servers
        self._limit = limit
        self._seconds = seconds
        self._held: dict[str, _Held] = {}

    def wanted(self, name: str) -> bool:
        """Is there such a server, by name or address, whose entry names no login?"""
        found = [host for host in self._servers.values() if name in (host.name, host.address)]
        return bool(found) and not (found[0].key_file or found[0].password_file)

    def keep(self, address: str, user: str, password: SecretStr, whose: Person) -> str:
        """Hold a login for its typer's requests; returns the place of that server's files for it. Raises HostUnknown."""
        host = hosts.with_typed_login(self._servers, address, user, password)
        place = f"{LOGIN}:{host.name}/{secrets.token_urlsafe(16)}"
        self._held[place] = _Held(host, whose)
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
    async def opener(self, name: str) -> AsyncIterator[FileProvider]:
        """The files of such a place, for whoever typed the login: for anybody else it is not there.

        Raises LoginForgotten or another HostFault.
        """
        place = f"{LOGIN}:{name}"
        held = self._held.get(place)
        if held is None or held.whose != served():
            raise errors.LoginForgotten(display_name(place))
        async with remote.connect(held.host, self._limit) as server:
            yield server
