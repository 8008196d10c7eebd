"""What was asked and how far it has come: the stored shapes."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from vt.lookup import Lookup


class Frozen(BaseModel):
    """A stored shape: frozen, and strict about names, so that an old row is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verb(StrEnum):
    """What is asked for."""

    LOOK_UP = "look-up"
    HELP = "help"
    PING = "ping"
    QUOTA = "quota"
    SAY = "say"
    """A sentence that was ready when the request was kept."""
    JSON = "json"
    CSV = "csv"
    DETAILS = "details"
    COMMENTS = "comments"
    WHY = "why"
    PRICE = "price"
    """What a rescan would cost: said before it is done."""
    RESCAN = "rescan"
    RECHECK = "recheck"
    HIDE = "hide"
    SETTINGS = "settings"
    CHANGE = "change"
    HOME = "home"
    SHARE = "share"
    SUBMIT = "submit"
    UPLOAD = "upload"
    OFFER = "offer"
    """To upload what VirusTotal knows already."""
    FORM = "form"
    CARD = "card"
    """In answer to a message in a watched channel; nobody asked."""
    WATCH = "watch"
    IGNORE = "ignore"
    ARRIVE = "arrive"
    """A channel was made that is watched from the beginning."""
    SHOW = "show"
    """The card that a channel has only marks for."""
    HURRY = "hurry"
    """Look up what stopped at the reserve."""
    ALLOW = "allow"
    LEAVE = "leave"
    """The answers to the question whether a URL with a secret may be looked up."""
    ANYWAY = "anyway"
    """The same, for what somebody asked themselves."""


class EntryPoint(StrEnum):
    """How someone came in."""

    COMMAND = "command"
    MENTION = "mention"
    DIRECT = "direct message"
    SHORTCUT = "shortcut"
    FORM = "form"
    BUTTON = "button"
    HOME = "home"
    WATCH = "watch"


class Origin(Frozen):
    """Who asked from where, and where the answer goes: without a response_url, into the channel or its thread."""

    way: EntryPoint = EntryPoint.COMMAND

    team: str
    user: str
    channel: str
    response_url: str | None = None
    since: datetime | None = None
    """When the response_url was made, if that was before the request: it lives for half an hour."""
    thread: str | None = None
    """The timestamp of the thread that is answered in."""
    message: str | None = None
    """The timestamp of the message whose button was pressed."""
    public: bool = False
    """That message is seen by the whole channel."""
    apart: bool = False
    """The answer goes to the asker's direct messages, since the channel wants answers to be private."""
    listed: bool = False
    """Anyone in the workspace may know of the channel."""


def listed(name: str) -> bool:
    """Whether a channel with this name in a payload is a public one: Slack calls the others by what they are."""
    return name not in ("", "directmessage", "privategroup") and not name.startswith("mpdm-")


class Answers(StrEnum):
    """Who sees answers in a channel."""

    AS_ASKED = "as-asked"
    """Commands answer to the asker alone unless they say --share, picked messages in their thread."""
    PRIVATE = "private"
    CHANNEL = "channel"


class Uploads(StrEnum):
    """Whether files that VirusTotal does not know are uploaded, the strictest last."""

    AS_SET = "as-set"
    ALLOW = "allow"
    CONFIRM = "confirm"
    DENY = "deny"


class ChannelSettings(Frozen):
    """What was set for a channel."""

    thresholds: dict[str, int] = {}
    """Engines, by action; where there is none, what the operator set holds."""
    answers: Answers = Answers.AS_ASKED
    uploads: Uploads = Uploads.AS_SET
    instance: str = "default"
    language: str = "en"


class Change(Frozen):
    """One thing that was set otherwise; None: nothing was set."""

    name: str
    old: str | None
    new: str | None


class Request(Frozen):
    """What was asked. The one thing that a Slack payload is turned into."""

    id: str
    """Random and unguessable: what buttons carry."""
    delivery: str
    """Slack's name for the delivery: the same delivery again is the same request."""
    verb: Verb
    at: datetime
    origin: Origin
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """Slack users whose mail address' domain is asked for; known once Slack was asked."""
    share: bool = False
    about: str | None = None
    """The id of the request whose answer carried the button."""
    view: str | None = None
    """Slack's id of the modal that is filled with the answer."""
    modal: str = ""
    """Our own id of it."""
    part: str = ""
    """Which part of it is shown, as handlers/modals/leaf.py reads it."""
    ways: ChannelSettings | None = None
    """What is to hold in the channel."""
    note: str = ""
    """What to say, when that is all that there is to do."""
    said: str = ""
    """What followed the command's word, where that is read later."""
    fresh: bool = False
    """Nothing is to be taken from memory."""


class Outcome(StrEnum):
    """How a request ended, or that it has not."""

    OPEN = "open"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


class Case(Frozen):
    """A request and how far it has come: everything the next turn needs, whichever process takes it."""

    request: Request
    lookups: tuple[Lookup, ...] = ()
    outcome: Outcome = Outcome.OPEN
    posts: int = 0
    """Uses of the response_url so far; Slack allows five."""
    told: str = ""
    """What the asker was told last while waiting, so that it is not said twice."""
    channel: str | None = None
    """Where the answer stands, when it was posted as a message of the bot."""
    ts: str | None = None
    posting: str | None = None
    """The channel in which that message was about to be posted: it may stand there, though `ts` is not known."""
    changes: tuple[Change, ...] = ()
    """What was set otherwise."""
    plain: bool = False
    """Slack did not take the blocks: the answer stands there as plain text."""
    published: bool = False
    """A private answer, of which the whole channel has been shown a copy."""
    shared_by: str | None = None
    """Who wants the whole channel to see the answer that this one replaces."""
    first: Origin | None = None
    """Who first asked for the files of the answer that this one replaces, and where; None: it replaces none."""
    asked_at: datetime | None = None
    """When the question whether its files may be uploaded was put; None: it was not."""
