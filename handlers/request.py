"""Requests: what was asked, by whom and from where; and the modals that some of them come from.

All of it is stored: a change needs an upgrade in stored_shapes.py.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vt.evidence import HostRule
from vt.indicators import Kind
from vt.lookup import Lookup


class Frozen(BaseModel):
    """A stored shape: frozen, and with no unknown fields, so that a row of another version is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verb(StrEnum):
    """What is asked for. The values are stored, and some are the action ids of buttons in messages that people keep."""

    LOOK_UP = "look-up"
    HELP = "help"
    PING = "ping"
    QUOTA = "quota"
    SAY = "say"  # answers with a sentence that is stored with the request
    JSON = "json"
    CSV = "csv"
    DETAILS = "details"
    COMMENTS = "comments"
    WHY = "why"
    RESCAN_COST = "price"  # shows what a rescan would cost, before it is confirmed
    RESCAN = "rescan"
    RECHECK = "recheck"
    HIDE = "hide"
    SETTINGS = "settings"
    CHANGE_SETTINGS = "change"
    HOME = "home"
    SHARE = "share"
    SUBMIT = "submit"
    UPLOAD = "upload"
    OFFER_UPLOAD = "offer"  # asks whether a file that VirusTotal knows already is to be uploaded again
    FORM = "form"  # offers the form again after Slack did not open it in time
    CARD = "card"  # answers a message in a watched channel; nobody asked for it
    WATCH = "watch"
    IGNORE = "ignore"
    JOIN = "arrive"  # joins a new channel whose name says that it is to be watched
    SHOW_CARD = "show"  # posts the card in a channel that has only reactions
    PRIORITISE = "hurry"  # looks up now what waits because the quota is down to its reserve
    ALLOW_URL = "allow"  # a URL with a secret, posted in a watched channel, may be looked up
    DECLINE_URL = "leave"  # it may not
    ALLOW_OWN_URL = "anyway"  # the same permission for a URL that someone asked for themselves
    REPORT = "report"
    PICTURE = "picture"  # draws what is on record, as REPORT does, about one finding of an answer


class EntryPoint(StrEnum):
    """How someone reached the bot."""

    COMMAND = "command"
    MENTION = "mention"
    DIRECT = "direct message"
    SHORTCUT = "shortcut"
    FORM = "form"
    BUTTON = "button"
    HOME = "home"
    WATCH = "watch"


class Origin(Frozen):
    """Who asked from where, and where the answer goes: to the response_url, or without one into the channel or thread."""

    entry_point: EntryPoint = EntryPoint.COMMAND
    team: str  # the workspace that the bot answers for: whatever is stored is kept apart by it
    user_team: str | None = None  # the asker's own: another one through Slack Connect
    user: str
    channel: str
    response_url: str | None = None
    since: datetime | None = None  # when the response_url was issued, if earlier: it works for 30 minutes
    thread: str | None = None  # the timestamp of the thread to answer in
    message: str | None = None  # the timestamp of the message with the button, or in a watched channel
    public: bool = False  # everyone in the channel sees that message
    apart: bool = False  # answered in direct messages, because the channel is set to private answers
    listed: bool = False  # a public channel: its name may be mentioned to anyone in the workspace
    instance: str = ""  # the instance of VirusTotal that they named

    @property
    def asker(self) -> tuple[str, str]:
        """The ids of the asker's own workspace and of the asker."""
        return self.user_team or self.team, self.user


class Answers(StrEnum):
    """Who sees answers in a channel."""

    AS_ASKED = "as-asked"
    """Commands are answered to the asker alone unless they say --share, message shortcuts in the message's thread."""
    PRIVATE = "private"
    CHANNEL = "channel"


class Uploads(StrEnum):
    """Whether files that VirusTotal does not know may be uploaded, from the least to the most restrictive."""

    AS_SET = "as-set"  # as the operator set it
    ALLOW = "allow"
    CONFIRM = "confirm"
    DENY = "deny"


class Detail(StrEnum):
    """How much an answer about one indicator shows: with the table of enrichment, or without (Details has it)."""

    FULL = "full"
    SHORT = "short"


class ChannelSettings(Frozen):
    """The settings of a channel."""

    thresholds: dict[str, int] = {}  # engines by action; the operator's threshold applies to the others
    host_rule: HostRule | None = None
    evidence_days: int | None = None  # how hosts are judged; None: as the operator set it
    answers: Answers = Answers.AS_ASKED
    detail: Detail = Detail.FULL
    uploads: Uploads = Uploads.AS_SET
    instance: str = ""  # of VirusTotal; "": as the operator set it
    language: str = ""  # in which everybody there is spoken to; "": as the operator set it


class _Request(Frozen):
    id: str  # random and unguessable: buttons carry it
    delivery: str  # identifies Slack's delivery; a second request with the same one is not stored
    at: datetime
    origin: Origin


class _AboutAnswer(_Request):
    about: str  # the id of the request whose answer carried the button


class LookupRequest(_Request):
    """Look up indicators and files."""

    verb: Literal[Verb.LOOK_UP] = Verb.LOOK_UP
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """Ids of users. The domain of their mail address, which only Slack knows, is looked up."""
    share: bool = False  # the whole channel sees the answer
    fresh: bool = False  # cached replies are not used


class ReportRequest(_Request):
    """Draw what is on record about indicators. `share`: the whole channel sees the pictures."""

    verb: Literal[Verb.REPORT] = Verb.REPORT
    lookups: tuple[Lookup, ...] = ()
    share: bool = False


