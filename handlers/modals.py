"""Modals: what the random id that each carries stands for. A stored shape: a change needs an upgrade in upgrades.py."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from handlers.request import Frozen, Origin, Verb
from vt.indicators import Kind
from vt.lookup import Lookup


class Found(Frozen):
    """An indicator that was found in a message and can be selected."""

    kind: Kind
    value: str
    written: str
    """As it was written in the message."""


class _Modal(Frozen):
    id: str
    """Random and unguessable: the only data that goes through Slack."""
    delivery: str
    """Identifies the delivery that opened it. The same delivery opens nothing a second time."""
    at: datetime
    origin: Origin
    """Who opened it, and from where."""


class FormModal(_Modal):
    """The form."""

    verb: Literal[Verb.FORM] = Verb.FORM
    text: str = ""
    """What is filled in when it opens."""
    found: tuple[Found, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    """Attached files, which are looked up with what is filled in."""


class LoginModal(_Modal):
    """The form for a server's login."""

    verb: Literal[Verb.LOOK_UP] = Verb.LOOK_UP
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """What else was asked for in the form below this one."""


class AnswerModal(_Modal):
    """A modal about an answer."""

    verb: Literal[Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.RESCAN_COST]
    about: str
    """The id of the request whose answer it is about."""


class SettingsModal(_Modal):
    """The settings of the channel in `origin`."""

    verb: Literal[Verb.SETTINGS] = Verb.SETTINGS


FilledModal = AnswerModal | SettingsModal
"""Modals that open with a sentence and are filled by a job."""
ModalTypes = FormModal | LoginModal | AnswerModal | SettingsModal
Modal = Annotated[ModalTypes, Field(discriminator="verb")]


class Modals(Protocol):
    """The storage of modals. Every method raises StoreDown when the database cannot be reached."""

    async def keep(self, modal: Modal) -> bool:
        """Store what a modal is for. False: this delivery opened one before."""

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None if there is none with that id."""
