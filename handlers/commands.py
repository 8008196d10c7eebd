"""/vt, as typed: understood, kept, acknowledged."""

from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import blocks, text
from handlers.deps import Deps, Origin, Request, Verb
from handlers.intake import take
from handlers.parser import Command, Misuse, parse


async def typed(ack: AsyncAck, command: dict[str, Any], deps: Deps) -> None:
    """Help and what is wrong are answered on the spot; everything else is kept as a request."""
    wanted = understood(command.get("text", ""), deps)
    if isinstance(wanted, Misuse):
        await ack(text.misuse(wanted))
    elif wanted.verb is Verb.HELP:
        message = blocks.guide()
        await ack(text=message.text, blocks=list(message.blocks))
    else:
        await ack(await take(_request(command, wanted, deps), deps))


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
        origin=Origin(
            team=command["team_id"],
            user=command["user_id"],
            channel=command["channel_id"],
            response_url=command["response_url"],
        ),
        lookups=wanted.lookups,
        people=wanted.people,
        share=wanted.share,
    )
