"""Buttons on an answer. Each carries a case's random id; what it means is in the database."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond

from handlers.deps import Deps, Origin, Request, Verb
from handlers.intake import take
from handlers.request import Way

VERBS = {"json": Verb.JSON, "share": Verb.SHARE, "submit": Verb.SUBMIT, "upload": Verb.UPLOAD}
ONCE = frozenset({Verb.SHARE, Verb.SUBMIT})
"""Two clicks are one, whoever clicks."""


async def pressed(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: Deps
) -> None:
    """A button that asks for something: kept as a request of its own."""
    trouble = await take(_request(body, action, deps), deps)
    await ack()
    if trouble:
        await respond(text=trouble, response_type="ephemeral", replace_original=False)


async def opened(ack: AsyncAck) -> None:
    """A link was opened; Slack wants to hear that we heard."""
    await ack()


def _request(body: dict[str, Any], action: dict[str, Any], deps: Deps) -> Request:
    verb = VERBS[action["action_id"]]
    about = action["value"]
    return Request(
        id=deps.new_id(),
        delivery=_delivery(verb, about, body),
        verb=verb,
        at=deps.clock(),
        origin=_origin(body),
        about=about,
    )


def _delivery(verb: Verb, about: str, body: dict[str, Any]) -> str:
    if verb in ONCE:
        return f"{verb}:{about}"
    # Somebody else's click does not count, and must not stand in the asker's way.
    return f"{verb}:{about}:{body['user']['id']}" if verb is Verb.UPLOAD else f"{verb}:{body['trigger_id']}"


def _origin(body: dict[str, Any]) -> Origin:
    container = body.get("container", {})
    return Origin(
        way=Way.BUTTON,
        team=body["user"].get("team_id") or body["team"]["id"],
        user=body["user"]["id"],
        channel=body["channel"]["id"],
        response_url=body.get("response_url"),
        thread=body.get("message", {}).get("thread_ts"),
        message=container.get("message_ts"),
        public=not container.get("is_ephemeral", False),
    )
