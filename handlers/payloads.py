"""Slack's payloads of what people do (event_payloads has the others): each way in becomes one frozen shape with its Origin.

Only here is known where Slack puts what. Every function raises MalformedPayload when something is missing that Slack
always sends. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.request import EntryPoint, Origin, Verb

Payload = Mapping[str, Any]


@dataclass(eq=False)
class MalformedPayload(Exception):
    """A payload lacks something that Slack always sends; `missing` is the path to it."""

    missing: str


def text(payload: Payload, *path: str) -> str:
    """The text at that path, which is not empty. Raises MalformedPayload."""
    found = _at(payload, path)
    if not isinstance(found, str) or not found:
        raise MalformedPayload(".".join(path))
    return found


def _at(payload: Payload, path: tuple[str, ...]) -> Any:
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def timestamp(payload: Payload, *names: str) -> str:
    """The first of these fields that is there: a timestamp of Slack's, as 1355517523.000005. Raises MalformedPayload."""
    name = next((name for name in names if optional(payload, name)), names[-1])
    found = text(payload, name)
    if not re.fullmatch(r"[0-9]{1,12}\.[0-9]{1,9}", found):
        raise MalformedPayload(name)
    return found


def mapping(payload: Payload, *path: str) -> Payload:
    """The object at that path. Raises MalformedPayload."""
    found = _at(payload, path)
    if not isinstance(found, Mapping):
        raise MalformedPayload(".".join(path))
    return found


def mappings(payload: Payload, name: str) -> list[Payload]:
    """The objects in the list of that name; what is no object, or no list, is left out."""
    found = payload.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def optional(payload: Payload, *path: str) -> str | None:
    """The text at that path, or None when there is none."""
    try:
        return text(payload, *path)
    except MalformedPayload:
        return None


def team(body: Payload) -> str:
    """The workspace that the bot answers for. In a channel shared with another organisation, the user's may be another."""
    home = optional(body, "view", "app_installed_team_id") or optional(body, "team", "id")
    return home or optional(body, "user", "team_id") or text(body, "team", "id")


def _asker(body: Payload) -> dict[str, Any]:
    """Who did it, and in which workspace, as Origin names them. Slack may not name the user's own workspace."""
    return {
        "team": team(body),
        "user_team": optional(body, "user", "team_id"),
        "user": text(body, "user", "id"),
    }


def _privately(body: Payload, entry_point: EntryPoint) -> Origin:
    """The origin of what is done outside of any channel, and has no response_url: answers go to direct messages."""
    asker = _asker(body)
    return Origin(entry_point=entry_point, **asker, channel=asker["user"])


def is_public_name(name: str | None) -> bool:
    """Whether it is the name of a public channel. For other channels Slack sends what kind they are, or nothing."""
    return name not in (None, "directmessage", "privategroup") and not str(name).startswith("mpdm-")


# What people do ----------------------------------------------------------------------------------------

ONCE_PER_MESSAGE = frozenset({Verb.SUBMIT, Verb.RECHECK})
"""Clicks under one message count once, whoever clicks. A copy of the message has buttons of its own."""
ONCE_PER_PERSON = frozenset({Verb.UPLOAD, Verb.ALLOW_OWN_URL})
"""One person's clicks count once. Somebody else's click is refused, and must not use up the asker's."""


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """`/vt` with the text after it."""

    delivery: str
    origin: Origin
    text: str
    trigger_id: str


@dataclass(frozen=True, slots=True)
class MessageShortcut:
    """An entry in the menu of a message."""

    delivery: str
    origin: Origin
    callback_id: str
    message: Payload
    trigger_id: str


@dataclass(frozen=True, slots=True)
class GlobalShortcut:
    """An entry in the menu beside the message field."""

    origin: Origin
    trigger_id: str


@dataclass(frozen=True, slots=True)
class ButtonClick:
    """A button or a menu entry in a message, or a button in the home."""

    origin: Origin
    action_id: str
    value: str
    trigger_id: str

    def delivery(self, verb: Verb, about: str) -> str:
        """Which clicks count as the same one: that depends on what the button does. `about`: the id of the answer."""
        user, message = self.origin.user, self.origin.message
        if verb is Verb.SHARE:
            return f"{verb}:{about}"
        if verb in ONCE_PER_MESSAGE:
            return f"{verb}:{about}:{message}"
        if verb is Verb.HIDE:
            return f"{verb}:{about}:{user}:{message}"
        return f"{verb}:{about}:{user}" if verb in ONCE_PER_PERSON else f"{verb}:{self.trigger_id}"


@dataclass(frozen=True, slots=True)
class ModalClick:
    """A button or a menu entry in a modal."""

    modal_id: str  # our own id
    view_id: str  # Slack's id
    value: str  # of the selected option, or the action_id of the button
    trigger_id: str
    team: str
    user: str


