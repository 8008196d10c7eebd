"""The workspace at a terminal prompt: type as in Slack, read the answers, press buttons by their numbers."""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from bot.terminal import lines
from playground.slack import drawing, markup
from playground.slack.buttons import Button
from playground.slack.exchange import Exchange
from playground.slack.records import Change, Message, View
from playground.slack.seed import BOT
from playground.slack.workspace import Workspace

USER, CHANNEL = "ana", "#general"
FIRST_WORD, LAST_WORD = 10, 120
"""Seconds to wait for something to read after a line, and for the last word when there are no more lines."""


class Prompt:
    """One person at one prompt. `page`: the address at which the same workspace is a page, for what needs one."""

    def __init__(self, slack: Workspace, downloads: Path, console: Console, page: str) -> None:
        self._slack = slack
        self._downloads = downloads
        self._console = console
        self._page = page
        self._last: Message | None = None
        self._confirming: Button | None = None
        self._reading: dict[str, View] = {}
        """The modals that are open and were printed as text."""
        self._acting = False
        """Whether a line is being carried out: what somebody opens on the page meanwhile is not told from it."""
        self._shown = asyncio.Event()
        slack.state.watchers.append(self._changed)

    async def answers(self, line: str) -> None:
        """Do what a line says and wait until there is something to read; at most FIRST_WORD seconds."""
        self._shown.clear()
        await self._turn_over()
        self._acting = True
        if await self.types(line):
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WORD):
                    await self._shown.wait()
        self._acting = False

    async def _turn_over(self) -> None:
        """Close what was read, as a person would before doing something else."""
        for view in self._reading.values():
            await self._slack.closes(USER, view)
        self._reading.clear()

    async def types(self, line: str) -> Exchange | None:
        """One line: a command, the number of a button, or yes to a question. None: nothing was sent."""
        if self._confirming and self._last:
            button, self._confirming = self._confirming, None
            confirmed = line.lower() in ("y", "yes")
            return (
                await self._slack.presses(USER, self._last, button.element["action_id"])
                if confirmed
                else None
            )
        if line.isdecimal() and self._last:
            return await self._presses(int(line), self._last)
        if not line:
            return None
        if self._mentions(line):
            return await self._slack.says(USER, CHANNEL, line)
        return await self._slack.types(USER, CHANNEL, line if line.startswith("/") else f"/vt {line}")

    def _mentions(self, line: str) -> bool:
        """Whether it begins as a message to the bot does."""
        return markup.marked(self._slack.state, line.split(maxsplit=1)[0]).startswith(f"<@{BOT.id}>")

    async def _presses(self, number: int, message: Message) -> Exchange | None:
        buttons = self._slack.buttons(message)
        if not 1 <= number <= len(buttons):
            self._say(f"there is no button {number} on the last answer")
            return None
        element = buttons[number - 1].element
        if confirm := element.get("confirm"):
            self._say(f"{confirm['title']['text']} {confirm['text']['text']} [y/n]")
            self._confirming = buttons[number - 1]
            return None
        exchange = await self._slack.presses(USER, message, number)
        if "url" in element:
            self._say(element["url"])
            return None
        return exchange

    def _changed(self, change: Change) -> None:
        person = self._slack.person(USER)
        if change.kind == "view" and change.view and change.view.user == person.id:
            self._opens(change.view)
        message = change.message
        if message is None or message.via == "person":
            return
        if change.kind == "deleted" and change.before and self._slack.state.sees(person, change.before):
            self._say("The message was removed.")
            self._shown.set()
        if change.kind in ("posted", "updated") and self._slack.state.sees(person, message):
            self._reads(message)

    def _opens(self, view: View) -> None:
        """A modal to read is printed; a form has to be filled in on the page."""
        if view.content["type"] != "modal" or not (self._acting or view.root in self._reading):
            return
        self._console.rule(style="dim")
        self._console.print(view.title, style="bold", markup=False)
        if "submit" in view.content:
            self._say(f"This form is on the page: {self._page}/?as={USER}")
        else:
            self._reading[view.root] = view
            for line in drawing.contents(self._slack.state, view):
                self._console.print(line, markup=False)
        self._shown.set()

    def _reads(self, message: Message) -> None:
        self._shown.set()
        self._last = message if self._slack.buttons(message) else self._last
        self._console.rule(style="dim")
        for line in lines(message.blocks, message.text, self._slack.state.name_of):
            self._console.print(line)
        for file in message.files:
            self._say(f"file: {self._kept(file.name, file.content)} ({file.size:,} bytes)")

    def _kept(self, name: str, content: bytes) -> Path:
        """A file that came, where it can be opened."""
        self._downloads.mkdir(parents=True, exist_ok=True)
        place = self._downloads / Path(name).name
        place.write_bytes(content)
        return place

    def _say(self, line: str) -> None:
        self._console.print(line, style="cyan", markup=False)


async def converse(
    slack: Workspace, downloads: Path, page: str, unanswered: Callable[[], Awaitable[int]]
) -> bool:
    """Read lines until there are no more; then wait for the answers that are still to come.

    False: nobody is there to type, since there was no terminal and not a single line.
    """
    console = Console(highlight=False, soft_wrap=True)
    prompt = Prompt(slack, downloads, console, page)
    watching = attended = sys.stdin.isatty()
    typed = _lines(sys.stdin.fileno())
    while True:
        if watching:
            console.print("[bold]›[/bold] ", end="")
        line = await typed.get()
        if line is None:
            break
        attended = True
        await prompt.answers(line.strip())
    await _last_words(unanswered)
    return attended


async def _last_words(unanswered: Callable[[], Awaitable[int]]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD):
            while await unanswered():  # noqa: ASYNC110 - the database is asked, no event tells
                await asyncio.sleep(0.1)


def _lines(source: int) -> asyncio.Queue[str | None]:
    """Lines as they are typed, None after the last.

    Read by a thread that nothing waits for: a read from a terminal cannot be called off, and a thread in the middle
    of sys.stdin.readline() would keep the process from ending.
    """
    loop, typed = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        rest = b""
        with suppress(OSError):  # the terminal was closed
            while chunk := os.read(source, 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    tell(line.decode("utf-8", "replace"))
        if rest:
            tell(rest.decode("utf-8", "replace"))
        tell(None)

    def tell(line: str | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(typed.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return typed
