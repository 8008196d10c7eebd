"""Modals: what the random id that each carries means."""

from datetime import datetime
from typing import Protocol

from handlers.request import Frozen, Origin, Verb
from vt.indicators import Kind
from vt.lookup import Lookup


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
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """What is looked up with what is filled in: attached to a message, or asked for in a form that this one lies over."""


class Modals(Protocol):
    """The storage of modals. Every method raises StoreDown when the database cannot take it."""

    async def keep(self, modal: Modal) -> bool:
        """Remember what a modal is for. False: this delivery opened one before."""

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none of that name."""
