"""The fields of a payload, and the error for one that is missing."""

from collections.abc import Mapping
from typing import Any

Payload = Mapping[str, Any]


class MalformedPayload(Exception):
    """A payload lacks something that Slack always sends; `missing` is the path to it."""

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing


def text(payload: Payload, *path: str) -> str:
    """The text at that path, which is not empty. Raises MalformedPayload."""
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        raise MalformedPayload(".".join(path))
    return found


def mapping(payload: Payload, *path: str) -> Payload:
    """The object at that path. Raises MalformedPayload."""
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise MalformedPayload(".".join(path))
    return found


def optional(payload: Payload, *path: str) -> str | None:
    """The text at that path, or None when there is none."""
    try:
        return text(payload, *path)
    except MalformedPayload:
        return None


def team(body: Payload) -> str:
    """The user's workspace. In a channel shared with another organisation it differs from the payload's own."""
    return optional(body, "user", "team_id") or text(body, "team", "id")


def is_public_name(name: str | None) -> bool:
    """Whether it is the name of a public channel. For other channels Slack sends what kind they are, or nothing."""
    return name not in (None, "directmessage", "privategroup") and not str(name).startswith("mpdm-")