@dataclass(frozen=True, slots=True)
class ModalSubmission:
    """A submitted modal."""

    modal_id: str  # our own id
    values: Payload  # what is filled in, by block
    team: str
    user: str

    def value(self, name: str) -> Any:
        """A field's value, whatever its type: text, a number, an option, a list of options or files; None when empty.

        The views give each field the same name as block_id and action_id.
        """
        state = self.values.get(name, {}).get(name, {})
        if "selected_options" in state:
            return [one["value"] for one in state["selected_options"] or ()]
        if "selected_option" in state:
            return (state["selected_option"] or {}).get("value")
        return state.get("files", state.get("value"))

    def text(self, name: str) -> str:
        """The text in a field, without spaces around it; "" when it is empty or missing."""
        return str(self.value(name) or "").strip()


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Someone looks at a tab of the bot's home."""

    delivery: str
    origin: Origin
    tab: str


def slash_command(body: Payload, home: str = "") -> SlashCommand:
    """A slash command. Slack omits the text when there is none, and names the asker's workspace only."""
    trigger_id = text(body, "trigger_id")
    origin = Origin(
        entry_point=EntryPoint.COMMAND,
        team=home or text(body, "team_id"),
        user_team=text(body, "team_id"),
        user=text(body, "user_id"),
        channel=text(body, "channel_id"),
        response_url=text(body, "response_url"),
        listed=is_public_name(optional(body, "channel_name")),
    )
    return SlashCommand(f"command:{trigger_id}", origin, optional(body, "text") or "", trigger_id)


def message_shortcut(body: Payload) -> MessageShortcut:
    """A message shortcut, answered in the thread of the message, which the payload contains."""
    trigger_id = text(body, "trigger_id")
    origin = Origin(
        entry_point=EntryPoint.SHORTCUT,
        **_asker(body),
        channel=text(body, "channel", "id"),
        response_url=text(body, "response_url"),
        thread=optional(body, "message", "thread_ts") or text(body, "message", "ts"),
    )
    return MessageShortcut(
        delivery=f"shortcut:{trigger_id}",
        origin=origin,
        callback_id=text(body, "callback_id"),
        message=mapping(body, "message"),
        trigger_id=trigger_id,
    )


def global_shortcut(body: Payload) -> GlobalShortcut:
    """A global shortcut."""
    return GlobalShortcut(_privately(body, EntryPoint.SHORTCUT), text(body, "trigger_id"))


def button_click(body: Payload, action: Payload) -> ButtonClick:
    """A button or a menu entry in a message."""
    origin = Origin(
        entry_point=EntryPoint.BUTTON,
        **_asker(body),
        channel=text(body, "channel", "id"),
        response_url=optional(body, "response_url"),
        thread=optional(body, "message", "thread_ts"),
        message=text(body, "container", "message_ts"),
        public=not mapping(body, "container").get("is_ephemeral", False),
        listed=is_public_name(optional(body, "channel", "name")),
    )
    chosen = action.get("selected_option", action)
    return ButtonClick(
        origin=origin,
        action_id=text(action, "action_id"),
        value=optional(chosen, "value") or "",
        trigger_id=text(body, "trigger_id"),
    )


def modal_click(body: Payload, action: Payload) -> ModalClick:
    """A button or a menu entry in a modal."""
    path = ("selected_option", "value") if "selected_option" in action else ("action_id",)
    return ModalClick(
        modal_id=text(body, "view", "private_metadata"),
        view_id=text(body, "view", "id"),
        value=text(action, *path),
        trigger_id=text(body, "trigger_id"),
        team=team(body),
        user=text(body, "user", "id"),
    )


def modal_submission(body: Payload) -> ModalSubmission:
    """A submitted modal."""
    return ModalSubmission(
        modal_id=text(body, "view", "private_metadata"),
        values=mapping(body, "view", "state", "values"),
        team=team(body),
        user=text(body, "user", "id"),
    )


def home_opened(body: Payload, team: str) -> HomeOpened:
    """A tab of the home was opened. The home is in no channel: answers go to direct messages."""
    user = text(body, "event", "user")
    origin = Origin(entry_point=EntryPoint.HOME, team=team, user=user, channel=user)
    return HomeOpened(f"home:{text(body, 'event_id')}", origin, text(body, "event", "tab"))


def home_click(body: Payload, action: Payload) -> ButtonClick:
    """A button in the home."""
    return ButtonClick(
        origin=_privately(body, EntryPoint.HOME),
        action_id=text(action, "action_id"),
        value=optional(action, "value") or "",
        trigger_id=text(body, "trigger_id"),
    )
