"""Modals: what the random id that each carries means, and how one is opened within Slack's three seconds."""

from datetime import datetime
from typing import Protocol

from slack_sdk.errors import SlackClientError
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from handlers.request import Frozen, Origin, Verb
from vt.indicators import Kind


class Found(Frozen):
    """An indicator that was found in a message, to choose from."""

    kind: Kind
    value: str
    asked: str


class Modal(Frozen):
    """What a modal was opened for. Its id is all that Slack carries for us."""

    id: str
    delivery: str
    """Slack's name for what opened it: the same delivery again opens nothing."""
    verb: Verb
    at: datetime
    origin: Origin
    """Who opened it from where."""
    about: str | None = None
    """The id of the request whose answer it is about."""
    text: str = ""
    """What was typed or written before, for the form."""
    found: tuple[Found, ...] = ()


class Modals(Protocol):
    """The storage of modals. Every method raises StoreDown when the database cannot take it."""

    async def keep(self, modal: Modal) -> bool:
        """Remember what a modal is for. False: this delivery opened one before."""

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none of that name."""


class NotOpened(Exception):
    """Slack did not open it: mostly the three seconds were over."""


async def show(slack: AsyncWebClient, trigger_id: str, view: View) -> str:
    """Open a modal; returns Slack's id of it. Raises NotOpened."""
    try:
        opened = await slack.views_open(trigger_id=trigger_id, view=view.to_dict())
    except SlackClientError as error:
        raise NotOpened from error
    return str(opened["view"]["id"])
