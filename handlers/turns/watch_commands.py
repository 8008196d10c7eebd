"""/vt watch and /vt ignore: how a channel is watched, and what is ignored in it."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

from handlers.admission import scope
from handlers.case import Case, Outcome
from handlers.deps import WatchDeps
from handlers.instances import asked_for
from handlers.people import Scope
from handlers.posting import end, reply
from handlers.request import JoinRequest, WatchRequest
from handlers.slack_errors import MissingScope, NotPosted, Unknown, call, is_final
from handlers.text import channels as channels_text
from handlers.text import usage as usage_text
from handlers.views import messages
from handlers.watch import ALL_CHANNELS, DUPLICATE_WINDOW, THROTTLE_PERIOD, Ignored, Mode
from vt.indicators import Kind, read
from vt.privacy import has_secret

MODES = {mode.value: mode for mode in Mode}
MODES |= {"on": Mode.ALL, "reactions": Mode.REACTION, "dryrun": Mode.DRY_RUN}
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
REASON_CHARACTERS = 200
LONGEST_IGNORED = timedelta(days=366)  # whoever wants to ignore something for longer says "forever"
_DURATION = re.compile(r"([1-9][0-9]{0,2})([hdw])")
FOREVER = re.compile(r"(?:forever|for ever|permanently)(?!\S)", re.IGNORECASE)
_MORE = re.compile(
    r"(?:[-+&,/]\s*|(?:and|or|to|plus)\s+)?(?:for ?ever|permanently|[0-9]+(?:[.,:][0-9]+)?\s*(?:s|secs?|seconds?|m|mins?"
    r"|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?|mo|mths?|months?|y|yrs?|years?))(?!\w)",
    re.IGNORECASE,
)
"""Another duration where a reason is expected: `1h 30m`, `7d and 12 hours`, `forever 7d`. Nobody knows which one is meant."""


class Unclear(Exception):
    """The command cannot be understood; its usage is shown."""


@dataclass(eq=False)
class UnclearDuration(Unclear):
    """What must be ignored is clear, but not for how long. `word`: what was typed as the duration, or ""."""

    value: str
    word: str


@dataclass(frozen=True, slots=True)
class IgnoreCommand:
    """What must be ignored, for how long and why."""

    value: str
    duration: timedelta | None  # None: until somebody removes it
    reason: str


def parse_mode(line: str) -> Mode | None:
    """The mode to switch the channel to, as in `on`, `on risky` or `off`; None to show its status. Raises Unclear."""
    words = line.lower().split()
    if words in ([], ["status"]):
        return None
    name = " ".join(words).removeprefix("on ")
    if name not in MODES or (name == "off" and words[0] == "on"):
        raise Unclear
    return MODES[name]


def parse_ignore(line: str) -> IgnoreCommand:
    """`example.com 7d our own scanner`: a value, a duration or `forever`, and a reason, if any.

    Raises Unclear: nobody is to mute something forever because of a duration that was left out or misspelt.
    """
    first, *rest = line.split(maxsplit=1)
    value, wanted = parse_value(first), "".join(rest)
    forever = FOREVER.match(wanted)
    word = forever[0] if forever else "".join(wanted.split(maxsplit=1)[:1])
    reason = wanted[len(word) :].strip()
    if more := _MORE.match(reason):
        raise UnclearDuration(value, f"{word} {more[0]}")
    if forever:
        return IgnoreCommand(value, None, reason[:REASON_CHARACTERS])
    duration = _DURATION.fullmatch(word.lower())
    length = int(duration[1]) * UNITS[duration[2]] if duration else None
    if length is None or length > LONGEST_IGNORED:
        raise UnclearDuration(value, word)
    return IgnoreCommand(value, length, reason[:REASON_CHARACTERS])


def parse_value(word: str) -> str:
    """The value as lookups are compared with it: a domain (also of an e-mail address), a network, a hash or a URL.

    Raises Unclear.
    """
    found = read(word)
    if found and found.kind is Kind.URL and has_secret(found.value):
        raise Unclear  # it would be stored for as long as it is ignored, and shown in the list
    if found:
        return found.value.partition("@")[2] if found.kind is Kind.EMAIL else found.value
    try:
        return str(ip_network(word, strict=False))
    except ValueError:
        raise Unclear from None


# /vt watch -----------------------------------------------------------------------------------------------


async def watch(case: Case[WatchRequest], deps: WatchDeps) -> None:
    """Switch how the channel is watched, or say how it is. Raises InstanceRefused."""
    try:
        mode = parse_mode(case.request.arguments)
    except Unclear:
        await _answer(case, usage_text.WATCH_USAGE, deps, Outcome.REFUSED)
        return
    if mode is None:
        await _answer(case, await _status(case, deps), deps)
    elif refusal := await _not_allowed(case, deps) or await _cannot_join(case, mode, deps):
        await _answer(case, refusal, deps, Outcome.REFUSED)
    else:
        origin = case.request.origin
        if deps.instances and mode is not Mode.OFF:
            # Otherwise whoever creates a channel could have the cards use an instance that they may not use themselves.
            await asked_for(origin, deps)
        await deps.watches.switch(origin.team, origin.channel, mode, origin.user)
        await _answer(case, channels_text.SWITCHED[mode], deps)


async def join_new_channel(case: Case[JoinRequest], deps: WatchDeps) -> None:
    """Join a channel that was just created, and watch it unless somebody switched it before. Raises NotPosted."""
    origin = case.request.origin
    try:
        await call(deps.slack.conversations_join, channel=origin.channel)
    except NotPosted as error:
        if not is_final(error) and not isinstance(error, MissingScope):
            raise
        await end(case, deps, Outcome.FAILED)
        return
    if await deps.watches.channel(origin.team, origin.channel) is None:
        await deps.watches.switch(origin.team, origin.channel, Mode.ALL, origin.user)
    await end(case, deps)


async def _cannot_join(case: Case, mode: Mode, deps: WatchDeps) -> str:
    """Join the channel, since the bot only hears where it is a member. Returns why it cannot, or "". Raises NotPosted."""
    if mode is Mode.OFF:
        return ""
    channel = case.request.origin.channel
    try:
        if (await call(deps.slack.conversations_info, channel=channel))["channel"].get("is_member"):
            return ""
        await call(deps.slack.conversations_join, channel=channel)
    except NotPosted as error:
        if not is_final(error):
            raise
        return channels_text.INVITE
    return ""


async def _status(case: Case, deps: WatchDeps) -> str:
    origin = case.request.origin
    now = deps.clock()
    watch = await deps.watches.channel(origin.team, origin.channel)
    if watch is None or watch.mode is Mode.OFF:
        return channels_text.SWITCHED[Mode.OFF]
    recent = await deps.cards.count_since(origin.team, origin.channel, now - THROTTLE_PERIOD)
    day = await deps.cards.count_since(origin.team, origin.channel, now - DUPLICATE_WINDOW)
    person = watch.person
    with suppress(Unknown):
        person = f"@{(await deps.directory.person(person)).name}" if person else ""
    lines = [channels_text.SWITCHED[watch.mode], channels_text.by(person, watch.since)]
    lines.append(channels_text.cards(recent, day))
    if watch.paused_until and watch.is_paused(now):
        lines.append(channels_text.paused(deps.rules.max_cards, watch.paused_until))
    return "\n".join(map(str, [*lines, channels_text.ignored(await _ignored(case, deps))]))


# /vt ignore ----------------------------------------------------------------------------------------------


async def ignore(case: Case[WatchRequest], deps: WatchDeps) -> None:
    """Ignore something, no longer ignore it, or list what is ignored."""
    word, _, rest = case.request.arguments.partition(" ")
    try:
        if word.lower() in ("", "list"):
            await _answer(case, channels_text.ignored(await _ignored(case, deps)), deps)
        elif refusal := await _not_allowed(case, deps):
            await _answer(case, refusal, deps, Outcome.REFUSED)
        elif word.lower() == "remove":
            await _answer(case, await _remove(case, parse_value(rest.strip()), deps), deps)
        else:
            await _answer(case, await _add(case, parse_ignore(case.request.arguments), deps), deps)
    except UnclearDuration as unclear:
        await _answer(case, usage_text.unclear_duration(unclear.value, unclear.word), deps, Outcome.REFUSED)
    except Unclear:
        await _answer(case, usage_text.IGNORE_USAGE, deps, Outcome.REFUSED)


async def _ignored(case: Case, deps: WatchDeps) -> list[Ignored]:
    origin = case.request.origin
    return list(await deps.watches.ignored(origin.team, origin.channel))


async def _add(case: Case, command: IgnoreCommand, deps: WatchDeps) -> str:
    origin = case.request.origin
    ignored = Ignored(
        value=command.value,
        channel=await _scope(case, deps),
        person=origin.user,
        until=deps.clock() + command.duration if command.duration else None,
        reason=command.reason,
    )
    await deps.watches.ignore(origin.team, ignored)
    return channels_text.added(ignored)


async def _remove(case: Case, value: str, deps: WatchDeps) -> str:
    origin = case.request.origin
    channels = {origin.channel, await _scope(case, deps)}
    removed = [await deps.watches.unignore(origin.team, channel, value) for channel in sorted(channels)]
    return channels_text.removed(value, found=any(removed))


async def _scope(case: Case, deps: WatchDeps) -> str:
    """Where this person's decision holds: an admin's in all channels, that of a channel's creator in the channel."""
    decides = await scope(case.request.origin, deps.directory, deps.policy)
    return ALL_CHANNELS if decides is Scope.WORKSPACE else case.request.origin.channel


async def _not_allowed(case: Case, deps: WatchDeps) -> str:
    """Why this person may not decide for this channel; "" when they may. Raises MissingScope."""
    origin = case.request.origin
    if origin.channel.startswith("D"):
        return usage_text.NO_CHANNEL
    if await scope(origin, deps.directory, deps.policy) is not Scope.NOWHERE:
        return ""
    try:
        creator = await deps.directory.creator(origin.channel)
    except Unknown as unknown:
        if unknown.scope:
            raise MissingScope(unknown.scope) from None
        creator = ""
    return channels_text.not_yours(creator)


async def _answer(case: Case, line: str, deps: WatchDeps, outcome: Outcome = Outcome.DONE) -> None:
    await end(await reply(case, messages.note(line), deps), deps, outcome)
