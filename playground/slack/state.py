"""The memory of a stand-in workspace: who is there, what was said, what is open, and each fault of the bot."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.slack import seed
from playground.slack.records import Change, Channel, File, Hook, Message, Person, Trigger, View
from playground.slack.rules import Fault, Rule

HOOK_SECONDS = 30 * 60
HOOK_USES = 5
TRIGGER_SECONDS = 3


class State:
    """Everything but the network. Times come from `clock` (seconds since 1970)."""

    def __init__(
        self,
        clock: Callable[[], float],
        uploads: Path | None = None,
        *,
        team: str = seed.TEAM,
        enterprise: str | None = None,
        number: int = 0,
    ) -> None:
        self.clock = clock
        self.team = team
        self.enterprise = enterprise
        """The organisation to which the workspace belongs."""
        self.is_org_wide = False
        """Whether the app is installed in the whole organisation."""
        self._uploads = uploads
        self.base = ""
        """http://127.0.0.1:PORT, once the server listens."""
        self.people: dict[str, Person] = {person.id: person for person in seed.people(team, number)}
        self.channels: dict[str, Channel] = {channel.id: channel for channel in seed.channels(number)}
        self.messages: dict[tuple[str, str], Message] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, str] = {}
        self.hooks: dict[str, Hook] = {}
        self.triggers: dict[str, Trigger] = {}
        self.reactions: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.told: set[str] = {seed.BOT.id}
        """The ids of people and channels that Slack has named to the bot."""
        self.faults: list[str] = []
        self.forgiven: set[Rule] = set()
        self.lacking: set[str] = set()
        """The kinds of block that this workspace is too old for."""
        self.watchers: list[Callable[[Change], None]] = []
        self._last = 0

    def blame(self, where: str, *faults: Fault) -> None:
        """Keep each fault as a sentence, but for the rules that a test means to break."""
        self.faults += [f"{where}: {fault.sentence}" for fault in faults if fault.rule not in self.forgiven]

    def person(self, who: str | Person) -> Person:
        """By name or id. LookupError when there is none."""
        if isinstance(who, Person):
            return who
        for person in self.people.values():
            if who.removeprefix("@") in (person.id, person.name):
                return person
        raise LookupError(f"there is nobody called {who!r}")

    def channel(self, where: str, viewer: Person | None = None) -> Channel:
        """By name or id; `@ana` is the direct messages of ana and the bot, for a viewer `@vt` is theirs.

        Raises LookupError when there is none.
        """
        if where.startswith("@"):
            person = self.person(where)
            return self.direct(viewer if viewer and person.id == seed.BOT.id else person)
        for channel in self.channels.values():
            if where.removeprefix("#") in (channel.id, channel.name):
                return channel
        raise LookupError(f"there is no channel {where!r}")

    def name_of(self, known_id: str) -> str:
        """The name of a person or channel; the id itself when there is none."""
        found = self.people.get(known_id) or self.channels.get(known_id)
        return found.name if found and found.name else known_id

    def direct(self, person: Person) -> Channel:
        """The direct messages of this person and the bot."""
        name = "D" + person.id[1:]
        if name not in self.channels:
            self.channels[name] = Channel(
                name, "", {person.id, seed.BOT.id}, private=True, with_user=person.id
            )
        return self.channels[name]

    def ts(self) -> str:
        """A timestamp that no other message has."""
        self._last = max(self._last + 1, int(self.clock() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def post(self, message: Message, hook: str | None = None) -> Message:
        """Show a message."""
        self.messages[message.key] = message
        self._tell(Change("posted", message=message, hook=hook))
        return message

    def update(self, before: Message, hook: str | None = None, **what: Any) -> Message:
        """Change a message where it stands."""
        after = replace(before, **what)
        self.messages[before.key] = after
        kind = "deleted" if after.deleted else "updated"
        self._tell(Change(kind, message=after, before=before, hook=hook))
        return after

    def show(self, view: View) -> View:
        """Open a view or change it."""
        self.views[view.id] = view
        self._tell(Change("view", view=view))
        return view

    def react(self, message: Message, mark: tuple[str, str], *, put: bool) -> None:
        """Put a reaction, (name, person), on a message or take it off."""
        marks = self.reactions.setdefault(message.key, [])
        (marks.append if put else marks.remove)(mark)
        self._tell(Change("reacted", message=message))

    def close(self, view: View, left: list[str]) -> None:
        """Take a modal from its person's screen; `left` are those below that stay open."""
        self.stacks[view.user] = left
        self._tell(Change("closed", view=view))

    def _tell(self, change: Change) -> None:
        for watcher in self.watchers:
            watcher(change)

    def sees(self, person: Person, message: Message) -> bool:
        """Whether this person has the message on their screen."""
        if message.deleted or message.ephemeral_to not in (None, person.id):
            return False
        channel = self.channels[message.channel]
        return person.id in channel.members or not (channel.private or person.team != self.team)

    def seen(
        self, person: Person | None, channel: Channel | None, thread: str | None = None
    ) -> Iterator[Message]:
        """The messages of a channel (of all) in order, as this person (or someone all-seeing) sees them."""
        for message in self.messages.values():
            if channel and message.channel != channel.id:
                continue
            if thread and thread not in (message.ts, message.thread_ts):
                continue
            if self.sees(person, message) if person else not message.deleted:
                yield message

    def hook(
        self,
        person: Person,
        channel: Channel,
        source: tuple[str, str] | None = None,
        thread: str | None = None,
    ) -> Hook:
        """A new response_url."""
        hook = Hook(secrets.token_hex(12), person.id, channel.id, self.clock(), source, thread)
        self.hooks[hook.id] = hook
        return hook

    def hook_url(self, hook: Hook) -> str:
        """Where the bot posts to."""
        return f"{self.base}/commands/{hook.id}"

    def trigger(self, person: Person) -> Trigger:
        """A new trigger_id."""
        trigger = Trigger(f"{self._last}.{secrets.token_hex(12)}", person.id, self.clock())
        self.triggers[trigger.id] = trigger
        return trigger

    def file(self, name: str, content: bytes, person: Person, mimetype: str) -> File:
        """Keep a file."""
        file_id = new_id("F")
        file = File(file_id, name, self.held(file_id, content), mimetype, person.id, title=name)
        self.files[file.id] = file
        return file

    def held(self, file_id: str, content: bytes) -> bytes | Path:
        """Where the bytes of a file are held: below `uploads`, or in memory when there is no such folder."""
        if self._uploads is None:
            return content
        place = self._uploads / file_id
        place.write_bytes(content)
        return place

    def share(self, files: Iterable[File], channel: str, thread: str | None) -> tuple[File, ...]:
        """The files as they are once shared there."""
        shared = tuple(replace(file, channel=channel, thread=thread) for file in files)
        self.files.update({file.id: file for file in shared})
        return shared


def new_id(letter: str) -> str:
    """An id in Slack's style."""
    return letter + secrets.token_hex(5).upper()
