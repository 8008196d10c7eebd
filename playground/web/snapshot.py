"""What one person sees of the workspace, as JSON for the page."""

from typing import Any

from playground.slack import drawing
from playground.slack.objects import named
from playground.slack.records import Channel, File, Message, Person, View
from playground.slack.seed import BOT, TEAM
from playground.slack.state import State
from playground.slack.workspace import Workspace

Json = dict[str, Any]


def everything(slack: Workspace, me: Person) -> Json:
    """All of it, for a window that opens."""
    state = slack.state
    slack.direct(me)
    return {
        "me": me.id,
        "bot": BOT.id,
        "people": [person(one) for one in state.people.values()],
        "channels": [channel(state, one) for one in state.channels.values() if _entered(me, one)],
        "messages": [message(state, one) for one in slack.messages(user=me)],
        "modals": modals(slack, me),
        "home": home(slack, me),
        "faults": list(slack.faults),
    }


def _entered(me: Person, one: Channel) -> bool:
    return me.id in one.members and not one.archived


def person(one: Person) -> Json:
    """Somebody. Only people can be acted as."""
    return {
        "id": one.id,
        "name": one.name,
        "real_name": one.real_name,
        "bot": one.bot_id is not None,
        "stranger": one.team != TEAM,
        "locale": one.locale,
    }


def actors(slack: Workspace) -> list[str]:
    """The names of those whom a window can act as."""
    return [one.name for one in slack.state.people.values() if not one.bot_id]


def channel(state: State, one: Channel) -> Json:
    """A channel; direct messages are named for the bot."""
    return {
        "id": one.id,
        "name": BOT.real_name if one.with_user else one.name,
        "kind": "direct" if one.with_user else "private" if one.private else "public",
        "shared": one.shared,
        "bot_inside": BOT.id in one.members,
        "members": len(one.members & state.people.keys()),
    }


def message(state: State, one: Message) -> Json:
    """A message as it stands now. Text without blocks becomes the section that Slack draws it as."""
    plain = [{"type": "section", "text": {"type": "mrkdwn", "text": one.text}}] if one.text else []
    return {
        "channel": one.channel,
        "ts": one.ts,
        "thread": None if one.thread_ts == one.ts else one.thread_ts,
        "user": one.user,
        "text": drawing.words(state, one.text),
        "blocks": named(list(one.blocks) or plain),
        "files": [file(item) for item in one.files],
        "edited": one.edited,
        "ephemeral": one.ephemeral_to is not None,
        "reactions": [name for name, _ in state.reactions.get(one.key, ())],
    }


def file(one: File) -> Json:
    """A file, whether it opens, and what it shows if it is a picture."""
    shown = {"picture": one.alt or one.title} if drawable(one) else {}
    return {"id": one.id, "name": one.name, "size": one.size, "opens": readable(one), **shown}


def drawable(one: File) -> bool:
    """Whether it is a picture without scripts, as far as its name tells."""
    return one.mimetype in ("image/png", "image/jpeg", "image/gif", "image/webp")


def readable(one: File) -> bool:
    """Whether it is text, as far as its name tells."""
    return one.mimetype.startswith(("text/", "message/")) or one.mimetype == "application/json"


def view(one: View) -> Json:
    """A modal or a home with what is filled in."""
    content = one.content
    return {
        "id": one.id,
        "hash": one.hash,
        "title": one.title,
        "submit": content.get("submit", {}).get("text"),
        "close": content.get("close", {}).get("text", "Cancel"),
        "blocks": named(one.blocks),
        "state": one.state,
    }


def modals(slack: Workspace, me: Person) -> list[Json]:
    """Those that are open, the top one last."""
    return [view(one) for one in slack.views(me)]


def home(slack: Workspace, me: Person) -> Json | None:
    """The bot's home, once it was published."""
    found = slack.home(me)
    return view(found) if found else None
