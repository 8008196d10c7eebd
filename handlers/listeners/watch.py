"""Messages in channels: recorded if the channel is watched and they hold something to look up."""

from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncBoltContext

from handlers import payloads
from handlers.deps import WatchDeps
from handlers.listeners.events import bot
from handlers.payloads import ChannelMessage
from handlers.request import CardRequest, JoinRequest
from handlers.watch import BotFilter, parse_event
from handlers.watch.policy import matches
from vt import extract
from vt.actions import fitting
from vt.indicators import is_internal
from vt.lookup import Lookup
from vt.privacy import is_well_known


async def in_channel(event: dict[str, Any]) -> bool:
    """Whether a message was written in a channel or group, not to the bot alone."""
    return payloads.is_in_channel(event)


async def on_message(event: dict[str, Any], context: AsyncBoltContext, deps: WatchDeps) -> None:
    """A message, an edit or a deletion. Raises StoreDown when it cannot be stored: Slack delivers it again then."""
    own = frozenset(str(name) for name in (context.bot_id, context.bot_user_id) if name)
    message = parse_event(event, BotFilter(own, deps.rules.bots))
    if message is None:
        return
    wanted = () if message.is_deletion else lookups(message.text, deps)
    if wanted or message.is_edit or message.is_deletion:
        received = payloads.channel_message(message, bot(context))
        await deps.cards.record(message, wanted, _request(received, wanted, deps))


async def on_channel_created(event: dict[str, Any], context: AsyncBoltContext, deps: WatchDeps) -> None:
    """A channel was created: join it if it is watched from the beginning and the settings say so. Raises StoreDown."""
    created = payloads.channel_created(event, bot(context))
    if not deps.rules.join or not matches(created.name, deps.rules.channels):
        return
    request = JoinRequest(id=deps.new_id(), delivery=created.delivery, at=deps.clock(), origin=created.origin)
    await deps.store.accept(request)


def lookups(text: str, deps: WatchDeps) -> tuple[Lookup, ...]:
    """What a text calls for, without what is never sent to VirusTotal.

    An indicator is asked for by its value, however it was written: written in two ways it is still the same.
    """
    never_sent = (is_internal, is_well_known, deps.rules.own_domains)
    found = [one for one in extract(text) if not any(is_spared(one) for is_spared in never_sent)]
    wanted = []
    for one in found:
        action = fitting(one.kind)
        threshold = deps.thresholds.get(action.key, action.threshold)
        wanted.append(Lookup.of(replace(one, written=one.value), action, threshold))
    return tuple(wanted)


def _request(message: ChannelMessage, wanted: tuple[Lookup, ...], deps: WatchDeps) -> CardRequest:
    return CardRequest(
        id=deps.new_id(),
        delivery=message.delivery,
        at=deps.clock(),
        origin=message.origin,
        lookups=wanted,
    )
