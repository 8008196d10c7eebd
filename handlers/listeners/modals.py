"""Opening a modal within Slack's three seconds, and saying in an open one what went wrong."""

from datetime import datetime
from typing import Any

from slack_sdk.errors import SlackClientError
from slack_sdk.models.views import View

from handlers import text
from handlers.admission import may_open
from handlers.deps import Deps, Origin, Request, StoreDown, Verb
from handlers.open_modals import Modal


class NotOpened(Exception):
    """Slack did not open it: mostly its three seconds were over."""


class Refused(Exception):
    """It may not be opened now; the text is what to tell the one who tried."""


async def opened(modal: Modal, view: View, trigger_id: str, deps: Deps) -> str:
    """Remember what a modal is for, and open it. Returns Slack's id of it: "" for a delivery that opened one before.

    Raises NotOpened, Refused.
    """
    if refused := await may_open(request(modal, deps), deps):
        raise Refused(refused)
    try:
        if not await deps.modals.keep(modal):
            return ""
        shown = await deps.slack.views_open(trigger_id=trigger_id, view=view.to_dict())
    except StoreDown:
        raise Refused(text.CANNOT_TAKE) from None
    except SlackClientError as error:
        raise NotOpened from error
    return str(shown["view"]["id"])


def request(modal: Modal, deps: Deps, **more: Any) -> Request:
    """What is asked with a modal; the same thing asked twice with it is one request."""
    asked: dict[str, Any] = {
        "id": deps.new_id(),
        "delivery": f"{more.get('verb', modal.verb)}:{modal.id}",
        "verb": modal.verb,
        "at": deps.clock(),
        "origin": modal.origin,
        "about": modal.about,
        "modal": modal.id,
    }
    return Request(**(asked | more))


def from_here(origin: Origin, now: datetime, **more: Any) -> Origin:
    """An origin as a modal keeps it: its response_url is as old as the modal."""
    return origin.model_copy(update={"since": now, **more})


def heard(origin: Origin, *, share: bool) -> Origin:
    """Where the answer to a form goes: what the bot posts in a channel is seen by all of it."""
    if share or origin.response_url is not None:
        return origin
    return origin.model_copy(update={"channel": origin.user, "thread": None})


async def mine(body: dict[str, Any], modal_id: str, deps: Deps) -> Modal | None:
    """What a modal is for, if the one who uses it is the one who opened it. Raises StoreDown."""
    modal = await deps.modals.modal(modal_id)
    if modal is None:
        return None
    team = body["user"].get("team_id") or body["team"]["id"]
    same = (modal.origin.team, modal.origin.user) == (team, body["user"]["id"])
    return modal if same else None


def new(verb: Verb, delivery: str, origin: Origin, deps: Deps, **more: Any) -> Modal:
    """A modal that is about to be opened."""
    now = deps.clock()
    return Modal(
        id=deps.new_id(), delivery=delivery, verb=verb, at=now, origin=from_here(origin, now), **more
    )
