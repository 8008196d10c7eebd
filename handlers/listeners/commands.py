"""/vt, as typed: understood, kept, acknowledged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import text
from handlers.admission import accept
from handlers.channel_settings import holding
from handlers.deps import Deps, Origin, Request, StoreDown, Verb
from handlers.listeners import login
from handlers.listeners.details import fill
from handlers.listeners.form import open_form
from handlers.listeners.login import Known
from handlers.parser import Command, parse
from handlers.request import Answers, ChannelSettings, listed
from handlers.usage_errors import NoHost, UsageError
from handlers.views import answer
from vt.indicators.markup import strip_markup


async def typed(ack: AsyncAck, command: dict[str, Any], deps: Deps) -> None:
    """Help and what is wrong are answered on the spot; everything else is kept as a request."""
    origin = _origin(command)
    wanted = understood(command.get("text", ""), deps.thresholds)
    if isinstance(wanted, NoHost) and deps.logins:
        await ack(await login.open_form(Known(), origin, command["trigger_id"], deps))
    elif isinstance(wanted, UsageError):
        await ack(text.usage_error(wanted))
    elif wanted.verb is Verb.HELP:
        message = answer.help_message()
        await ack(text=message.text, blocks=list(message.blocks))
    elif wanted.verb is Verb.SETTINGS:
        delivery = f"{Verb.SETTINGS}:{command['trigger_id']}"
        await ack(await fill(Verb.SETTINGS, delivery, origin, command, deps))
    elif wanted.verb is Verb.FORM:
        await ack(await open_form(deps, command["trigger_id"], text=strip_markup(wanted.text), origin=origin))
    else:
        await ack(await _kept(wanted, command, deps))


def understood(line: str, thresholds: Mapping[str, int]) -> Command | UsageError:
    """What a line asks for, or what is wrong with it."""
    try:
        return parse(line, thresholds)
    except UsageError as usage_error:
        return usage_error


async def as_set(wanted: Command, line: str, origin: Origin, deps: Deps) -> tuple[Command, ChannelSettings]:
    """What a line asks for where this channel's thresholds hold; and what else was set for it. Raises StoreDown."""
    thresholds, ways = await holding(origin, deps.channels, deps.thresholds)
    again = understood(line, thresholds) if ways.thresholds else wanted
    return (wanted if isinstance(again, UsageError) else again), ways


async def _kept(wanted: Command, command: dict[str, Any], deps: Deps) -> str:
    """Kept as the channel's settings say. Returns what to tell: "" when nothing."""
    origin = _origin(command)
    if wanted.verb is Verb.LOOK_UP:
        try:
            wanted, ways = await as_set(wanted, command.get("text", ""), origin, deps)
        except StoreDown:
            return text.CANNOT_TAKE
        wanted = replace(wanted, share=wanted.share or ways.answers is Answers.CHANNEL)
    told = await login.asked_for(wanted, origin, command["trigger_id"], deps)
    return await accept(_request(command, wanted, deps), deps) if told is None else told


def _request(command: dict[str, Any], wanted: Command, deps: Deps) -> Request:
    return Request(
        id=deps.new_id(),
        delivery=f"command:{command['trigger_id']}",
        verb=wanted.verb,
        at=deps.clock(),
        origin=_origin(command),
        lookups=wanted.lookups,
        people=wanted.people,
        share=wanted.share,
        said=wanted.text,
        fresh=wanted.fresh,
    )


def _origin(command: dict[str, Any]) -> Origin:
    return Origin(
        team=command["team_id"],
        user=command["user_id"],
        channel=command["channel_id"],
        response_url=command["response_url"],
        listed=listed(command.get("channel_name", "")),
    )
