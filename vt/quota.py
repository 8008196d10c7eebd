"""A VirusTotal key's allowance: calls a minute (sliding), a day (from 00:00 UTC) and a month (from the 1st)."""

from typing import Protocol


class Quota(Protocol):
    """Who may call now. Kept in one place, so that every process that shares the key shares the count."""

    async def take(self, calls: int = 1) -> None:
        """Book calls about to be made, all or none. Raises QuotaSpent(retry_at) when they do not fit."""

    async def refused(self) -> None:
        """VirusTotal itself said 204: remember it for everybody. Raises QuotaSpent(retry_at) always."""
