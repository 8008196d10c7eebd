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
from handlers.history import Sighting
from handlers.text import about as about_text
from handlers.text import modals
from handlers.views.rich_text import Part, bold, clean, code, rich, say
from vt.actions import ACTIONS, BY_KEY, Action
from vt.indicators import defang

EXAMPLES = ACTIONS[:3]
SUBJECT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Sights:
    """What there is to see."""

    now: datetime
    latest: Sequence[Sighting]
    """Their last look-ups, the newest first."""
    left: Mapping[str, tuple[int, int]]
    """Calls used and allowed, by window."""
    channels: Sequence[str]
    """For which something is set that they may change."""
    health: Mapping[str, tuple[float, str]]
    """By part, the seconds it took and what is wrong with it; nothing for those whose business it is not."""
    invented: bool = False


def home(sights: Sights) -> View:
    """All of it."""
    blocks = [
        *_what_it_does(sights),
        *_latest(sights),
        *_quota(sights),
        *_channels(sights),
        *_health(sights),
    ]
    return View(type="home", blocks=blocks)


def closed(why: str) -> View:
    """For those who may not ask."""
    return View(type="home", blocks=[rich(say(why))])


def _what_it_does(sights: Sights) -> Iterator[Block]:
    yield HeaderBlock(text=modals.FORM_TITLE)
    yield rich(say(about_text.HELP_HEAD))
    if sights.invented:
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


def _latest(sights: Sights) -> Iterator[Block]:
    yield DividerBlock()
    yield rich(bold(modals.YOUR_LATEST))
    parts = [part for one in sights.latest for part in _row(one)]
    yield rich(*parts) if parts else rich(say(modals.NOTHING_YET))


def _row(one: Sighting) -> Iterator[Part]:
    about = one.asked if BY_KEY[one.action].files else defang(one.value or one.asked)
    when = f"  {text.minute(one.at)}" if one.at else ""
    yield bold(f"{text.ICONS[one.state]} {one.state}")
    yield say("  ")
    yield code(text.cut(clean(about), SUBJECT_CHARACTERS))
    yield say(f"{when}\n")


def _quota(sights: Sights) -> Iterator[Block]:
    yield DividerBlock()
    yield rich(bold(f"{modals.QUOTA_LEFT}: "), say(modals.left(sights.left)))


def _channels(sights: Sights) -> Iterator[Block]:
    if not sights.channels:
        return
    yield DividerBlock()
    yield rich(bold(modals.CHANNELS), say(f"\n{modals.CHANNELS_HOW}"))
    for channel in sights.channels:
        yield SectionBlock(
            text=MarkdownTextObject(text=f"<#{channel}>", verbatim=True),
            accessory=ButtonElement(action_id="home-settings", text=modals.SETTINGS, value=channel),
        )


def _health(sights: Sights) -> Iterator[Block]:
    if sights.health:
        yield DividerBlock()
        yield rich(bold(modals.HEALTH), say(f"\n{about_text.ping(sights.health)}"))
        yield ActionsBlock(elements=[ButtonElement(action_id="home-check", text=modals.CHECK_KEY)])
