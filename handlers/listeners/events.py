"""Events: messages to the bot, and messages in watched channels, which become requests if there is something to look up."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any

import structlog
from slack_bolt.async_app import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from handlers import event_payloads, text
from handlers.admission import accept_or_raise, effective_settings
from handlers.case import StoreDown, is_shared
from handlers.commands import (
    Command,
    FormCommand,
    InfoCommand,
    LookupCommand,
    NothingFound,
    NoValue,
    Options,
    ReportCommand,
    SettingsCommand,
    TooMany,
    UsageError,
    WatchCommand,
)
from handlers.deps import ListenerDeps, WatchDeps
from handlers.event_payloads import AddressedMessage, Bot, BotFilter, ChannelMessage, parse_event
from handlers.files import file_lookups
from handlers.instances import named, with_option
from handlers.listeners.commands import parse_or_error, select
from handlers.open_modals import Head
from handlers.parser import MOST_VALUES, new_lookup, parse_options, with_action, with_hyphens
from handlers.payloads import MalformedPayload
from handlers.people import is_foreign
from handlers.request import (
    Answers,
    CardRequest,
    EntryPoint,
    InfoRequest,
    JoinRequest,
    LookupRequest,
    Origin,
    ReportRequest,
    Request,
    SayRequest,
    ShowCardRequest,
    WatchRequest,
)
from handlers.slack_errors import Unknown, ask
from handlers.text import about
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
    event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext, deps: ListenerDeps
) -> None:
    """`@VT 192.0.2.1` is `/vt 192.0.2.1`, answered in the thread."""
    message = event_payloads.mention(event, bot(context))
    if message and is_for_us(body, context):
        await _accept(message, deps)


async def handle_direct_message(
    event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext, deps: ListenerDeps
) -> None:
    """In direct messages no mention is needed."""
    message = event_payloads.direct_message(event, bot(context))
    if message and is_for_us(body, context):
        await _accept(message, deps)


async def is_direct_message(event: dict[str, Any]) -> bool:
    """For Bolt, which awaits its matchers."""
    return event_payloads.is_direct(event)


async def is_group_mention(event: dict[str, Any], context: AsyncBoltContext) -> bool:
    """For Bolt. Whether a direct message of several people mentions the bot, which may come without a mention's event."""
    return event_payloads.is_group_mention(event, context.bot_user_id or "")


def bot(context: AsyncBoltContext) -> Bot:
    """The bot, as Slack described it when it was asked whose token this is."""
    who = context.authorize_result
    team = (who.team_id if who else None) or context.team_id
    return Bot(team=team or "", user_id=context.bot_user_id or "", bot_id=str(context.bot_id or ""))


def is_for_us(body: Mapping[str, Any], context: AsyncBoltContext) -> bool:
    """Whether an event is for the workspace that installed the bot; logged if it is not."""
    foreign = is_foreign(body, bot(context).team)
    if foreign:
        log.warning("event_of_another_workspace")
    return not foreign


async def _accept(message: AddressedMessage, deps: ListenerDeps) -> None:
    """Store the request. What could not be stored raises StoreDown, so that Slack delivers the event again."""
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
    wrong = wanted.wrong if isinstance(wanted, LookupCommand) else ()
    sentence = refused or text.wrong_values(wrong)
    if sentence and not message.from_bot:
        await _reply_privately(message.origin, sentence, deps.slack)


def _with_forwarded(
    wanted: Command | UsageError, message: AddressedMessage, thresholds: Thresholds
) -> Command | UsageError:
    """The command with the indicators of what the message forwards: those that its action takes, if it names one."""
    takes_more = not message.text or isinstance(wanted, LookupCommand | NothingFound | NoValue)
    if not message.forwarded or not takes_more:
        return wanted
    action = BY_KEY.get(message.text.partition(" ")[0].lower())
    try:
        options = parse_options(with_hyphens(message.text), strict=False)[0]
        more = with_action(
            action, select(action, extract(message.forwarded, unknown_hosts=True)), options, thresholds
        )
    except NothingFound as nothing:
        return wanted if message.text else nothing
    except UsageError as error:
        return error
    if not isinstance(wanted, LookupCommand):
        return more
    lookups = {(one.action.key, one.value): one for one in (*more.lookups, *wanted.lookups)}
    if len(lookups) > MOST_VALUES:
        return TooMany(len(lookups), MOST_VALUES)
    return replace(wanted, lookups=tuple(lookups.values()))


