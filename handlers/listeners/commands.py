"""/vt as a slash command, and shortcuts: a message's indicators are answered in its thread, the global one opens the form."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

import structlog
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncAck, AsyncBoltContext, AsyncRespond

from handlers import commands, payloads
from handlers.admission import accept, effective_settings
from handlers.case import StoreDown
from handlers.deps import Deps, ListenerDeps, WatchDeps
from handlers.event_payloads import all_text, files, message_text
from handlers.files import file_lookups
from handlers.instances import named, with_option
from handlers.open_modals import Head, open_form, open_login_form, open_login_if_needed, open_settings
from handlers.parser import parse, with_action
from handlers.payloads import MessageShortcut, Payload, SlashCommand
from handlers.people import is_foreign
from handlers.posting import POST_OPTIONS
from handlers.request import (
    Answers,
    InfoRequest,
    LookupRequest,
    Origin,
    ReportRequest,
    Request,
    Verb,
    WatchRequest,
)
from handlers.slack_errors import Unknown, ask
from handlers.text import about
from handlers.text import usage as usage_text
from handlers.text.language import speak
from handlers.views import messages
from handlers.views.form import Prefilled
from handlers.views.rich_text import mrkdwn
from vt import extract
from vt.actions import BY_KEY, FILE, Action, fitting
from vt.evidence import Thresholds
from vt.indicators import Indicator, strip_markup
from vt.lookup import Lookup

log = structlog.get_logger()


async def refuse_foreign(
    context: AsyncBoltContext,
    body: Payload,
    next: Callable[[], Awaitable[object]],  # noqa: A002 - bolt's name
) -> BoltResponse | None:
    """Middleware: what somebody pressed or sent in another workspace reaches no listener.

    For events and commands, their listeners check the workspace.
    """
    who = context.authorize_result
    if "event" not in body and "command" not in body and who and is_foreign(body, who.team_id or ""):
        log.warning("payload_of_another_workspace")
        return BoltResponse(status=HTTPStatus.FORBIDDEN)
    await next()
    return None


def prepare(deps: Deps) -> Callable[..., Awaitable[None]]:
    """Middleware: listeners get the argument `deps` if they name it, and answer people in their own language.

    Bolt passes what is in its context. For events the default language is set: nobody awaits an answer to most of them,
    so their listeners find out whose language to use.
    """

    async def prepared(
        body: Payload,
        context: AsyncBoltContext,
        next: Callable[[], Awaitable[object]],  # noqa: A002 - bolt's name
    ) -> None:
        home = getattr(context.authorize_result, "team_id", None) or context.team_id or ""
        here = deps
        if deps.installations:
            here = await deps.for_team(home)
        context.update(deps=here, home=home)
        if body.get("type") == "event_callback" or not context.user_id:
            speak(here.languages.default)
        else:
            speak(await here.languages.at_once(context.user_id))
        await next()

    return prepared


def head(delivery: str, origin: Origin, deps: ListenerDeps | WatchDeps) -> Head:
    """The head of a new request."""
    return Head(id=deps.new_id(), delivery=delivery, at=deps.clock(), origin=origin)


async def handle_command(ack: AsyncAck, command: Payload, home: str, deps: ListenerDeps) -> None:
    """Help and usage errors are answered at once, forms are opened, everything else is stored as a request."""
    received = payloads.slash_command(command, home)
    if deps.instances:
        received = named(received, deps.instances)
    wanted = parse_or_error(received.text, deps.thresholds)
    if wanted == commands.InfoCommand(Verb.HELP):
        guide = messages.help_message(has_choice=len(deps.instances) > 1)
        await ack(text=guide.text, blocks=list(guide.blocks))
        return
    try:
        said = await _take(wanted, received, deps)
    except StoreDown:
        said = about.CANNOT_TAKE
    await ack(mrkdwn(said))


async def _take(
    wanted: commands.Command | commands.UsageError, received: SlashCommand, deps: ListenerDeps
) -> str:
    """Do what the command asks for. Returns what to tell the user, or "". Raises StoreDown."""
    origin, trigger_id = received.origin, received.trigger_id
    match wanted:
        case commands.NoHost() if deps.logins:
            said = await open_login_form(Prefilled(), origin, trigger_id, deps)
        case commands.UsageError():
            said = usage_text.usage_error(with_option(wanted, deps.instances), deps.audience)
        case commands.SettingsCommand():
            said = await open_settings(origin, trigger_id, deps)
        case commands.FormCommand():
            said = await open_form(origin, trigger_id, deps, typed=strip_markup(wanted.text))
        case commands.LookupCommand():
            said = await _look_up(wanted, received, deps)
        case commands.ReportCommand():
            said = await _report(wanted, received, deps)
        case commands.InfoCommand() | commands.WatchCommand():
            said = await accept(command_request(wanted, head(received.delivery, origin, deps)), deps)
    return said


def parse_or_error(line: str, thresholds: Thresholds) -> commands.Command | commands.UsageError:
    """The command in a line, or what is wrong with it."""
    try:
        return parse(line, thresholds)
    except commands.UsageError as error:
        return error


async def _look_up(wanted: commands.LookupCommand, received: SlashCommand, deps: ListenerDeps) -> str:
    """Store the request as the channel's settings want it. Returns what to tell the user, or "". Raises StoreDown."""
    thresholds, settings = await effective_settings(received.origin, deps.channel_settings, deps.thresholds)
    if thresholds != deps.thresholds:
        again = parse_or_error(received.text, thresholds)
        wanted = again if isinstance(again, commands.LookupCommand) else wanted
    if any(lookup.is_file for lookup in wanted.lookups):
        opened = await open_login_if_needed(wanted, received.origin, received.trigger_id, deps)
        if opened is not None:
            return opened
    wanted = replace(wanted, share=wanted.share or settings.answers is Answers.CHANNEL)
    request = command_request(wanted, head(received.delivery, received.origin, deps))
    refused = await accept(request, deps)
    return refused or (usage_text.wrong_values(wanted.wrong) if wanted.wrong else "")


