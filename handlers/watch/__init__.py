"""Watched channels: what a message in one calls for (policy), what Slack's events say, and what storage must offer."""

from handlers.watch.event_parser import BotFilter, MessageEvent, parse_event
from handlers.watch.policy import Card, CardOverrides, CardProgress, Mode, Reaction, Rules, Watch
from handlers.watch.ports import ALL_CHANNELS, CardStore, Duplicate, Ignored, WatchStore

__all__ = [
    "ALL_CHANNELS",
    "BotFilter",
    "Card",
    "CardOverrides",
    "CardProgress",
    "CardStore",
    "Duplicate",
    "Ignored",
    "MessageEvent",
    "Mode",
    "Reaction",
    "Rules",
    "Watch",
    "WatchStore",
    "parse_event",
]
