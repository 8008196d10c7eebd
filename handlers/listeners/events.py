"""Events: messages to the bot, and messages in watched channels, which become requests if there is something to look up."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any

import structlog
from slack_bolt.async_app import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from handlers import commands, event_payloads
from handlers.admission import accept_or_raise, effective_settings
from handlers.case import StoreDown, is_shared
from handlers.deps import ListenerDeps, WatchDeps
from handlers.event_payloads import AddressedMessage, Bot, parse_event
from handlers.files import file_lookups
from handlers.instances import named, with_option
from handlers.listeners.commands import command_request, head, parse_or_error, select
from handlers.open_modals import Head
from handlers.parser import MOST_VALUES, new_lookup, parse_options, with_action, with_hyphens
from handlers.payloads import MalformedPayload, Payload
from handlers.people import BotFilter, is_foreign
from handlers.request import (
    Answers,
    CardRequest,
    EntryPoint,
    JoinRequest,
    LookupRequest,
    Origin,
    Request,
    SayRequest,
    ShowCardRequest,
)
from handlers.slack_errors import Unknown, ask
from handlers.text import about
from handlers.text import usage as usage_text
from handlers.text.language import language, speak
from handlers.views.rich_text import mrkdwn
from handlers.watch import matches
from vt import extract
from vt.actions import BY_KEY, FILE, fitting
from vt.evidence import Thresholds
from vt.indicators import is_internal
from vt.lookup import Lookup
from vt.privacy import is_well_known

log = structlog.get_logger()


def skip_malformed(listener: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """An event's listener that logs a malformed payload. Bolt then acknowledges it: Slack would only send the same one again.

    What a person does is not wrapped: there bolt refuses what is malformed, and Slack tells them that it failed. Bolt looks
    through `wraps` for the names of the arguments, so the listener gets what it asks for.
    """

    @wraps(listener)
    async def checked(**given: Any) -> None:
        try:
            await listener(**given)
        except MalformedPayload as malformed:
            log.warning("malformed_payload", listener=listener.__qualname__, missing=malformed.missing)

    return checked


async def handle_mention(
    event: Payload, body: Payload, context: AsyncBoltContext, deps: ListenerDeps
) -> None:
    """`@VT 192.0.2.1` is `/vt 192.0.2.1`, answered in the thread."""
    await _accept(event_payloads.mention(event, bot(context)), body, context, deps)


async def handle_direct_message(
    event: Payload, body: Payload, context: AsyncBoltContext, deps: ListenerDeps
) -> None:
    """In direct messages no mention is needed."""
    await _accept(event_payloads.direct_message(event, bot(context)), body, context, deps)


async def is_direct_message(event: Payload) -> bool:
    """For Bolt, which awaits its matchers."""
    return event_payloads.is_direct(event)


async def is_group_mention(event: Payload, context: AsyncBoltContext) -> bool:
    """For Bolt. Whether a direct message of several people mentions the bot, which may come without a mention's event."""
    return event_payloads.is_group_mention(event, context.bot_user_id or "")


def bot(context: AsyncBoltContext) -> Bot:
    """The bot, as Slack described it when it was asked whose token this is."""
    who = context.authorize_result
    team = (who.team_id if who else None) or context.team_id
    return Bot(team=team or "", user_id=context.bot_user_id or "", bot_id=str(context.bot_id or ""))


def is_for_us(body: Payload, context: AsyncBoltContext) -> bool:
    """Whether an event is for the workspace that installed the bot; logged if it is not."""
    foreign = is_foreign(body, bot(context).team)
    if foreign:
        log.warning("event_of_another_workspace")
    return not foreign


async def _accept(
    message: AddressedMessage | None, body: Payload, context: AsyncBoltContext, deps: ListenerDeps
) -> None:
    """Store the request. What could not be stored raises StoreDown, so that Slack delivers the event again."""
    if message is None or not is_for_us(body, context):
        return
    speak(await deps.languages.at_once(message.origin.user))
    message = named(message, deps.instances)
    try:
        thresholds, settings = await effective_settings(
            message.origin, deps.channel_settings, deps.thresholds
        )
        wanted = _with_forwarded(parse_or_error(message.text, thresholds), message, thresholds)
        with language(await deps.languages.of_place(message.origin)):
            request = _request(message, wanted, thresholds, deps)
        if settings.answers is Answers.PRIVATE and not is_shared(request):
            apart = request.origin.model_copy(update={"apart": True})
            request = request.model_copy(update={"origin": apart})
        refused = await accept_or_raise(request, deps)
    except StoreDown:
        await _reply_privately(message.origin, about.CANNOT_TAKE_YET, deps.slack)
        raise
    wrong = wanted.wrong if isinstance(wanted, commands.LookupCommand) else ()
    sentence = refused or usage_text.wrong_values(wrong)
    if sentence and not message.from_bot:
        await _reply_privately(message.origin, sentence, deps.slack)


