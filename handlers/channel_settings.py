"""What holds in a channel: thresholds, and who sees answers. Kept in the database, changed by those who may."""

from collections.abc import Mapping
from typing import Protocol

from handlers.request import ChannelSettings, Origin


class Channels(Protocol):
    """The storage of what was set for channels. Every method raises StoreDown when the database cannot answer."""

    async def ways(self, team: str, channel: str) -> ChannelSettings:
        """What holds there; nothing is set where nobody set anything."""

    async def change(self, team: str, channel: str, ways: ChannelSettings) -> None:
        """Have this hold there from now on."""

    async def changed(self, team: str, most: int) -> list[str]:
        """The channels for which something is set."""


async def holding(
    origin: Origin, channels: Channels, thresholds: Mapping[str, int]
) -> tuple[Mapping[str, int], ChannelSettings]:
    """The thresholds where someone asks, `thresholds` where none is set for the channel; and all that is. Raises StoreDown."""
    ways = await channels.ways(origin.team, origin.channel)
    return {**thresholds, **ways.thresholds}, ways
