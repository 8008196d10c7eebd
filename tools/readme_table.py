"""The documents' tables: what people can do with the bot, and the scopes it asks Slack for.

`python -m tools.readme_table` writes them into README.md and docs/deploy.md; a test compares them with the manifest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.manifest import SCOPES
from handlers.commands import COMMAND
from handlers.text import modals
from handlers.text import usage as usage_text
from handlers.text.about import ANYWHERE, ON_MESSAGES
from vt.actions import ACTIONS

BEGIN, END = "<!-- ways in -->", "<!-- /ways in -->"
SCOPES_BEGIN, SCOPES_END = "<!-- scopes -->", "<!-- /scopes -->"


@dataclass(frozen=True, slots=True)
class Row:
    """What someone does, what it does, and the parts of the manifest that it needs."""

    how: str
    does: str
    needs: frozenset[str]


def rows() -> Iterator[Row]:
    """The rows, in the order in which a newcomer needs them."""
    for how, does in usage_text.help_lines():
        yield Row(f"`{how}`", does, frozenset({COMMAND} if how.startswith(COMMAND) else ()))
    yield Row(
        "`@VT 192.0.2.1`, also with a forwarded message",
        "the same, answered in the thread",
        frozenset({"app_mention"}),
    )
    yield Row(
        "a direct message to VT",
        "any text, without a command; forwarded messages and attached files too",
        frozenset({"message.im"}),
    )
    for shortcut in ON_MESSAGES:
        how = f"⋮ on a message → *{shortcut.name}*"
        yield Row(how, shortcut.description, frozenset({shortcut.callback_id}))
    for shortcut in ANYWHERE:
        yield Row(f"＋ or / → *{shortcut.name}*", shortcut.description, frozenset({shortcut.callback_id}))
    yield Row("buttons under an answer", _buttons(), frozenset({"interactivity"}))
    yield Row(
        "VT's *Home* tab",
        "examples to try, your last look-ups, the quota, channel settings; for admins a status check",
        frozenset({"app_home_opened", "home_tab"}),
    )
    yield Row(
        "a watched channel or group direct message",
        "VT looks up what people post or forward there and answers in its thread, without being asked",
        frozenset({"message.channels", "message.groups", "message.mpim", "channel_created"}),
    )


def _buttons() -> str:
    row = (modals.BUTTON_JSON, modals.CSV, modals.BUTTON_LINK, f"{modals.BUTTON_SHARE} or {modals.HIDE}")
    return ", ".join((*row, modals.BUTTON_SUBMIT)) + f"; in its menu {', '.join(modals.MORE.values())}"


def table() -> str:
    """The table as Markdown, between its marks."""
    lines = [f"| {one.how} | {one.does.replace('|', '/')} |" for one in rows()]
    return "\n".join([BEGIN, "| do this | and it |", "|---|---|", *lines, END])


def scopes_table() -> str:
    """Every scope of the manifest with what it is for, as Markdown between its marks."""
    lines = [f"| `{scope}` | {purpose} |" for scope, purpose in SCOPES.items()]
    return "\n".join([SCOPES_BEGIN, "| scope | for |", "|---|---|", *lines, SCOPES_END])


def actions_named() -> set[str]:
    """The actions that have a command and an entry in the message menu of their own."""
    shown = [one.how for one in rows()]
    typed = {one.key for one in ACTIONS if any(row.startswith(f"`{COMMAND} {one.key} ") for row in shown)}
    picked = {one.key for one in ACTIONS if any(row.endswith(f"*{one.title}*") for row in shown)}
    return typed & picked


def main() -> None:
    """Write the tables into the README and into docs/deploy.md."""
    root = Path(__file__).parents[1]
    for document, begin, end, new in (
        (root / "README.md", BEGIN, END, table()),
        (root / "docs" / "deploy.md", SCOPES_BEGIN, SCOPES_END, scopes_table()),
    ):
        text_before, _, rest = document.read_text("utf-8").partition(begin)
        document.write_text(text_before + new + rest.partition(end)[2], "utf-8")


if __name__ == "__main__":
    main()
