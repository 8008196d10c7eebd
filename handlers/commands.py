"""/vt, as typed: understood, kept, acknowledged."""

from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import blocks, login, text
from handlers.deps import Deps, Origin, Request, Verb
from handlers.intake import take
from handlers.parser import Command, Misuse, NoHost, parse
from handlers.request import listed
from handlers.views import open_form
from vt.indicators.markup import typed as typed_text


async def typed(ack: AsyncAck, command: dict[str, Any], deps: Deps) -> None:
    """Help and what is wrong are answered on the spot; everything else is kept as a request."""
    wanted = understood(command.get("text", ""), deps)
    if isinstance(wanted, NoHost) and deps.logins:
        await ack(await login.open_form("", "", _origin(command), command["trigger_id"], deps))
    elif isinstance(wanted, Misuse):
        await ack(text.misuse(wanted))
    elif wanted.verb is Verb.HELP:
        message = blocks.guide()
        await ack(text=message.text, blocks=list(message.blocks))
    elif wanted.verb is Verb.FORM:
        await ack(
            await open_form(
                deps, command["trigger_id"], text=typed_text(wanted.text), origin=_origin(command)
            )
        )
    else:
        told = await login.asked_for(wanted.lookups, _origin(command), command["trigger_id"], deps)
        await ack(await take(_request(command, wanted, deps), deps) if told is None else told)


def understood(line: str, deps: Deps) -> Command | Misuse:
    """What a line asks for, or what is wrong with it."""
    try:
        return parse(line, deps.thresholds)
    except Misuse as misuse:
        return misuse


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
