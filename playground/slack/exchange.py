"""What comes of something a person does: the acknowledgement, then messages and views as they appear."""

import asyncio
import contextlib
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

from playground.slack import drawing, events, hooks
from playground.slack.delivery import FAILED, OK, Ack, Delivery, Dispatcher
from playground.slack.events import Event
from playground.slack.posting import Refused
from playground.slack.records import Change, Hook, Message, Person, View
from playground.slack.seed import BOT, SLACKBOT
from playground.slack.state import State


class Exchange:
    """One thing done and what followed from it."""

    def __init__(self, state: State, person: Person, what: str, hook: Hook | None = None) -> None:
        self.state = state
        self.person = person
        self.what = what
        self.hook = hook
        self.ack = Ack(0)
        self.said: Message | None = None
        """The message that the person posted or changed."""
        self.errors: dict[str, str] = {}
        """The errors that a form shows beside its fields: block_id -> sentence."""
        self.messages: list[Message] = []
        """Each message as it stood when it was posted or changed, in order."""
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._views: asyncio.Queue[View] = asyncio.Queue()

    @property
    def status(self) -> int:
        """The status of the acknowledgement; 0 when there was none."""
        return self.ack.status

    @property
    def body(self) -> str:
        """The body of the acknowledgement; over Socket Mode its payload as JSON."""
        return self.ack.body

    @property
    def milliseconds(self) -> float:
        """How long the acknowledgement took."""
        return self.ack.milliseconds

    async def answer(self, timeout: float = 60, having: str = "") -> Message:  # noqa: ASYNC109 - a waiter's word
        """The next message or update that this person sees because of it.

        With `having`, the first in which these words are read. TimeoutError when none comes.
        """
        async with self._waiting(timeout, f"an answer having {having!r}" if having else "an answer"):
            while having not in "\n".join(drawing.message(self.state, message := await self._answers.get())):
                pass
            return message

    async def view(self, timeout: float = 60) -> View:  # noqa: ASYNC109 - a waiter's word
        """The next modal or home that opens or changes. TimeoutError when none does."""
        async with self._waiting(timeout, "a view"):
            return await self._views.get()

    @contextlib.asynccontextmanager
    async def _waiting(self, seconds: float, wanted: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            faults = "; ".join(self.state.faults) or "no faults"
            raise TimeoutError(
                f"{self.person.name} waited {seconds:g} s for {wanted} to {self.what!r} ({faults})"
            ) from None

    def offer(self, change: Change) -> None:
        """Take what belongs to it."""
        if change.view and change.kind == "view":
            self._views.put_nowait(change.view)
        elif change.message and change.kind in ("posted", "updated"):
            self.messages.append(change.message)
            self._answers.put_nowait(change.message)


class Exchanges:
    """Sends what people do, and tells each exchange that is still held what the bot showed to its person."""

    def __init__(self, state: State, dispatcher: Dispatcher) -> None:
        self.state = state
        self.dispatcher = dispatcher
        self._by_person: dict[str, weakref.WeakSet[Exchange]] = {}
        self._by_hook: dict[str, weakref.WeakSet[Exchange]] = {}
        state.watchers += [self._changed, self._echo]

    def open(self, person: Person, what: str, hook: Hook | None = None) -> Exchange:
        """Begin one."""
        exchange = Exchange(self.state, person, what, hook)
        self._by_person.setdefault(person.id, weakref.WeakSet()).add(exchange)
        if hook:
            self._by_hook.setdefault(hook.id, weakref.WeakSet()).add(exchange)
        return exchange

    async def command(self, exchange: Exchange, payload: dict[str, Any]) -> Exchange:
        """Deliver a slash command, and show what it was acknowledged with."""
        exchange.ack = await self.dispatcher.deliver(Delivery("slash_commands", payload))
        hook, ack = exchange.hook, exchange.ack
        error = None if ack.status == OK else ack.why or FAILED
        if hook and ack.body and not error:
            try:
                hooks.respond(self.state, hook, content(ack), "ack")
            except Refused as refused:
                error = refused.error
        if error:
            self._failed(exchange, f'{payload["command"]} failed with the error "{error}"')
        return exchange

    def _failed(self, exchange: Exchange, sentence: str) -> None:
        """What Slack itself tells the person."""
        hook = exchange.hook
        if hook:
            ts, name = self.state.ts(), SLACKBOT.id
            notice = Message(ts, hook.channel, name, sentence, ephemeral_to=hook.user, via="slack")
            self.state.post(notice, hook.id)

    async def interaction(self, exchange: Exchange, payload: dict[str, Any]) -> Exchange:
        """Deliver an interactive payload."""
        exchange.ack = await self.dispatcher.deliver(Delivery("interactive", payload))
        return exchange

    async def events(self, exchange: Exchange, happened: list[Event]) -> Exchange:
        """Deliver events; the acknowledgement is the first one's that the bot subscribed to."""
        acks = await asyncio.gather(*(self.dispatcher.event(*event) for event in happened))
        exchange.ack = next(filter(None, acks), exchange.ack)
        return exchange

    async def again(self, exchange: Exchange) -> Exchange:
        """The same delivery once more; what the bot answers to it is not shown to anybody."""
        twin = self.open(exchange.person, exchange.what, exchange.hook)
        twin.ack = await self.dispatcher.again(exchange.ack)
        return twin

    def _changed(self, change: Change) -> None:
        for exchange in list(self._concerned(change)):
            exchange.offer(change)

    def _concerned(self, change: Change) -> list[Exchange]:
        """A response_url belongs to one exchange; what is shown otherwise, to all who see it."""
        if change.hook:
            return list(self._by_hook.get(change.hook, ()))
        if change.view:
            return list(self._by_person.get(change.view.user, ()))
        message = change.message
        if message is None or message.user != BOT.id or message.deleted:
            return []
        return [
            exchange
            for person, exchanges in self._by_person.items()
            if self.state.sees(self.state.people[person], message)
            for exchange in exchanges
        ]

    def _echo(self, change: Change) -> None:
        """A bot hears of its own messages too, as of everybody's."""
        message = change.message
        if message is None or change.kind == "reacted" or message.user != BOT.id or message.ephemeral_to:
            return
        happened = (
            events.changed(self.state, message, change.before)
            if change.before
            else events.posted(self.state, message)
        )
        for event in happened:
            if event[0] in self.dispatcher.events:
                self.dispatcher.later(self.dispatcher.event(*event))


def content(ack: Ack) -> dict[str, Any]:
    """The body of an acknowledgement: JSON, or plain text."""
    try:
        body = json.loads(ack.body or "{}")
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"text": ack.body}