def _with_forwarded(
    wanted: commands.Command | commands.UsageError, message: AddressedMessage, thresholds: Thresholds
) -> commands.Command | commands.UsageError:
    """The command with the indicators of what the message forwards: those that its action takes, if it names one."""
    takes_more = not message.text or isinstance(
        wanted, commands.LookupCommand | commands.NothingFound | commands.NoValue
    )
    if not message.forwarded or not takes_more:
        return wanted
    action = BY_KEY.get(message.text.partition(" ")[0].lower())
    try:
        options = parse_options(with_hyphens(message.text), strict=False)[0]
        more = with_action(
            action, select(action, extract(message.forwarded, unknown_hosts=True)), options, thresholds
        )
    except commands.NothingFound as nothing:
        return wanted if message.text else nothing
    except commands.UsageError as error:
        return error
    if not isinstance(wanted, commands.LookupCommand):
        return more
    lookups = {(one.action.key, one.value): one for one in (*more.lookups, *wanted.lookups)}
    if len(lookups) > MOST_VALUES:
        return commands.TooMany(len(lookups), MOST_VALUES)
    return replace(wanted, lookups=tuple(lookups.values()))


def _request(
    message: AddressedMessage,
    wanted: commands.Command | commands.UsageError,
    thresholds: Thresholds,
    deps: ListenerDeps,
) -> Request:
    """What the text, parsed, and the attached files ask for."""
    line = message.text
    new = head(message.delivery, message.origin, deps)
    options = commands.Options()
    if isinstance(wanted, commands.LookupCommand | commands.NothingFound | commands.NoValue):
        # A line without a value can still hold options for the attached files.
        options = parse_options(with_hyphens(line), strict=False)[0]
    files = file_lookups(message.files, options.threshold or thresholds.of(FILE))
    # The text has no subject of its own if it holds options only, or is `scan-file` without a path.
    names_action = isinstance(wanted, commands.NoValue) and wanted.action is FILE
    is_about_files = not line or names_action or isinstance(wanted, commands.NothingFound)
    if files and is_about_files and not isinstance(wanted, commands.LookupCommand):
        return LookupRequest(**new, lookups=files, share=options.share, fresh=options.fresh)
    if not line and not message.forwarded and message.origin.entry_point is EntryPoint.MENTION:
        return ShowCardRequest(**new)
    if isinstance(wanted, commands.UsageError):
        return SayRequest(**new, sentence=str(usage_text.usage_error(with_option(wanted, deps.instances))))
    return _from_command(wanted, new, files)


def _from_command(wanted: commands.Command, new: Head, files: tuple[Lookup, ...]) -> Request:
    match wanted:
        # Only commands and buttons have the trigger_id that a modal needs.
        case commands.FormCommand():
            return SayRequest(**new, sentence=str(about.NO_FORM_HERE))
        case commands.SettingsCommand():
            return SayRequest(**new, sentence=str(about.NO_SETTINGS_HERE))
        case commands.LookupCommand():
            wanted = replace(wanted, lookups=(*wanted.lookups, *files))
    return command_request(wanted, new)


async def _reply_privately(origin: Origin, line: str, slack: AsyncWebClient) -> None:
    """Tell the asker alone. When Slack refuses that too, there is nobody else to tell."""
    with suppress(Unknown):
        where = {"channel": origin.channel, "user": origin.user, "thread_ts": origin.thread}
        await ask(slack.chat_postEphemeral, **where, text=mrkdwn(line))


# Messages in channels ----------------------------------------------------------------------------------


async def on_message(event: Payload, body: Payload, context: AsyncBoltContext, deps: WatchDeps) -> None:
    """A message in a channel or group, an edit or a deletion.

    Raises StoreDown when it cannot be stored: Slack delivers it again then.
    """
    own = frozenset(str(name) for name in (context.bot_id, context.bot_user_id) if name)
    message = parse_event(event, BotFilter(own, deps.rules.bots))
    if message is None or not is_for_us(body, context):
        return
    wanted = () if message.is_deletion else lookups(message.text, deps)
    if wanted or message.is_edit or message.is_deletion:
        origin = event_payloads.card_origin(message, bot(context))
        request = CardRequest(**head(message.delivery, origin, deps), lookups=wanted)
        await deps.cards.record(message, wanted, request)


async def on_channel_created(
    event: Payload, body: Payload, context: AsyncBoltContext, deps: WatchDeps
) -> None:
    """A channel was created: join it if it is watched from the beginning and the settings say so. Raises StoreDown."""
    created = event_payloads.channel_created(event, bot(context))
    if not deps.rules.join or not matches(created.name, deps.rules.channels) or not is_for_us(body, context):
        return
    await deps.store.accept(JoinRequest(**head(created.delivery, created.origin, deps)))


def lookups(text: str, deps: WatchDeps) -> tuple[Lookup, ...]:
    """What a text calls for, without what is never sent to VirusTotal.

    An indicator is asked for by its value, however it was written: written in two ways it is still the same.
    """
    own = deps.rules.own_domains
    found = extract(text, unknown_hosts=True)
    return tuple(
        new_lookup(replace(one, written=one.value), fitting(one.kind), deps.thresholds)
        for one in found
        if not is_internal(one, own) and not is_well_known(one)
    )
