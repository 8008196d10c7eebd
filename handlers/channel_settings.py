"""The settings of channels: their storage, and what they and the operator's settings come to together."""

from collections.abc import Mapping
from typing import Protocol

from handlers.case import Change
from handlers.request import ChannelSettings, Origin


class SettingsStore(Protocol):
    """The storage of channels' settings. Every method raises StoreDown when the database cannot be reached."""

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """The settings of a channel; the defaults if nobody changed them."""

    async def change(self, team: str, channel: str, settings: ChannelSettings) -> None:
        """Store the settings of a channel."""

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The ids of at most that many channels that have settings of their own."""


async def effective_settings(
    origin: Origin, store: SettingsStore, thresholds: Mapping[str, int]
) -> tuple[Mapping[str, int], ChannelSettings]:
    """The thresholds that apply where someone asks, in engines by action, and the channel's settings. Raises StoreDown.

    `thresholds`: the operator's, for the actions for which the channel has none.
    """
    settings = await store.get(origin.team, origin.channel)
    return {**thresholds, **settings.thresholds}, settings


def changes(old: ChannelSettings, new: ChannelSettings) -> tuple[Change, ...]:
    """What is different, by name, as the audit records it."""
    before, after = _flat(old), _flat(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(Change(name=name, old=before.get(name), new=after.get(name)) for name in names)


def _flat(settings: ChannelSettings) -> dict[str, str]:
    thresholds = {f"threshold {key}": str(count) for key, count in settings.thresholds.items()}
    return {
        **thresholds,
        "answers": settings.answers,
        "uploads": settings.uploads,
        "instance": settings.instance,
        "language": settings.language,
    }
