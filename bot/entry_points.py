"""All ways in, as the README lists them; a test holds the table against the actions and the manifest."""

from collections.abc import Iterator
from dataclasses import dataclass

from handlers import COMMAND, text
from handlers.listeners import shortcuts
from handlers.text import about, modals
from vt.actions import ACTIONS

BEGIN, END = "<!-- ways in -->", "<!-- /ways in -->"


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way in: what someone does, what comes of it, and the part of the manifest without which it is closed."""

    how: str
    does: str
    needs: frozenset[str]


def entrances() -> Iterator[Entrance]:
    """In the order of a newcomer's needs."""
    for how, does in about.help_lines():
        yield Entrance(f"`{how}`", does, frozenset({COMMAND} if how.startswith(COMMAND) else ()))
    yield Entrance("`@VT 192.0.2.1`", "the same, answered in the thread", frozenset({"app_mention"}))
    yield Entrance(
        "a direct message to VT", "any text, without a command; attached files too", frozenset({"message.im"})
    )
    for shortcut in shortcuts.ON_MESSAGES:
        how = f"⋮ on a message → *{shortcut.name}*"
        yield Entrance(how, shortcut.description, frozenset({shortcut.callback_id}))
    for shortcut in shortcuts.ANYWHERE:
        yield Entrance(
            f"＋ or / → *{shortcut.name}*", shortcut.description, frozenset({shortcut.callback_id})
        )
    yield Entrance("buttons under an answer", _buttons(), frozenset({"interactivity"}))
    yield Entrance(
        "VT's *Home* tab",
        "examples to press, your last look-ups, the quota, settings of channels; for admins whether everything answers",
        frozenset({"app_home_opened", "home_tab"}),
    )
    yield Entrance(
        "a watched channel",
        "what is posted there is answered in its thread, without anybody asking",
        frozenset({"message.channels", "message.groups", "channel_created"}),
    )


def _buttons() -> str:
    row = (text.BUTTON_JSON, modals.CSV, text.BUTTON_LINK, f"{text.BUTTON_SHARE} or {modals.HIDE}")
    return ", ".join((*row, text.BUTTON_SUBMIT)) + f"; in its menu {', '.join(modals.MORE.values())}"


def table() -> str:
    """As Markdown, between its marks."""
    rows = [f"| {one.how} | {one.does.replace('|', '/')} |" for one in entrances()]
    return "\n".join([BEGIN, "| do this | and it |", "|---|---|", *rows, END])


def actions_named() -> set[str]:
    """The actions that have a command and an entry in the message menu of their own."""
    rows = [one.how for one in entrances()]
    typed = {one.key for one in ACTIONS if any(row.startswith(f"`{COMMAND} {one.key} ") for row in rows)}
    picked = {one.key for one in ACTIONS if any(row.endswith(f"*{one.title}*") for row in rows)}
    return typed & picked
