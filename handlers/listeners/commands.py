"""/vt as a slash command: parsed, stored, acknowledged."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import payloads, text
from handlers.admission import accept, effective_settings
from handlers.case import StoreDown
from handlers.commands import (
    Command,
    FormCommand,
    InfoCommand,
    LookupCommand,
    NoHost,
    SettingsCommand,
    UsageError,
    WatchCommand,
)
from handlers.deps import ListenerDeps
from handlers.listeners import modals
from handlers.open_modals import open_form, open_settings
from handlers.parser import parse
from handlers.payloads import SlashCommand
from handlers.request import Answers, Head, InfoRequest, LookupRequest, Verb, WatchRequest
from handlers.views import messages
from handlers.views.form import Prefilled
from handlers.views.rich_text import mrkdwn
from vt.indicators import strip_markup


async def handle_command(ack: AsyncAck, command: dict[str, Any], deps: ListenerDeps) -> None:
    """Help and usage errors are answered at once, forms are opened, everything else is stored as a request."""
    received = payloads.slash_command(command)
    wanted = parse_or_error(received.text, deps.thresholds)
    origin, trigger_id = received.origin, received.trigger_id
    match wanted:
        case NoHost() if deps.logins:
            await ack(mrkdwn(await modals.open_login_form(Prefilled(), origin, trigger_id, deps)))
        case UsageError():
            await ack(_told(text.usage_error(wanted, deps.audience)))
        case InfoCommand(Verb.HELP):
            guide = messages.help_message()
            await ack(text=guide.text, blocks=list(guide.blocks))
        case SettingsCommand():
            await ack(mrkdwn(await open_settings(origin, trigger_id, deps)))
        case FormCommand():
            await ack(mrkdwn(await open_form(origin, trigger_id, deps, typed=strip_markup(wanted.text))))
        case LookupCommand():
            await ack(mrkdwn(await _look_up(wanted, received, deps)))
        case InfoCommand():
            await ack(mrkdwn(await accept(InfoRequest(**_head(received, deps), verb=wanted.verb), deps)))
        case WatchCommand():
            request = WatchRequest(**_head(received, deps), verb=wanted.verb, arguments=wanted.arguments)
            await ack(mrkdwn(await accept(request, deps)))


def _told(sentence: str) -> str:
    """What was typed arrives escaped, so that only a sentence with a contact in it is still to be escaped."""
    return mrkdwn(sentence) if isinstance(sentence, text.Line) else sentence


def parse_or_error(line: str, thresholds: Mapping[str, int]) -> Command | UsageError:
    """The command in a line, or what is wrong with it."""
    try:
        return parse(line, thresholds)
    except UsageError as error:
        return error


async def _look_up(wanted: LookupCommand, received: SlashCommand, deps: ListenerDeps) -> str:
    """Store the request as the channel's settings want it. Returns what to tell the user, or ""."""
    try:
        thresholds, settings = await effective_settings(
            received.origin, deps.channel_settings, deps.thresholds
        )
    except StoreDown:
        return text.CANNOT_TAKE
    if settings.thresholds:
        again = parse_or_error(received.text, thresholds)
        wanted = again if isinstance(again, LookupCommand) else wanted
    if any(lookup.is_file for lookup in wanted.lookups):
        opened = await modals.open_login_if_needed(wanted, received.origin, received.trigger_id, deps)
        if opened is not None:
            return opened
    request = LookupRequest(
        **_head(received, deps),
        lookups=wanted.lookups,
        people=wanted.people,
        share=wanted.share or settings.answers is Answers.CHANNEL,
        fresh=wanted.fresh,
    )
    refused = await accept(request, deps)
    return refused or (text.wrong_values(wanted.wrong) if wanted.wrong else "")


def _head(received: SlashCommand, deps: ListenerDeps) -> Head:
    return Head(id=deps.new_id(), delivery=received.delivery, at=deps.clock(), origin=received.origin)
