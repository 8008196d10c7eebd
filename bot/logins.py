"""Logins that people typed for a request: kept in this process's memory only, for half an hour, and nowhere else."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from handlers.logins import UserKey, current_user
from vt import errors
from vt.files import FileProvider, hosts, remote
from vt.files.hosts import Host
from vt.files.places import LOGIN, display_name

LIFETIME = 1800.0
"""Seconds: enough to read the files, to be asked whether they may be uploaded, and to upload them."""
MAX_LOGINS = 1000
"""How many logins are held at once; one more displaces the oldest."""


@dataclass(frozen=True, slots=True)
class _Login:
    host: Host
    owner: UserKey


class Logins:
    """Logins by place. They do not survive a restart, are not shared between processes, and serve only their owner."""

    def __init__(self, servers: Mapping[str, Host], limit: int, seconds: float = LIFETIME) -> None:
        self._servers = servers
        self._limit = limit
        self._seconds = seconds
        self._held: dict[str, _Login] = {}

    def wanted(self, name: str) -> bool:
        """Whether the hosts file has a server of this name or address without a login of its own."""
        found = [host for host in self._servers.values() if name in (host.name, host.address)]
        return bool(found) and not (found[0].key_file or found[0].password_file)

    def keep(self, address: str, user: str, password: SecretStr, owner: UserKey) -> str:
        """Hold a login. Returns the place through which that server's files are read with it. Raises HostUnknown."""
        host = hosts.with_typed_login(self._servers, address, user, password)
        # The random part makes the place a secret of this request; the owner is checked all the same.
        place = f"{LOGIN}:{host.name}/{secrets.token_urlsafe(16)}"
        self._held[place] = _Login(host, owner)
        if len(self._held) > MAX_LOGINS:
            self.forget(next(iter(self._held)))
        asyncio.get_running_loop().call_later(self._seconds, self.forget, place)
        return place

    def forget(self, place: str) -> None:
        """Forget the login of this place, if it is held."""
        self._held.pop(place, None)

    def holds(self, place: str) -> bool:
        """Whether this process holds the login of this place."""
        return place in self._held

    @asynccontextmanager
    async def opener(self, name: str) -> AsyncIterator[FileProvider]:
        """The files of the place `login:<name>`, for the owner of its login only.

        Raises LoginForgotten, for anybody else too, or another HostFault.
        """
        place = f"{LOGIN}:{name}"
        login = self._held.get(place)
        if login is None or login.owner != current_user():
            raise errors.LoginForgotten(display_name(place))
        async with remote.connect(login.host, self._limit) as server:
            yield server
