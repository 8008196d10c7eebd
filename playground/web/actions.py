"""What someone does on the page, handed to the person of the workspace who does it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from playground.slack.buttons import Button
from playground.slack.objects import named
from playground.slack.records import Message, Person, View
from playground.slack.workspace import Workspace

Json = dict[str, Any]
Files = Mapping[str, Sequence[tuple[str, bytes]]]
ATTACHED = "attached"
"""Under this name come the files of a message; those of a form under their field's block_id."""


class Wrong(Exception):
    """It cannot be done; one sentence for the person."""


class Acts:
    """Everything that can be done. Each raises Wrong, or LookupError for what is not there."""

    def __init__(self, slack: Workspace, commands: Sequence[str]) -> None:
        self._slack = slack
        self._commands = commands
        self.known: Mapping[str, Callable[[Person, Json, Files], Awaitable[Json]]] = {
            "say": self.say,
            "press": self.press,
            "shortcut": self.shortcut,
            "submit": self.submit,
            "close": self.close,
            "home": self.home,
        }

    async def say(self, me: Person, ask: Json, files: Files) -> Json:
        """Type a line: a command, or a message with files."""
        text, thread = str(ask["text"]), ask.get("thread")
        if text.startswith("/"):
            return await self._command(me, ask["channel"], text, thread)
        if text.strip() or files:
            await self._slack.says(me, ask["channel"], text, thread, files.get(ATTACHED, ()))
        return {}

    async def _command(self, me: Person, channel: str, text: str, thread: str | None) -> Json:
        name = text.split(maxsplit=1)[0]
        if name not in self._commands:
            raise Wrong(f"{name} is not a valid command. There is {', '.join(self._commands)}.")
        if thread:
            raise Wrong(f"{name} is not supported in threads, in Slack neither: mention @vt instead.")
        await self._slack.types(me, channel, text)
        return {}

    async def press(self, me: Person, ask: Json, files: Files) -> Json:
        """Press a button or choose from a menu, in a message or in a view."""
        place: Message | View = self._view(me, ask, files) if ask.get("view") else self._message(me, ask)
        number = _number(self._slack.buttons(place), ask)
        await self._slack.presses(me, place, number, ask.get("choice"))
        return {}

    async def shortcut(self, me: Person, ask: Json, _: Files) -> Json:
        """Pick a message's shortcut or a global one."""
        message = self._message(me, ask) if ask.get("ts") else None
        await self._slack.uses_shortcut(me, ask["callback"], message)
        return {}

    async def submit(self, me: Person, ask: Json, files: Files) -> Json:
        """Send a form; the errors to show beside its fields, if any."""
        exchange = await self._slack.submits(me, self._view(me, ask, files))
        return {"errors": exchange.errors}

    async def close(self, me: Person, ask: Json, _: Files) -> Json:
        """Close a modal."""
        await self._slack.closes(me, self._open(me, ask["view"]))
        return {}

    async def home(self, me: Person, _ask: Json, _files: Files) -> Json:
        """Look at the bot's home."""
        await self._slack.opens_home(me)
        return {}

    def _message(self, me: Person, ask: Json) -> Message:
        message = self._slack.state.messages[ask["channel"], ask["ts"]]
        if not self._slack.state.sees(me, message):
            raise LookupError("that message is gone")
        return message

    def _open(self, me: Person, name: str) -> View:
        home = self._slack.home(me)
        for view in [*self._slack.views(me), *([home] if home else [])]:
            if view.id == name:
                return view
        raise LookupError("that form is closed")

    def _view(self, me: Person, ask: Json, files: Files) -> View:
        """With what was filled in: {"block_id": {"action_id": value}}."""
        view = self._open(me, ask["view"])
        kinds = {block["block_id"]: block["type"] for block in named(view.blocks)}
        values = {
            (action if kinds.get(block) == "actions" else block): None if value == "" else value
            for block, fields in ask.get("values", {}).items()
            for action, value in fields.items()
        }
        return self._slack.fills(me, view, values, files)


def _number(buttons: Sequence[Button], ask: Json) -> int:
    """Its place among all that can be pressed; an entry of an overflow menu is told by its value or its label."""
    for number, button in enumerate(buttons, 1):
        if (button.block["block_id"], button.element["action_id"]) != (ask["block"], ask["action"]):
            continue
        if button.picked is None or ask.get("choice") in (
            button.picked.get("value"),
            button.picked["text"]["text"],
        ):
            return number
    raise LookupError("that button is gone")
