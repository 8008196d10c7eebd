"""What a workspace is made of: people, channels, messages, files, views, and what may be used once or for a while."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Someone, or a bot. `team` is where they are at home."""

    id: str
    name: str
    real_name: str
    team: str
    admin: bool = False
    guest: bool = False
    bot_id: str | None = None
    locale: str = "en-US"
    """The language that they chose in Slack's preferences."""

    @property
    def email(self) -> str:
        """An address at an example domain."""
        return f"{self.name}@{self.team.lower()}.example"


@dataclass(slots=True)
class Channel:
    """A channel or, with `with_user`, the direct messages between that person and the bot."""

    id: str
    name: str
    members: set[str]
    private: bool = False
    shared: bool = False
    """With another workspace (Slack Connect)."""
    archived: bool = False
    creator: str = ""
    created: int = 0
    with_user: str | None = None
    group: bool = False
    """A direct message between several people, which has no name that anybody chose."""


@dataclass(frozen=True, slots=True)
class File:
    """A file. `channel` and `thread` are where it was shared last."""

    id: str
    name: str
    held: bytes | Path
    """The bytes, or the file that holds them."""
    mimetype: str
    user: str
    title: str = ""
    alt: str = ""
    """What a picture shows, for those who do not see it."""
    channel: str | None = None
    thread: str | None = None
    complete: bool = True
    expected: int = 0
    """How many bytes were announced."""

    @property
    def content(self) -> bytes:
        """All of it."""
        return self.held if isinstance(self.held, bytes) else self.held.read_bytes()

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.held) if isinstance(self.held, bytes) else self.held.stat().st_size


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now. Ephemeral ones name the only person who sees them."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: tuple[dict[str, Any], ...] = ()
    ephemeral_to: str | None = None
    thread_ts: str | None = None
    edited: bool = False
    files: tuple[File, ...] = ()
    deleted: bool = False
    via: str = "person"
    """person, ack, response_url, slack, or the name of the method it was posted with."""
    bot_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    """What an app wrote on it for itself; nobody sees it."""
    attachments: tuple[dict[str, Any], ...] = ()
    """A message that it forwards, as Slack attaches it."""
    subtype: str = ""
    """me_message for what was written with /me."""

    @property
    def key(self) -> tuple[str, str]:
        """What a client names it by."""
        return self.channel, self.ts


@dataclass(frozen=True, slots=True)
class View:
    """A modal or a home as one person has it open. `content` is as the bot sent it."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str
    root: str
    previous: str | None = None
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    """block_id -> action_id -> what was filled in, as Slack puts it."""

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The blocks as the bot sent them."""
        return list(self.content.get("blocks", []))

    @property
    def title(self) -> str:
        """What stands above it; a home has none."""
        return str(self.content.get("title", {}).get("text", ""))


@dataclass(slots=True)
class Hook:
    """A response_url: whose it is, what it replaces, and how often it was used."""

    id: str
    user: str
    channel: str
    born: float
    source: tuple[str, str] | None = None
    """The message whose button was pressed."""
    thread: str | None = None
    posted: tuple[str, str] | None = None
    """The message that was posted through it last."""
    uses: int = 0


@dataclass(slots=True)
class Trigger:
    """A trigger_id: good for one view within 3 seconds."""

    id: str
    user: str
    born: float
    used: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Something that people see: a message posted, updated or deleted, or a view opened or changed."""

    kind: str
    """posted, updated, deleted, reacted, view, closed."""
    message: Message | None = None
    before: Message | None = None
    view: View | None = None
    hook: str | None = None
    """The id of the response_url it came through."""
