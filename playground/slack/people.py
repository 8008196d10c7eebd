"""What people do: type, say, press, pick, fill in. Each method returns when the bot has acknowledged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from playground.slack import buttons, events, forms, markup, objects, payloads, views
from playground.slack.buttons import Button
from playground.slack.delivery import Dispatcher
from playground.slack.exchange import Exchange, Exchanges, content
from playground.slack.files import mimetype
from playground.slack.posting import Refused
from playground.slack.records import Channel, File, Message, Person, View
from playground.slack.seed import BOT
from playground.slack.state import State, new_id

Files = Sequence[tuple[str, bytes]]
Who = str | Person
TROUBLE = "We had some trouble connecting. Try again?"


class People:
    """What people can do in the workspace. Somebody is named by name or id, a channel by `#name`, `@name` or id."""

    def __init__(self, state: State, dispatcher: Dispatcher, *, should_escape: bool) -> None:
        self.state = state
        self.should_escape = should_escape
        self.exchanges = Exchanges(state, dispatcher)

    async def types(self, user: Who, channel: str, text: str) -> Exchange:
        """Type a slash command: `/vt scan-ip 192.0.2.1`."""
        person = self.state.person(user)
        where = self.state.channel(channel, person)
        name, *rest = text.split(maxsplit=1)
        escape = markup.escape if not self.should_escape else self._marked
        hook = self.state.hook(person, where)
        payload = payloads.command(self.state, person, where, name, escape("".join(rest)).strip(), hook)
        return await self.exchanges.command(self.exchanges.open(person, text, hook), payload)

    def _marked(self, text: str) -> str:
        return markup.marked(self.state, text, labels=True)

    async def says(
        self, user: Who, channel: str, text: str, thread: str | Message | None = None, files: Files = ()
    ) -> Exchange:
        """Post a message, in a thread when one is given, with files as (name, bytes). `/me …` is said of oneself."""
        person = self.state.person(user)
        kept = [self.state.file(name, data, person, mimetype(name)) for name, data in files]
        if text.startswith("/me "):
            return await self._posts(person, channel, text.removeprefix("/me "), thread, subtype="me_message")
        return await self._posts(person, channel, text, thread, files=kept)

    async def forwards(
        self,
        user: Who,
        channel: str,
        message: Message,
        comment: str = "",
        thread: str | Message | None = None,
    ) -> Exchange:
        """Forward a message, with a comment or without. LookupError for one that this person does not see."""
        person, now = self.state.person(user), self.state.messages[message.key]
        if not self.state.sees(person, now) or now.ephemeral_to:
            raise LookupError("this message cannot be forwarded")
        return await self._posts(
            person, channel, comment, thread, attachments=(objects.forwarded(self.state, now),)
        )

    async def _posts(
        self,
        person: Person,
        channel: str,
        text: str,
        thread: str | Message | None,
        *,
        files: Sequence[File] = (),
        **more: Any,
    ) -> Exchange:
        where = self.state.channel(channel, person)
        root = thread.thread_ts or thread.ts if isinstance(thread, Message) else thread
        marked = markup.marked(self.state, text)
        message = Message(
            self.state.ts(),
            where.id,
            person.id,
            marked,
            markup.rich(marked),
            thread_ts=root,
            files=self.state.share(files, where.id, root),
            bot_id=person.bot_id,
            **more,
        )
        exchange = self.exchanges.open(person, text)
        exchange.said = self.state.post(message)
        return await self.exchanges.events(exchange, events.posted(self.state, message))

    async def edits(self, user: Who, message: Message, text: str) -> Exchange:
        """Change the text of one's own message."""
        marked = markup.marked(self.state, text)
        return await self._changes(user, message, text=marked, blocks=markup.rich(marked), edited=True)

    async def deletes(self, user: Who, message: Message) -> Exchange:
        """Delete one's own message."""
        return await self._changes(user, message, deleted=True)

    async def _changes(self, user: Who, message: Message, **what: Any) -> Exchange:
        exchange = self.exchanges.open(self.state.person(user), f"changes {message.text[:40]!r}")
        before = self.state.messages[message.key]
        exchange.said = self.state.update(before, **what)
        return await self.exchanges.events(exchange, events.changed(self.state, exchange.said, before))

    async def presses(
        self, user: Who, place: Message | View, what: str | int, choice: Any = None
    ) -> Exchange:
        """Press a button by label, action_id or number (from 1); choose from a menu.

        Raises LookupError when there is no such thing to press.
        """
        person, button = self.state.person(user), buttons.found(place.blocks, what)
        action = buttons.action(button, choice, self.state.ts())
        hook, where = None, {}
        if isinstance(place, View):
            where = payloads.in_view(self.state, self._chosen(person, place, button, choice))
        else:
            now = self.state.messages.get(place.key, place)
            hook = self.state.hook(person, self.state.channels[now.channel], now.key, now.thread_ts)
            where = payloads.in_message(self.state, now, hook)
        payload = payloads.interaction(self.state, "block_actions", person, actions=[action], **where)
        return await self.exchanges.interaction(self.exchanges.open(person, f"[{what}]", hook), payload)

    def _chosen(self, person: Person, view: View, button: Button, choice: Any) -> View:
        """A view remembers what is chosen in it."""
        if forms.remembered(button.element):
            return self.fills(person, view, {button.element["action_id"]: choice})
        return self.state.views[view.id]

    async def uses_shortcut(self, user: Who, callback_id: str, message: Message | None = None) -> Exchange:
        """Pick a message's shortcut, or without a message a global one.

        Raises LookupError for an ephemeral message: it has no such menu.
        """
        person, hook = self.state.person(user), None
        payload = payloads.interaction(self.state, "shortcut", person, callback_id=callback_id)
        if message:
            now = self.state.messages[message.key]
            if now.ephemeral_to:
                raise LookupError("an ephemeral message has no shortcuts")
            hook = self.state.hook(person, self.state.channels[now.channel], thread=now.thread_ts)
            payload |= payloads.of_message(self.state, now, hook)
        payload["action_ts"] = self.state.ts()
        return await self.exchanges.interaction(self.exchanges.open(person, callback_id, hook), payload)

    def fills(
        self, user: Who, view: View, values: Mapping[str, Any], files: Mapping[str, Files] | None = None
    ) -> View:
        """Fill in fields, named by block_id, action_id or label. LookupError when there is none."""
        person, now = self.state.person(user), self.state.views[view.id]
        given = dict(values)
        for field, items in (files or {}).items():
            kept = [self.state.file(name, data, person, mimetype(name)) for name, data in items]
            given[field] = [objects.file(self.state, file) for file in kept]
        for field, value in given.items():
            now = replace(now, state=forms.filled(now.blocks, now.state, field, value))
        self.state.views[view.id] = now
        return now

    async def submits(self, user: Who, view: View) -> Exchange:
        """Send a form. Required fields left empty are told at once, and nothing is sent."""
        person, now = self.state.person(user), self.state.views[view.id]
        exchange = self.exchanges.open(person, f"submits {now.title!r}")
        exchange.errors = forms.missing(now.blocks, now.state)
        if exchange.errors:
            return exchange
        shown = objects.view(self.state, now)
        payload = payloads.interaction(self.state, "view_submission", person, view=shown, response_urls=[])
        await self.exchanges.interaction(exchange, payload)
        try:
            exchange.errors = views.submitted(self.state, now, self._answer(exchange))
        except Refused:
            exchange.errors = {"": TROUBLE}
        return exchange

    def _answer(self, exchange: Exchange) -> dict[str, Any]:
        if not exchange.ack.ok:
            raise Refused(exchange.ack.why)
        return content(exchange.ack)

    async def closes(self, user: Who, view: View) -> Exchange:
        """Close a modal; the bot hears of it when it asked to."""
        person, now = self.state.person(user), self.state.views[view.id]
        views.close(self.state, now)
        exchange = self.exchanges.open(person, f"closes {now.title!r}")
        if not now.content.get("notify_on_close"):
            return exchange
        shown = objects.view(self.state, now)
        payload = payloads.interaction(self.state, "view_closed", person, view=shown, is_cleared=False)
        return await self.exchanges.interaction(exchange, payload)

    async def opens_home(self, user: Who) -> Exchange:
        """Look at the bot's home."""
        person = self.state.person(user)
        exchange = self.exchanges.open(person, "opens the home")
        return await self.exchanges.events(exchange, events.home_opened(self.state, person))

    async def creates_channel(self, user: Who, name: str, *, private: bool = False) -> Channel:
        """Make a channel; the bot is not in it."""
        person, now = self.state.person(user), int(self.state.clock())
        made = Channel(new_id("C"), name, {person.id}, private, creator=person.id, created=now)
        self.state.channels[made.id] = made
        await self.exchanges.events(
            self.exchanges.open(person, f"creates #{name}"), events.channel_created(made)
        )
        return made

    def starts_group(self, user: Who, *others: Who) -> Channel:
        """A direct message between several people, of whom the bot may be one."""
        person = self.state.person(user)
        members = [person, *map(self.state.person, others)]
        name = f"mpdm-{'--'.join(member.name for member in members)}-1"
        made = Channel(new_id("C"), name, {member.id for member in members}, private=True, group=True)
        made.creator, made.created = person.id, int(self.state.clock())
        self.state.channels[made.id] = made
        return made

    async def invites(self, user: Who, channel: str, whom: Who = BOT) -> Exchange:
        """Bring somebody, if not said otherwise the bot, into a channel."""
        person, guest = self.state.person(user), self.state.person(whom)
        where = self.state.channel(channel)
        where.members.add(guest.id)
        exchange = self.exchanges.open(person, f"invites {guest.name}")
        return await self.exchanges.events(exchange, events.joined(self.state, where, guest, person))

    async def redelivers(self, exchange: Exchange) -> Exchange:
        """The same delivery once more: the same signed bytes, or the same payload in another envelope."""
        return await self.exchanges.again(exchange)
