"""The bot's home, as one person sees it: what it can do, their last look-ups, the quota, what they may change. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from handlers import text
from handlers.case import Sighting
from handlers.text import about as about_text
from handlers.text import channels as channels_text
from handlers.text import modals
from handlers.views.rich_text import Part, bold, clean, code, rich, say, sentence, tell
from vt.actions import ACTIONS, BY_KEY, Action
from vt.indicators import defang

EXAMPLES = ACTIONS[:3]
SUBJECT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class HomeContent:
    """What one person sees."""

    now: datetime
    latest: Sequence[Sighting]
    """Their last lookups, the newest first."""
    left: Mapping[str, tuple[int, int]]
    """Calls used and allowed, by window."""
    channels: Sequence[str]
    """Ids of channels with settings of their own that this person may change."""
    health: Mapping[str, tuple[float, str]]
    """By part, the seconds it took and what is wrong with it ("" when nothing is); empty for people who are no admins."""
    invented: bool = False
    """The sandbox answers instead of VirusTotal."""


def home(content: HomeContent) -> View:
    """The whole home."""
    blocks = [
        *_what_it_does(content),
        *_latest(content),
        *_quota(content),
        *_channels(content),
        *_health(content),
    ]
    return View(type="home", blocks=blocks)


def closed(why: str) -> View:
    """The home of someone who may not use the bot: one sentence that says why."""
    return View(type="home", blocks=[sentence(why)])


def _what_it_does(content: HomeContent) -> Iterator[Block]:
    yield HeaderBlock(text=modals.FORM_TITLE)
    yield rich(say(about_text.HELP_HEAD))
    if content.invented:
        yield rich(say(about_text.INVENTED))
    buttons = [
        ButtonElement(action_id=f"example:{action.key}", text=_label(action), value=action.key)
        for action in EXAMPLES
    ]
    yield ActionsBlock(elements=[*buttons, ButtonElement(action_id="home-form", text=modals.OPEN_FORM)])
    yield rich(say(modals.EXAMPLES_GO))
    yield rich(say(about_text.HELP_STATES))


def _label(action: Action) -> str:
    return text.cut(f"{action.title} {defang(action.example)}", 75)


def _latest(content: HomeContent) -> Iterator[Block]:
    yield DividerBlock()
    yield rich(bold(modals.YOUR_LATEST))
    parts = [part for one in content.latest for part in _row(one)]
    yield rich(*parts) if parts else rich(say(modals.NOTHING_YET))


def _row(one: Sighting) -> Iterator[Part]:
    hidden = one.without_secrets()
    about = one.input if BY_KEY[one.action].files else defang(hidden.value or hidden.input)
    yield bold(f"{text.ICONS[one.state]} {text.verdict_words(one.state, one.count, one.total)}")
    yield say("  ")
    yield code(text.cut(clean(about), SUBJECT_CHARACTERS))
    if one.at:
        yield say("  ")
        yield from tell(text.minute(one.at))
    yield say("\n")


def _quota(content: HomeContent) -> Iterator[Block]:
    yield DividerBlock()
    yield rich(bold(f"{modals.QUOTA_LEFT}: "), say(modals.left(content.left)))


def _channels(content: HomeContent) -> Iterator[Block]:
    if not content.channels:
        return
    yield DividerBlock()
    yield rich(bold(modals.CHANNELS), say(f"\n{modals.CHANNELS_HOW}"))
    for channel in content.channels:
        yield SectionBlock(
            text=MarkdownTextObject(text=f"<#{channel}>", verbatim=True),
            accessory=ButtonElement(action_id="home-settings", text=channels_text.SETTINGS, value=channel),
        )


def _health(content: HomeContent) -> Iterator[Block]:
    if content.health:
        yield DividerBlock()
        yield rich(bold(modals.HEALTH), say("\n"), *tell(about_text.ping(content.health)))
        yield ActionsBlock(elements=[ButtonElement(action_id="home-check", text=modals.CHECK_KEY)])
