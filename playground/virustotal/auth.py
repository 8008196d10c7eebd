"""Who may ask what, and how often: 403 and 204, before anything is answered."""

import secrets
from collections.abc import Callable

from playground.virustotal.rate_limit import RateLimit

FORBIDDEN = 403
SPENT = 204


class Authorizer:
    """The keys that are let in, the endpoints that are closed to them, and what each key has left."""

    def __init__(
        self,
        *,
        key: str | None,
        closed: frozenset[str],
        quota: tuple[int, int, int],
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._closed = closed
        self._quota = quota
        self._clock = clock
        self._limits_by_key: dict[str, RateLimit] = {}

    def knows(self, key: str) -> bool:
        """Whether the key is good; without one of its own, every key is that is not empty."""
        return bool(key) if self._key is None else secrets.compare_digest(key.encode(), self._key.encode())

    def refusal(self, key: str, endpoint: str) -> int | None:
        """The status that ends this call, or None: then it is counted."""
        if not self.knows(key) or endpoint in self._closed:
            return FORBIDDEN
        limit = self._limits_by_key.setdefault(key, RateLimit(*self._quota))
        return None if limit.take(self._clock()) else SPENT


def closed(*, private: bool, comments: bool | None) -> frozenset[str]:
    """The endpoints that a kind of key may not use; comments follow the key unless they are told not to."""
    open_comments = private if comments is None else comments
    return frozenset(set() if private else {"file/rescan"}) | (set() if open_comments else {"comments/get"})