def _request(
    message: AddressedMessage, wanted: Command | UsageError, thresholds: Thresholds, deps: ListenerDeps
) -> Request:
    """What the text, parsed, and the attached files ask for."""
    line = message.text
    head = Head(id=deps.new_id(), delivery=message.delivery, at=deps.clock(), origin=message.origin)
    options = _file_options(line, wanted)
    threshold = options.threshold or thresholds.of(FILE)
    files = file_lookups(message.files, threshold)
    if files and not isinstance(wanted, LookupCommand) and (not line or _is_about_files(wanted)):
        return LookupRequest(**head, lookups=files, share=options.share, fresh=options.fresh)
    if not line and not message.forwarded and message.origin.entry_point is EntryPoint.MENTION:
        return ShowCardRequest(**head)
    if isinstance(wanted, UsageError):
        return SayRequest(**head, sentence=str(text.usage_error(with_option(wanted, deps.instances))))
    return _from_command(wanted, head, files)


def _from_command(wanted: Command, head: Head, files: tuple[Lookup, ...]) -> Request:
    match wanted:
        case LookupCommand():
            return LookupRequest(
                **head,
                lookups=(*wanted.lookups, *files),
                people=wanted.people,
                share=wanted.share,
                fresh=wanted.fresh,
            )
        case ReportCommand():
            return ReportRequest(**head, lookups=wanted.lookups, share=wanted.share)
        case InfoCommand():
            return InfoRequest(**head, verb=wanted.verb)
        case WatchCommand():
            return WatchRequest(**head, verb=wanted.verb, arguments=wanted.arguments)
        # Only commands and buttons have the trigger_id that a modal needs.
        case FormCommand():
            return SayRequest(**head, sentence=str(about.NO_FORM_HERE))
        case SettingsCommand():
            return SayRequest(**head, sentence=str(about.NO_SETTINGS_HERE))


def _file_options(line: str, wanted: Command | UsageError) -> Options:
    """The options for attached files. A line without a value can still hold options for them."""
    if isinstance(wanted, LookupCommand | NothingFound | NoValue):
        return parse_options(with_hyphens(line), strict=False)[0]
    return Options()


def _is_about_files(wanted: Command | UsageError) -> bool:
    """Whether the text has no subject of its own: options, or `scan-file` without a path."""
    return isinstance(wanted, NothingFound) or (isinstance(wanted, NoValue) and wanted.action is FILE)


async def _reply_privately(origin: Origin, line: str, slack: AsyncWebClient) -> None:
    """Tell the asker alone. When Slack refuses that too, there is nobody else to tell."""
    with suppress(Unknown):
        await ask(
            slack.chat_postEphemeral,
            channel=origin.channel,
            user=origin.user,
            thread_ts=origin.thread,
            text=mrkdwn(line),
        )


# Messages in channels ----------------------------------------------------------------------------------


async def on_message(
    event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext, deps: WatchDeps
) -> None:
    """A message in a channel or group, an edit or a deletion.

    Raises StoreDown when it cannot be stored: Slack delivers it again then.
    """
    own = frozenset(str(name) for name in (context.bot_id, context.bot_user_id) if name)
    message = parse_event(event, BotFilter(own, deps.rules.bots))
    if message is None or not is_for_us(body, context):
        return
    wanted = () if message.is_deletion else lookups(message.text, deps)
    if wanted or message.is_edit or message.is_deletion:
        received = event_payloads.channel_message(message, bot(context))
        await deps.cards.record(message, wanted, _card_request(received, wanted, deps))


async def on_channel_created(
    event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext, deps: WatchDeps
) -> None:
    """A channel was created: join it if it is watched from the beginning and the settings say so. Raises StoreDown."""
    created = event_payloads.channel_created(event, bot(context))
    if not deps.rules.join or not matches(created.name, deps.rules.channels) or not is_for_us(body, context):
        return
    request = JoinRequest(id=deps.new_id(), delivery=created.delivery, at=deps.clock(), origin=created.origin)
    await deps.store.accept(request)


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


def _card_request(message: ChannelMessage, wanted: tuple[Lookup, ...], deps: WatchDeps) -> CardRequest:
    return CardRequest(
        id=deps.new_id(),
        delivery=message.delivery,
        at=deps.clock(),
        origin=message.origin,
        lookups=wanted,
    )
