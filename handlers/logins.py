"""Logins that people type for their own requests: what handlers need of their storage, and for whom a turn is taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from pydantic import SecretStr

from handlers.request import Origin

UserKey = tuple[str, str]
"""The ids of a team and a user."""

_acting_for: ContextVar[UserKey | None] = ContextVar("acting_for", default=None)


@contextmanager
def acting_for(origin: Origin) -> Iterator[None]:
    """While the context is open, files are read on behalf of this person, with logins that this person typed."""
    token = _acting_for.set(user_key(origin))
    try:
        yield
    finally:
        _acting_for.reset(token)


def current_user() -> UserKey | None:
    """On whose behalf files are read now; None outside of `acting_for`."""
    return _acting_for.get()


def user_key(origin: Origin) -> UserKey:
    """Who asked."""
    return origin.team, origin.user


class Logins(Protocol):
    """Holds logins in the memory of this process, each for the requests of the person who typed it."""

    def wanted(self, name: str) -> bool:
        """Whether the hosts file has a server of this name or address without a login of its own."""

    def keep(self, address: str, user: str, password: SecretStr, owner: UserKey) -> str:
        """Hold a login. Returns the place through which that server's files are read with it. Raises HostUnknown."""

    def forget(self, place: str) -> None:
        """Forget the login of this place, if it is held."""

    def holds(self, place: str) -> bool:
        """Whether this process holds the login of this place."""
