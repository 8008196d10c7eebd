"""Mentions and direct messages: /vt without the slash command, answered where they were written."""

import asyncio
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncBoltContext
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers import payloads, text
from handlers.admission import accept_or_raise
from handlers.case import is_shared
from handlers.channel_settings import effective_settings
from handlers.deps import ListenerDeps, StoreDown
from handlers.listeners.commands import parse_or_error
from handlers.message_content import file_lookups
from handlers.options import Options, parse_options_only
from handlers.parser import Command, FormCommand, InfoCommand, LookupCommand, SettingsCommand, WatchCommand
from handlers.payloads import AddressedMessage, Bot
from handlers.people import SLACK_TIMEOUT
from handlers.request import (
    Answers,
    EntryPoint,
    Head,
    InfoRequest,
    LookupRequest,
    Origin,
    Request,
    SayRequest,
    ShowCardRequest,
    WatchRequest,
)
from handlers.text import about
from handlers.usage_errors import NothingFound, NoValue, UsageError
from handlers.views.rich_text import mrkdwn
from vt.actions import FILE
from vt.lookup import Lookup


async def handle_mention(event: dict[str, Any], context: AsyncBoltContext, deps: ListenerDeps) -> None:
    """`@VT 192.0.2.1` is `/vt 192.0.2.1`, answered in the thread."""
    if message := payloads.mention(event, bot(context)):
        await _accept(message, deps)


async def handle_direct_message(event: dict[str, Any], context: AsyncBoltContext, deps: ListenerDeps) -> None:
    """In direct messages no mention is needed."""
    if message := payloads.direct_message(event, bot(context)):
        await _accept(message, deps)


async def is_direct_message(event: dict[str, Any]) -> bool:
    """For Bolt, which awaits its matchers."""
    return payloads.is_direct(event)


def bot(context: AsyncBoltContext) -> Bot:
    """The bot, as Bolt learnt it from the payload and from its token."""
    return Bot(team=str(context.team_id), user_id=context.bot_user_id or "", bot_id=str(context.bot_id or ""))


async def _accept(message: AddressedMessage, deps: ListenerDeps) -> None:
    """Store the request. What could not be stored raises StoreDown, so that Slack delivers the event again."""
    try:
        thresholds, settings = await effective_settings(
            message.origin, deps.channel_settings, deps.thresholds
        )
        wanted = parse_or_error(message.text, thresholds)
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


def _request(
    message: AddressedMessage, wanted: Command | UsageError, thresholds: Mapping[str, int], deps: ListenerDeps
) -> Request:
    """What the text, parsed, and the attached files ask for."""
    line = message.text
    head = Head(id=deps.new_id(), delivery=message.delivery, at=deps.clock(), origin=message.origin)
    options = _file_options(line, wanted)
    threshold = options.threshold or thresholds.get(FILE.key, FILE.threshold)
    files = file_lookups(message.files, threshold)
    if files and (not line or _is_about_files(wanted)):
        return LookupRequest(**head, lookups=files, share=options.share, fresh=options.fresh)
    if not line and message.origin.entry_point is EntryPoint.MENTION:
        return ShowCardRequest(**head)
    if isinstance(wanted, UsageError):
        return SayRequest(**head, sentence=text.usage_error(wanted))
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
        case InfoCommand():
            return InfoRequest(**head, verb=wanted.verb)
        case WatchCommand():
            return WatchRequest(**head, verb=wanted.verb, arguments=wanted.arguments)
        # Only commands and buttons have the trigger_id that a modal needs.
        case FormCommand():
            return SayRequest(**head, sentence=about.NO_FORM_HERE)
        case SettingsCommand():
            return SayRequest(**head, sentence=about.NO_SETTINGS_HERE)


def _file_options(line: str, wanted: Command | UsageError) -> Options:
    """The options for attached files. A line without a value can still hold options for them."""
    if isinstance(wanted, LookupCommand | NothingFound | NoValue):
        return parse_options_only(line)
    return Options()


def _is_about_files(wanted: Command | UsageError) -> bool:
    """Whether the text has no subject of its own: options, or `scan-file` without a path."""
    return isinstance(wanted, NothingFound) or (isinstance(wanted, NoValue) and wanted.action is FILE)


async def _reply_privately(origin: Origin, line: str, slack: AsyncWebClient) -> None:
    """Tell the asker alone. When Slack refuses that too, there is nobody else to tell."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await slack.chat_postEphemeral(
                channel=origin.channel, user=origin.user, thread_ts=origin.thread, text=mrkdwn(line)
            )
    except (SlackClientError, OSError, TimeoutError):
        return
