"""What happens, told to every open window as it happens: messages, modals, deliveries, calls, faults."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playground.slack.api import Call
from playground.slack.delivery import Ack
from playground.slack.records import Change, Message, Person
from playground.slack.workspace import Workspace
from playground.web import snapshot

Json = dict[str, Any]
WAITING = 2_000
"""News that a window may leave unread; one that leaves more is closed, and asks for everything again."""
KEPT = 300


@dataclass(slots=True, eq=False)
class Window:
    """A browser window and what it has not been told yet; None: it is closed."""

    person: Person
    tab: str
    """The same for every connection of one page, however often it was interrupted."""
    connected: Callable[[], bool]
    news: asyncio.Queue[Json | None] = field(default_factory=lambda: asyncio.Queue(WAITING))


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that went to the bot or came from it."""

    number: int
    head: Json
    body: Json


class Live:
    """Knows the open windows, and remembers what went in and out."""

    def __init__(self, slack: Workspace, more: Json) -> None:
        self._slack = slack
        self._more = more
        self._windows: set[Window] = set()
        self._tabs: dict[str, set[str]] = {}
        """The tabs in which a modal was shown, by the id of its view."""
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._number = 0
        self._faults = 0
        slack.state.watchers.append(self._changed)
        slack.dispatcher.watchers.append(self._delivered)
        slack.api.watchers.append(self._called)

    @contextmanager
    def window(
        self, person: Person, tab: str = "", connected: Callable[[], bool] = lambda: True
    ) -> Iterator[Window]:
        """A window of this person, told everything first. `connected`: whether its browser still listens."""
        self._close_abandoned(person, tab)
        window = Window(person, tab, connected)
        self._note_modals(window)
        heads = [entry.head for entry in self._entries]
        window.news.put_nowait(
            {"kind": "all", **self._more, **snapshot.everything(self._slack, person), "journal": heads}
        )
        self._windows.add(window)
        try:
            yield window
        finally:
            self._windows.discard(window)

    def _close_abandoned(self, person: Person, tab: str) -> None:
        """Close the modals that were open in pages which are gone: as in Slack, they do not come back with a new one."""
        alive = {tab} | {one.tab for one in self._windows if one.person is person and one.connected()}
        seen = [self._tabs[view.id] for view in self._slack.views(person) if view.id in self._tabs]
        if seen and not alive & set().union(*seen):
            self._slack.state.close(self._slack.views(person)[-1], [])

    def _note_modals(self, window: Window) -> None:
        for view in self._slack.views(window.person):
            self._tabs.setdefault(view.id, set()).add(window.tab)

    def entry(self, number: int) -> Json | None:
        """What was in a delivery or a call."""
        return next((entry.body for entry in self._entries if entry.number == number), None)

    def close(self) -> None:
        """No more news."""
        for window in list(self._windows):
            self._shut(window)

    def _tell(self, window: Window, news: Json) -> None:
        try:
            window.news.put_nowait(news)
        except asyncio.QueueFull:
            self._shut(window)

    def _shut(self, window: Window) -> None:
        self._windows.discard(window)
        if window.news.full():
            window.news.get_nowait()
        window.news.put_nowait(None)

    def _changed(self, change: Change) -> None:
        for window in list(self._windows):
            if change.message:
                self._tell(window, self._news(window.person, change.message))
            elif change.view and change.view.user == window.person.id:
                self._note_modals(window)
                self._tell(window, self._views(window.person))
        self._complained()

    def _news(self, person: Person, message: Message) -> Json:
        if self._slack.state.sees(person, message):
            return {"kind": "message", "message": snapshot.message(self._slack.state, message)}
        return {"kind": "gone", "channel": message.channel, "ts": message.ts}

    def _views(self, person: Person) -> Json:
        slack = self._slack
        return {
            "kind": "views",
            "modals": snapshot.modals(slack, person),
            "home": snapshot.home(slack, person),
        }

    def _delivered(self, ack: Ack) -> None:
        if ack.delivery:
            payload = ack.delivery.payload
            name = payload.get("command") or payload.get("event", payload).get("type", ack.delivery.kind)
            body = {"in": payload, "out": ack.body or ack.why}
            self._enter("in", name, ack.status, ack.milliseconds, body)

    def _called(self, call: Call) -> None:
        self._enter("out", call.method, call.status, call.milliseconds, {"in": call.args, "out": call.reply})

    def _enter(self, way: str, name: str, status: int, milliseconds: float, body: Json) -> None:
        self._number += 1
        took = round(milliseconds, 1)
        head = {"n": self._number, "at": time.time(), "way": way, "name": name, "status": status, "ms": took}
        self._entries.append(Entry(self._number, head, body))
        for window in list(self._windows):
            self._tell(window, {"kind": "journal", "entry": head})
        self._complained()

    def _complained(self) -> None:
        """The workspace found the bot breaking a rule of Slack's."""
        if len(self._slack.faults) != self._faults:
            self._faults = len(self._slack.faults)
            for window in list(self._windows):
                self._tell(window, {"kind": "faults", "faults": list(self._slack.faults)})
