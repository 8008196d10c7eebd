"""Where everything that a bot wants shown is weighed, whichever way it came."""

from collections.abc import Mapping
from typing import Any

from playground.slack import rules, schema
from playground.slack.records import Channel
from playground.slack.rules import Fault, Rule
from playground.slack.seed import BOT
from playground.slack.state import State


class Refused(Exception):
    """Slack's `ok: false`, with its name for the error."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages


def weigh(state: State, where: str, content: Mapping[str, Any], *, public: bool) -> None:
    """Blame the bot for each fault; raises Refused for what Slack would not show."""
    found = [*rules.message(content, state.told, unfurls=public), *_arguments(content)]
    settle(state, where, found)
    _support(state, content.get("blocks") or [], "invalid_blocks")


def _support(state: State, blocks: list[dict[str, Any]], error: str) -> None:
    """Raises Refused for a block that the workspace is too old for. The bot cannot know: that is no fault of it."""
    for block in schema.every(blocks):
        if block["type"] in state.lacking:
            raise Refused(error, f"[ERROR] unsupported type: {block['type']}")


def weigh_view(state: State, where: str, content: Any) -> None:
    """The same for a modal or a home."""
    if not isinstance(content, dict):
        raise Refused("invalid_arguments", "[ERROR] view is not an object")
    settle(state, where, rules.view(content, state.told))
    _support(state, content["blocks"], "invalid_arguments")


def settle(state: State, where: str, found: list[Fault]) -> None:
    """Keep the faults; raises Refused with the first error among them."""
    state.blame(where, *found)
    errors = [fault for fault in found if fault.error]
    if errors:
        raise Refused(str(errors[0].error), *(f"[ERROR] {fault.sentence}" for fault in errors))


def blame(state: State, where: str, rule: Rule, sentence: str, error: str | None = None) -> None:
    """One fault; with an error it is refused."""
    settle(state, where, [Fault(rule, sentence, error)])


def room(state: State, where: str, name: Any) -> Channel:
    """The channel that the bot may post to; a person's id is their direct messages."""
    if isinstance(name, str) and name in state.people:
        return state.direct(state.people[name])
    channel = visible(state, name)
    if channel.archived:
        raise Refused("is_archived")
    if BOT.id not in channel.members:
        blame(state, where, Rule.MEMBERSHIP, f"no member of #{channel.name}", "not_in_channel")
    return channel


def visible(state: State, name: Any) -> Channel:
    """A channel that the bot can know of."""
    channel = state.channels.get(name) if isinstance(name, str) else None
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
