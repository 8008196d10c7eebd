"""Where everything that a bot wants shown is weighed, whichever way it came."""

from collections.abc import Mapping
from typing import Any

from playground.slack import rules
from playground.slack.records import Channel
from playground.slack.rules import Fault, Rule
from playground.slack.seed import BOT
from playground.slack.state import World


class Refused(Exception):
    """Slack's `ok: false`, with its name for the error."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages


def weigh(world: World, where: str, content: Mapping[str, Any], *, public: bool) -> None:
    """Blame the bot for each fault; raises Refused for what Slack would not show."""
    found = [*rules.message(content, world.told, unfurls=public), *_arguments(content)]
    settle(world, where, found)


def weigh_view(world: World, where: str, content: Any) -> None:
    """The same for a modal or a home."""
    if not isinstance(content, dict):
        raise Refused("invalid_arguments", "[ERROR] view is not an object")
    settle(world, where, rules.view(content, world.told))


def settle(world: World, where: str, found: list[Fault]) -> None:
    """Keep the faults; raises Refused with the first error among them."""
    world.blame(where, *found)
    errors = [fault for fault in found if fault.error]
    if errors:
        raise Refused(str(errors[0].error), *(f"[ERROR] {fault.sentence}" for fault in errors))


def blame(world: World, where: str, rule: Rule, sentence: str, error: str | None = None) -> None:
    """One fault; with an error it is refused."""
    settle(world, where, [Fault(rule, sentence, error)])


def room(world: World, where: str, name: Any) -> Channel:
    """The channel that the bot may post to; a person's id is their direct messages."""
    if isinstance(name, str) and name in world.people:
        return world.direct(world.people[name])
    channel = visible(world, name)
    if channel.archived:
        raise Refused("is_archived")
    if BOT.id not in channel.members:
        blame(world, where, Rule.MEMBERSHIP, f"no member of #{channel.name}", "not_in_channel")
    return channel


def visible(world: World, name: Any) -> Channel:
    """A channel that the bot can know of."""
    channel = world.channels.get(name) if isinstance(name, str) else None
    if channel is None or (channel.private and BOT.id not in channel.members):
        raise Refused("channel_not_found")
    return channel


def _arguments(content: Mapping[str, Any]) -> list[Fault]:
    found = [
        Fault(Rule.CALL, f"{name} is set: text from outside could call people or link")
        for name in ("link_names", "parse")
        if content.get(name)
    ]
    if content.get("attachments"):
        found.append(Fault(Rule.CALL, "attachments: the legacy of blocks"))
    return found
