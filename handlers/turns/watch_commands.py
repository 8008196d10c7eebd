"""/vt watch and /vt ignore: how a channel is watched, and what is left alone in it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.access import Scope, scope
from handlers.deps import Case, Deps, Outcome
from handlers.people import Unknown
from handlers.posting import NotPosted, reply
from handlers.text import watch as watch_text
from handlers.turns.answers import end
from handlers.views import answer
from handlers.watch import CALM, WINDOW, Mode
from handlers.watch.ports import EVERYWHERE, Ignored
from vt.indicators import Kind, read

MODES = {
    "on": Mode.ALL,
    "off": Mode.OFF,
    **{mode.value: mode for mode in Mode},
    "reactions": Mode.REACTION,
    "dryrun": Mode.DRY_RUN,
}
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
LONGEST_REASON = 200
_LIFE = re.compile(r"([1-9][0-9]{0,2})([hdw])")
STATUS = ("", "status")


class Unclear(Exception):
    """It says nothing that can be done."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be left alone, for how long and why."""

    value: str
    life: timedelta | None
    reason: str


def mode(said: str) -> Mode | None:
    """What a channel is to be switched to; None: only how it is. Raises Unclear."""
    words = said.lower().split()
    if " ".join(words) in STATUS:
        return None
    kind = " ".join(words).removeprefix("on ")
    if kind not in MODES or (kind == "off" and words[0] == "on"):
        raise Unclear
    return MODES[kind]


def wanted(said: str) -> Wanted:
    """`example.com 7d our own scanner`. Raises Unclear."""
    first, _, rest = said.strip().partition(" ")
    life, _, reason = rest.strip().partition(" ")
    lasts = _LIFE.fullmatch(life.lower())
    return Wanted(
        value=value(first),
        life=int(lasts[1]) * UNITS[lasts[2]] if lasts else None,
        reason=(reason if lasts else rest).strip()[:LONGEST_REASON],
    )


def value(word: str) -> str:
    """A domain (of a mail address too), an address or network, a hash or a URL, as it is compared. Raises Unclear."""
    found = read(word)
    if found:
        return found.value.partition("@")[2] if found.kind is Kind.EMAIL else found.value
    try:
        return str(ip_network(word, strict=False))
    except ValueError:
        raise Unclear from None


# Turns ---------------------------------------------------------------------------------------------------


async def watch(case: Case, deps: Deps) -> None:
    """Switch the channel, or say how it is switched."""
    try:
        switched = mode(case.request.said)
    except Unclear:
        await _refused(case, watch_text.WATCH_USAGE, deps)
        return
    if switched is None:
        await _said(case, await _status(case, deps), deps)
    elif refused := await _not_allowed(case, deps) or await _not_there(case, switched, deps):
        await _refused(case, refused, deps)
    else:
        origin = case.request.origin
        await deps.watched.switch(origin.team, origin.channel, switched, origin.user)
        await _said(case, watch_text.SWITCHED[switched], deps)


async def ignore(case: Case, deps: Deps) -> None:
    """Leave something alone, or no longer, or say what is."""
    word, _, rest = case.request.said.partition(" ")
    try:
        if word.lower() in ("", "list"):
            await _said(case, watch_text.ignored(await _ignored(case, deps)), deps)
        elif refused := await _not_allowed(case, deps):
            await _refused(case, refused, deps)
        elif word.lower() == "remove":
            await _said(case, await _removed(case, value(rest.strip()), deps), deps)
        else:
            await _said(case, await _added(case, wanted(case.request.said), deps), deps)
    except Unclear:
        await _refused(case, watch_text.IGNORE_USAGE, deps)


async def arrive(case: Case, deps: Deps) -> None:
    """Go into a channel that was made just now, and watch it, unless somebody switched it before."""
    origin = case.request.origin
    try:
        await deps.slack.conversations_join(channel=origin.channel)
    except SlackApiError:
        await end(case, deps, Outcome.FAILED)
        return
    except SlackClientError as error:
        raise NotPosted from error
    if await deps.watched.channel(origin.team, origin.channel) is None:
        await deps.watched.switch(origin.team, origin.channel, Mode.ALL, origin.user)
    await end(case, deps)


async def _said(case: Case, line: str, deps: Deps) -> None:
    await end(await reply(case, answer.note(line), deps), deps)


async def _refused(case: Case, line: str, deps: Deps) -> None:
    await end(await reply(case, answer.note(line), deps), deps, Outcome.REFUSED)


async def _not_allowed(case: Case, deps: Deps) -> str:
    origin = case.request.origin
    if origin.channel.startswith("D"):
        return watch_text.NO_CHANNEL
    nowhere = await scope(origin, deps.directory, deps.policy) is Scope.NOWHERE
    return watch_text.NOT_YOURS if nowhere else ""


async def _not_there(case: Case, switched: Mode, deps: Deps) -> str:
    """The bot hears only where it is: it goes into a public channel by itself."""
    if switched is Mode.OFF:
        return ""
    channel = case.request.origin.channel
    try:
        if (await deps.slack.conversations_info(channel=channel))["channel"].get("is_member"):
            return ""
        await deps.slack.conversations_join(channel=channel)
    except SlackApiError:
        return watch_text.INVITE
    except SlackClientError as error:
        raise NotPosted from error
    return ""


async def _status(case: Case, deps: Deps) -> str:
    origin, now = case.request.origin, deps.clock()
    watch = await deps.watched.channel(origin.team, origin.channel)
    if watch is None or watch.mode is Mode.OFF:
        return watch_text.SWITCHED[Mode.OFF]
    lately = await deps.watching.cards_since(origin.team, origin.channel, now - CALM)
    day = await deps.watching.cards_since(origin.team, origin.channel, now - WINDOW)
    who = await _name(watch.person, deps)
    lines = [watch_text.SWITCHED[watch.mode], watch_text.by(who, watch.since), watch_text.cards(lately, day)]
    if watch.paused_until and watch.paused(now):
        lines.append(watch_text.paused(deps.rules.most, watch.paused_until))
    return "\n".join([*lines, watch_text.ignored(await _ignored(case, deps))])


async def _name(user: str, deps: Deps) -> str:
    try:
        return f"@{(await deps.directory.person(user)).name}" if user else ""
    except Unknown:
        return user


async def _ignored(case: Case, deps: Deps) -> list[Ignored]:
    origin = case.request.origin
    return list(await deps.watched.ignored(origin.team, origin.channel))


async def _where(case: Case, deps: Deps) -> str:
    """An admin's word counts everywhere, that of a channel's creator in the channel."""
    far = await scope(case.request.origin, deps.directory, deps.policy)
    return EVERYWHERE if far is Scope.WORKSPACE else case.request.origin.channel


async def _added(case: Case, asked: Wanted, deps: Deps) -> str:
    origin, now = case.request.origin, deps.clock()
    until: datetime | None = now + asked.life if asked.life else None
    one = Ignored(asked.value, await _where(case, deps), origin.user, until, asked.reason)
    await deps.watched.ignore(origin.team, one)
    return watch_text.added(one)


async def _removed(case: Case, gone: str, deps: Deps) -> str:
    origin = case.request.origin
    places = {origin.channel, await _where(case, deps)}
    found = [await deps.watched.unignore(origin.team, place, gone) for place in sorted(places)]
    return watch_text.removed(gone, found=any(found))
