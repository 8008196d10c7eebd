"""What is said in channels: kept, if the channel is watched and there is something in it, and acknowledged."""

from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncBoltContext

from handlers.deps import Deps
from handlers.request import EntryPoint, Origin, Request, Verb
from handlers.watch import named
from handlers.watch.event_parser import Ears, Heard, heard
from vt import extract
from vt.actions import fitting
from vt.indicators import is_internal
from vt.lookup import Lookup
from vt.privacy.allowlist import commonplace


async def in_channel(event: dict[str, Any]) -> bool:
    """Whether it was said where others are."""
    return event.get("channel_type") in ("channel", "group", "mpim")


async def said(event: dict[str, Any], context: AsyncBoltContext, deps: Deps) -> None:
    """A message, an edit, a deletion. What could not be kept raises StoreDown, and Slack hands it over again."""
    own = frozenset({str(name) for name in (context.bot_id, context.bot_user_id) if name})
    news = heard(event, Ears(own, deps.rules.bots))
    if news is None:
        return
    wanted = () if news.gone else lookups(news.text, deps)
    if wanted or news.edited or news.gone:
        await deps.watching.note(news, wanted, _request(news, wanted, str(context.team_id), deps))


async def made(event: dict[str, Any], context: AsyncBoltContext, deps: Deps) -> None:
    """A channel was made: one that is watched from the beginning is gone into, if the settings say so."""
    channel = event["channel"]
    if not deps.rules.join or not named(channel.get("name", ""), deps.rules.channels):
        return
    origin = Origin(
        way=EntryPoint.WATCH,
        team=str(context.team_id),
        user=channel.get("creator", ""),
        channel=channel["id"],
    )
    await deps.store.accept(
        Request(
            id=deps.new_id(),
            delivery=f"made:{channel['id']}",
            verb=Verb.ARRIVE,
            at=deps.clock(),
            origin=origin,
        )
    )


def lookups(text: str, deps: Deps) -> tuple[Lookup, ...]:
    """What a text calls for, without what is never sent. However it was written, it is asked for by its value."""
    spared = (is_internal, commonplace, deps.rules.ours)
    found = (one for one in extract(text) if not any(spares(one) for spares in spared))
    wanted = [(one, fitting(one.kind)) for one in found]
    return tuple(
        Lookup.of(replace(one, asked=one.value), action, deps.thresholds.get(action.key, action.threshold))
        for one, action in wanted
    )


def _request(news: Heard, wanted: tuple[Lookup, ...], team: str, deps: Deps) -> Request:
    origin = Origin(
        way=EntryPoint.WATCH,
        team=team,
        user=news.poster,
        channel=news.channel,
        thread=news.thread or news.ts,
        message=news.ts,
        public=True,
    )
    return Request(
        id=deps.new_id(),
        delivery=f"watch:{news.channel}:{news.ts}",
        verb=Verb.CARD,
        at=deps.clock(),
        origin=origin,
        lookups=wanted,
    )
