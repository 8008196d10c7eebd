"""Mentions and direct messages: /vt without the slash command, answered where they were written."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncBoltContext
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers import text
from handlers.admission import accept_or_raise
from handlers.channel_settings import holding
from handlers.deps import Deps, Origin, Request, StoreDown, Verb
from handlers.files import attachments
from handlers.listeners.commands import understood
from handlers.parser import Command, Options, parse_options_only
from handlers.people import SLACK_TIMEOUT
from handlers.request import Answers, EntryPoint
from handlers.text import access
from handlers.usage_errors import NothingFound, NoValue, UsageError
from handlers.views.rich_text import escape
from vt.actions import FILE

TOLD = (None, "bot_message", "file_share", "thread_broadcast")
"""Kinds of messages that say something; the others tell of edits, deletions, joins, topics and the like."""


async def mentioned(event: dict[str, Any], context: AsyncBoltContext, deps: Deps) -> None:
    """`@VT 192.0.2.1` is `/vt 192.0.2.1`, answered in the thread."""
    if _told_by_another(event, context):
        thread = event.get("thread_ts") or event["ts"]
        await _take(event, _origin(event, context, EntryPoint.MENTION, thread), context, deps)


async def messaged(event: dict[str, Any], context: AsyncBoltContext, deps: Deps) -> None:
    """In direct messages any text is taken as it stands."""
    if _told_by_another(event, context):
        await _take(event, _origin(event, context, EntryPoint.DIRECT, event.get("thread_ts")), context, deps)


async def direct(event: dict[str, Any]) -> bool:
    """Whether a message was written to the bot alone."""
    return event.get("channel_type") == "im"


def _told_by_another(event: dict[str, Any], context: AsyncBoltContext) -> bool:
    """Something that was just said, and not by the bot itself."""
    own = {context.bot_id, context.bot_user_id} - {None}
    return (
        event.get("subtype") in TOLD
        and not event.get("hidden")
        and own.isdisjoint({event.get("user"), event.get("bot_id")})
    )


def _origin(event: dict[str, Any], context: AsyncBoltContext, way: EntryPoint, thread: str | None) -> Origin:
    """Without a response_url: the answer is a message of the bot's own."""
    bot = event.get("bot_id")
    team = event.get("user_team") or event.get("team") or context.team_id
    return Origin(
        way=way,
        team=str(team),
        user=str(bot or event.get("user")),
        channel=event["channel"],
        thread=thread,
    )


async def _take(event: dict[str, Any], origin: Origin, context: AsyncBoltContext, deps: Deps) -> None:
    """Kept before it is acknowledged; what was not kept raises StoreDown, and Slack hands it over again."""
    try:
        thresholds, ways = await holding(origin, deps.channels, deps.thresholds)
        request = _request(event, origin, context, thresholds, deps)
        alone = ways.answers is Answers.PRIVATE and not request.share
        refused = await accept_or_raise(_for_asker(request) if alone else request, deps)
    except StoreDown:
        await _whisper(origin, access.CANNOT_TAKE_YET, deps.slack)
        raise
    if refused and not event.get("bot_id"):
        await _whisper(origin, refused, deps.slack)


def _for_asker(request: Request) -> Request:
    """Answered in the direct messages: the channel wants it so."""
    return request.model_copy(update={"origin": request.origin.model_copy(update={"apart": True})})


def _request(
    event: dict[str, Any],
    origin: Origin,
    context: AsyncBoltContext,
    thresholds: Mapping[str, int],
    deps: Deps,
) -> Request:
    """One message is one request, whichever and however many events tell of it."""
    line = re.sub(rf"<@{context.bot_user_id}(?:\|[^<>]*)?>", " ", event.get("text") or "").strip()
    wanted = understood(line, thresholds)
    request = Request(
        id=deps.new_id(),
        delivery=f"message:{origin.channel}:{event['ts']}",
        verb=Verb.SAY,
        at=deps.clock(),
        origin=origin,
    )
    said = _options(line, wanted)
    files = attachments.lookups(
        event.get("files"), said.threshold or thresholds.get(FILE.key, FILE.threshold)
    )
    if files and (not line or isinstance(wanted, NothingFound) or _wants_files(wanted)):
        asked = {"verb": Verb.LOOK_UP, "lookups": files, "share": said.share, "fresh": said.fresh}
        return request.model_copy(update=asked)
    if not isinstance(wanted, UsageError) and wanted.verb is Verb.FORM:
        return request.model_copy(update={"note": access.NO_FORM_HERE})
    if not line and origin.way is EntryPoint.MENTION:
        return request.model_copy(update={"verb": Verb.SHOW})
    if isinstance(wanted, UsageError):
        return request.model_copy(update={"note": text.usage_error(wanted)})
    return request.model_copy(
        update={
            "verb": wanted.verb,
            "lookups": (*wanted.lookups, *files) if wanted.verb is Verb.LOOK_UP else (),
            "people": wanted.people,
            "share": wanted.share,
            "said": wanted.text,
            "fresh": wanted.fresh,
        }
    )


def _options(line: str, wanted: Command | UsageError) -> Options:
    """What was said of attached files; a line that is about nothing but them may hold options too."""
    if isinstance(wanted, UsageError):
        return parse_options_only(line) if isinstance(wanted, NothingFound | NoValue) else Options()
    return parse_options_only(line) if wanted.verb is Verb.LOOK_UP else Options()


def _wants_files(wanted: Command | UsageError) -> bool:
    """`scan-file` alone: the files are attached."""
    return isinstance(wanted, NoValue) and wanted.action is FILE


async def _whisper(origin: Origin, line: str, slack: AsyncWebClient) -> None:
    """A sentence to the asker alone; when Slack does not take it, there is nobody else to tell."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await slack.chat_postEphemeral(
                channel=origin.channel, user=origin.user, thread_ts=origin.thread, text=escape(line)
            )
    except (SlackClientError, OSError, TimeoutError):
        return
