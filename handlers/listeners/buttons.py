"""Buttons on an answer. Each carries a case's random id; what it means is in the database."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond

from handlers.admission import accept
from handlers.deps import Deps, Origin, Request, Verb
from handlers.request import EntryPoint, listed

VERBS = {
    "json": Verb.JSON,
    "csv": Verb.CSV,
    "hide": Verb.HIDE,
    "share": Verb.SHARE,
    "submit": Verb.SUBMIT,
    "upload": Verb.UPLOAD,
    "recheck": Verb.RECHECK,
    "anyway": Verb.ANYWAY,
    "hurry": Verb.HURRY,
    "allow": Verb.ALLOW,
    "leave": Verb.LEAVE,
}
ON_A_MESSAGE = frozenset({Verb.SUBMIT, Verb.RECHECK})
"""Two clicks in the same message are one, whoever clicks; a copy of the message has buttons of its own."""
OF_EACH = frozenset({Verb.UPLOAD, Verb.ANYWAY})
"""Two clicks of the same person are one."""


async def pressed(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: Deps
) -> None:
    """A button that asks for something: kept as a request of its own."""
    trouble = await accept(request(VERBS[action["action_id"]], action["value"], body, deps), deps)
    await ack()
    if trouble:
        await respond(text=trouble, response_type="ephemeral", replace_original=False)


async def opened(ack: AsyncAck) -> None:
    """A link was opened; Slack wants to hear that we heard."""
    await ack()


def request(verb: Verb, about: str, body: dict[str, Any], deps: Deps) -> Request:
    """What a button on an answer asks for. `about`: the id of the request whose answer it is."""
    return Request(
        id=deps.new_id(),
        delivery=_delivery(verb, about, body),
        verb=verb,
        at=deps.clock(),
        origin=origin(body),
        about=about,
    )


def _delivery(verb: Verb, about: str, body: dict[str, Any]) -> str:
    if verb is Verb.SHARE:
        return f"{verb}:{about}"
    if verb in ON_A_MESSAGE:
        return f"{verb}:{about}:{body['container'].get('message_ts')}"
    if verb is Verb.HIDE:
        return f"{verb}:{about}:{body['user']['id']}:{body['container'].get('message_ts')}"
    # Somebody else's click does not count, and must not stand in the asker's way.
    return f"{verb}:{about}:{body['user']['id']}" if verb in OF_EACH else f"{verb}:{body['trigger_id']}"


def origin(body: dict[str, Any]) -> Origin:
    """Who pressed something in a message, and where."""
    container = body.get("container", {})
    return Origin(
        way=EntryPoint.BUTTON,
        team=body["user"].get("team_id") or body["team"]["id"],
        user=body["user"]["id"],
        channel=body["channel"]["id"],
        response_url=body.get("response_url"),
        thread=body.get("message", {}).get("thread_ts"),
        message=container.get("message_ts"),
        public=not container.get("is_ephemeral", False),
        listed=listed(body["channel"].get("name", "")),
    )