async def _report(wanted: commands.ReportCommand, received: SlashCommand, deps: ListenerDeps) -> str:
    """Store the request as the channel's settings want it. Returns what to tell the user, or "". Raises StoreDown."""
    thresholds, settings = await effective_settings(received.origin, deps.channel_settings, deps.thresholds)
    criteria = thresholds.hosts
    lookups = tuple(
        one.evolve(threshold=thresholds.of(one.action), criteria=criteria) for one in wanted.lookups
    )
    share = wanted.share or settings.answers is Answers.CHANNEL
    wanted = replace(wanted, lookups=lookups, share=share)
    return await accept(command_request(wanted, head(received.delivery, received.origin, deps)), deps)


Requesting = commands.LookupCommand | commands.ReportCommand | commands.InfoCommand | commands.WatchCommand
"""The commands that are stored as requests; the others open a modal."""


def command_request(wanted: Requesting, new: Head) -> Request:
    """The request that a command makes."""
    match wanted:
        case commands.LookupCommand():
            return LookupRequest(
                **new, lookups=wanted.lookups, people=wanted.people, share=wanted.share, fresh=wanted.fresh
            )
        case commands.ReportCommand():
            return ReportRequest(**new, lookups=wanted.lookups, share=wanted.share)
        case commands.InfoCommand():
            return InfoRequest(**new, verb=wanted.verb)
        case commands.WatchCommand():
            return WatchRequest(**new, verb=wanted.verb, arguments=wanted.arguments)


# Shortcuts ---------------------------------------------------------------------------------------------

MOST = 20  # indicators that are looked up without asking which of them are meant


async def handle_global_shortcut(ack: AsyncAck, body: Payload, deps: ListenerDeps) -> None:
    """Open the form; its answer goes to the direct messages."""
    received = payloads.global_shortcut(body)
    problem = await open_form(received.origin, received.trigger_id, deps)
    await ack()
    if problem:
        with suppress(Unknown):  # without it, Slack itself shows that something failed
            fields = {"channel": received.origin.user, "text": mrkdwn(problem), **POST_OPTIONS}
            await ask(deps.slack.chat_postMessage, **fields)


async def handle_message_shortcut(
    ack: AsyncAck, body: Payload, respond: AsyncRespond, deps: ListenerDeps
) -> None:
    """Store what fits in the message as a request. If that is nothing, or too much, open the form instead."""
    received = payloads.message_shortcut(body)
    action = BY_KEY.get(received.callback_id)
    found = select(action, extract(all_text(received.message), unknown_hosts=True))
    attached = _files(received.message, action, deps.thresholds)
    if (found or attached) and len(found) <= MOST:
        problem = await _look_up_message(received, action, found, deps)
    else:
        problem = await _open_form_for_message(received, action, found, deps)
    await ack()
    if problem:
        with suppress(Unknown):  # the form, or that none opened, says enough
            await ask(respond, text=mrkdwn(problem), response_type="ephemeral", replace_original=False)


def select(action: Action | None, found: Sequence[Indicator]) -> list[Indicator]:
    """What the action looks up: its own kinds, or if there are none, those that it can convert.

    A URL under no known suffix is looked up by the action that is meant for URLs.
    """
    if action is None:
        return list(found)
    return [replace(one, known_host=True) for one in found if one.kind in action.kinds] or [
        one for one in found if one.known_host and _is_convertible(action, one)
    ]


def _is_convertible(action: Action, one: Indicator) -> bool:
    try:
        with_action(action, [one], commands.Options(), Thresholds())
    except commands.UsageError:
        return False
    return True


def _files(message: Payload, action: Action | None, thresholds: Thresholds) -> tuple[Lookup, ...]:
    """The attached files, if the action takes files."""
    if action not in (None, FILE):
        return ()
    return file_lookups(files(message), thresholds.of(FILE))


async def _look_up_message(
    received: MessageShortcut, action: Action | None, found: Sequence[Indicator], deps: ListenerDeps
) -> str:
    """Store the request. Returns what to tell the user, or ""."""
    origin = received.origin
    try:
        thresholds, settings = await effective_settings(origin, deps.channel_settings, deps.thresholds)
    except StoreDown:
        return about.CANNOT_TAKE
    public = settings.answers is not Answers.PRIVATE
    if public:
        # The bot posts in the thread, for everybody who sees the message.
        origin = origin.model_copy(update={"response_url": None})
    lookups = with_action(action, found, commands.Options(), thresholds).lookups if found else ()
    request = LookupRequest(
        **head(received.delivery, origin, deps),
        lookups=(*lookups, *_files(received.message, action, thresholds)),
        share=public,
    )
    return await accept(request, deps)


async def _open_form_for_message(
    received: MessageShortcut, action: Action | None, found: Sequence[Indicator], deps: ListenerDeps
) -> str:
    """Open the form with all indicators selected, or if there are none, with the text. Returns what to tell, or ""."""
    attached = _files(received.message, action, deps.thresholds)
    if found:
        return await open_form(received.origin, received.trigger_id, deps, found=found, files=attached)
    others = Counter(fitting(one.kind).key for one in extract(all_text(received.message)))
    notice = about.nothing_here(action, others, files=bool(files(received.message)))
    typed = strip_markup(message_text(received.message))
    return await open_form(
        received.origin, received.trigger_id, deps, typed=typed, files=attached, notice=notice
    )