class RenewalRequest(_AboutAnswer):
    """Look up again what an answer is about, with something allowed or reanalysed."""

    verb: Literal[Verb.SUBMIT, Verb.RESCAN, Verb.RECHECK, Verb.ALLOW_OWN_URL]


class UploadRequest(_AboutAnswer):
    """Upload the files of an answer, or ask whether to."""

    verb: Literal[Verb.UPLOAD, Verb.OFFER_UPLOAD]


class AnswerRequest(_AboutAnswer):
    """Export an answer, draw a part of it, or change who sees it."""

    verb: Literal[Verb.JSON, Verb.CSV, Verb.PICTURE, Verb.SHARE, Verb.HIDE]
    part: str = ""  # which finding is drawn, as handlers/views/layout.py reads it


class CardActionRequest(_AboutAnswer):
    """A button under a card in a watched channel. `about` is the id of the card's case."""

    verb: Literal[Verb.PRIORITISE, Verb.ALLOW_URL, Verb.DECLINE_URL]


class ModalRequest(_AboutAnswer):
    """Fill a modal about an answer."""

    verb: Literal[Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.RESCAN_COST]
    view: str  # Slack's id of the modal
    modal: str  # our own id of it
    part: str = ""  # the part to show, as handlers/views/layout.py reads it


class SettingsRequest(_Request):
    """Fill the settings modal."""

    verb: Literal[Verb.SETTINGS] = Verb.SETTINGS
    view: str
    modal: str


class ChangeSettingsRequest(_Request):
    """Store new settings for the channel."""

    verb: Literal[Verb.CHANGE_SETTINGS] = Verb.CHANGE_SETTINGS
    settings: ChannelSettings


class FormRequest(_Request):
    """Offer to open the form again. `modal`: our id of the form that was not opened, which holds what was filled in."""

    verb: Literal[Verb.FORM] = Verb.FORM
    modal: str


class HomeRequest(_Request):
    """Publish the asker's home. `check_key`: also check that VirusTotal accepts the key, which costs a call."""

    verb: Literal[Verb.HOME] = Verb.HOME
    check_key: bool = False


class InfoRequest(_Request):
    """Answer about the bot itself."""

    verb: Literal[Verb.HELP, Verb.PING, Verb.QUOTA]


class SayRequest(_Request):
    """Answer with a sentence."""

    verb: Literal[Verb.SAY] = Verb.SAY
    sentence: str


class WatchRequest(_Request):
    """`/vt watch` or `/vt ignore`."""

    verb: Literal[Verb.WATCH, Verb.IGNORE]
    arguments: str = ""


class JoinRequest(_Request):
    """Join the channel."""

    verb: Literal[Verb.JOIN] = Verb.JOIN


class ShowCardRequest(_Request):
    """Post the card of the message whose thread this was asked in."""

    verb: Literal[Verb.SHOW_CARD] = Verb.SHOW_CARD


class CardRequest(_Request):
    """Answer a message in a watched channel. Batches take these, not single jobs."""

    verb: Literal[Verb.CARD] = Verb.CARD
    lookups: tuple[Lookup, ...] = ()


Request = Annotated[
    LookupRequest
    | ReportRequest
    | RenewalRequest
    | UploadRequest
    | AnswerRequest
    | CardActionRequest
    | ModalRequest
    | SettingsRequest
    | ChangeSettingsRequest
    | FormRequest
    | HomeRequest
    | InfoRequest
    | SayRequest
    | WatchRequest
    | JoinRequest
    | ShowCardRequest
    | CardRequest,
    Field(discriminator="verb"),
]
"""What was asked, each family with only the fields that it uses. Every Slack payload becomes one of these."""
AboutAnswer = RenewalRequest | UploadRequest | AnswerRequest | CardActionRequest | ModalRequest
"""The requests that come from an answer's buttons and have the id of its request in `about`."""
SeenByAsker = (
    AnswerRequest | CardActionRequest | ChangeSettingsRequest | HomeRequest | ModalRequest | SettingsRequest
)
"""The requests whose replies only the asker sees, wherever they were made. Answers that they share are not such replies."""


# Modals ------------------------------------------------------------------------------------------------


class Found(Frozen):
    """An indicator that was found in a message and can be selected."""

    kind: Kind
    value: str
    written: str  # as it was written in the message


class _Modal(Frozen):
    id: str  # random and unguessable: the only data that goes through Slack
    delivery: str  # identifies the delivery that opened it, which opens nothing a second time
    at: datetime
    origin: Origin  # who opened it, and from where


class FormModal(_Modal):
    """The form."""

    verb: Literal[Verb.FORM] = Verb.FORM
    text: str = ""  # what is filled in when it opens
    found: tuple[Found, ...] = ()
    lookups: tuple[Lookup, ...] = ()  # attached files, which are looked up with what is filled in


class LoginModal(_Modal):
    """The form for a server's login."""

    verb: Literal[Verb.LOOK_UP] = Verb.LOOK_UP
    lookups: tuple[Lookup, ...] = ()  # what else was asked for in the form below this one
    people: tuple[str, ...] = ()


class AnswerModal(_Modal):
    """A modal about an answer."""

    verb: Literal[Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.RESCAN_COST]
    about: str  # the id of the request whose answer it is about


class SettingsModal(_Modal):
    """The settings of the channel in `origin`."""

    verb: Literal[Verb.SETTINGS] = Verb.SETTINGS


FilledModal = AnswerModal | SettingsModal
"""Modals that open with a sentence and are filled by a job."""
ModalTypes = FormModal | LoginModal | AnswerModal | SettingsModal
Modal = Annotated[ModalTypes, Field(discriminator="verb")]
