"""The message menu: what is in a message is looked up and answered in its thread; and the menu that opens the form."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.errors import SlackClientError

from handlers import text
from handlers.admission import accept
from handlers.channel_settings import holding
from handlers.deps import Deps, Origin, Request, StoreDown, Verb
from handlers.files import attachments
from handlers.listeners.form import open_form
from handlers.message_content import file_names, written
from handlers.parser import Options, with_action
from handlers.people import SLACK_TIMEOUT
from handlers.request import Answers, EntryPoint
from handlers.text import access
from handlers.usage_errors import UsageError
from handlers.views.rich_text import escape
from vt import extract
from vt.actions import ACTIONS, BY_KEY, FILE, Action
from vt.indicators import Indicator
from vt.indicators.markup import strip_markup
from vt.lookup import Lookup

MOST = 20
"""Indicators that are looked up without asking which of them are meant."""
FORM = "open-form"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry of a menu; `action` is what it takes from a message, None: whatever fits."""

    name: str
    callback_id: str
    description: str
    action: Action | None = None


CHECK = Shortcut(access.SHORTCUT_CHECK, "check", access.SHORTCUT_CHECK_DOES)
ON_MESSAGES = (
    CHECK,
    *(Shortcut(one.title, one.key, access.shortcut_does(one), one) for one in ACTIONS),
)
"""In the menu of every message."""
ANYWHERE = (Shortcut(access.FORM_NAME, FORM, access.FORM_DOES),)
"""In the menu beside the place to type."""


async def opened(ack: AsyncAck, body: dict[str, Any], deps: Deps) -> None:
    """The form, from anywhere: its answer goes to the direct messages."""
    user = body["user"]
    origin = Origin(
        way=EntryPoint.SHORTCUT,
        team=user.get("team_id") or body["team"]["id"],
        user=user["id"],
        channel=user["id"],
    )
    told = await open_form(deps, body["trigger_id"], origin=origin)
    await ack()
    if told:
        await _say(user["id"], told, deps)


async def picked(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond, deps: Deps) -> None:
    """A message was picked: what fits in it is kept as a request; nothing, or too much, opens the form."""
    action = BY_KEY.get(body["callback_id"])
    found = taken(action, extract(written(body["message"])))
    files = _files(body["message"], action, deps.thresholds)
    few = bool(found or files) and len(found) <= MOST
    told = await (_kept(body, action, found, deps) if few else _form(body, found, files, deps))
    await ack()
    if told:
        await _whisper(respond, told)


def taken(action: Action | None, found: Sequence[Indicator]) -> list[Indicator]:
    """What the action takes: its own kinds; only where there are none, what can be made into them."""
    if action is None:
        return list(found)
    return [one for one in found if one.kind in action.kinds] or [one for one in found if _fits(action, one)]


def _files(
    message: Mapping[str, Any], action: Action | None, thresholds: Mapping[str, int]
) -> tuple[Lookup, ...]:
    """Attached files, for the action that takes them and for what takes everything."""
    if action not in (None, FILE):
        return ()
    return attachments.lookups(message.get("files"), thresholds.get(FILE.key, FILE.threshold))


def _fits(action: Action, one: Indicator) -> bool:
    try:
        with_action(action, [one], Options(), {})
    except UsageError:
        return False
    return True


async def _kept(
    body: dict[str, Any],
    action: Action | None,
    found: Sequence[Indicator],
    deps: Deps,
) -> str:
    """A request of its own. Returns what to tell: "" when it is kept."""
    origin = _origin(body)
    try:
        thresholds, ways = await holding(origin, deps.channels, deps.thresholds)
    except StoreDown:
        return text.CANNOT_TAKE
    if ways.answers is not Answers.PRIVATE:
        # A message of the bot's own, in the thread, for everybody who sees what was picked.
        origin = origin.model_copy(update={"response_url": None})
    lookups = with_action(action, found, Options(), thresholds).lookups if found else ()
    request = Request(
        id=deps.new_id(),
        delivery=f"shortcut:{body['trigger_id']}",
        verb=Verb.LOOK_UP,
        at=deps.clock(),
        origin=origin,
        lookups=(*lookups, *_files(body["message"], action, thresholds)),
        share=origin.response_url is None,
    )
    return await accept(request, deps)


async def _form(
    body: dict[str, Any], found: Sequence[Indicator], files: tuple[Lookup, ...], deps: Deps
) -> str:
    """The form: with what was found, with_action, or with the text in which nothing was. Returns what to tell."""
    message = body["message"]
    said = "" if found else strip_markup(str(message.get("text") or ""))
    holds: dict[str, Any] = {"text": said, "found": found, "files": files}
    trouble = await open_form(deps, body["trigger_id"], origin=_origin(body), **holds)
    if trouble or found:
        return trouble
    return access.nothing_here(file_names(message))


def _origin(body: dict[str, Any]) -> Origin:
    message = body["message"]
    return Origin(
        way=EntryPoint.SHORTCUT,
        team=body["user"].get("team_id") or body["team"]["id"],
        user=body["user"]["id"],
        channel=body["channel"]["id"],
        response_url=body["response_url"],
        thread=message.get("thread_ts") or message["ts"],
    )


async def _say(user: str, line: str, deps: Deps) -> None:
    """A sentence in someone's direct messages, where no channel is known; else Slack itself says that it failed."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await deps.slack.chat_postMessage(
                channel=user, text=escape(line), unfurl_links=False, unfurl_media=False, mrkdwn=False
            )
    except (SlackClientError, OSError, TimeoutError):
        return


async def _whisper(respond: AsyncRespond, line: str) -> None:
    """A sentence to the one who picked; when Slack does not take it, the form or its absence says enough."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await respond(text=escape(line), response_type="ephemeral", replace_original=False)
    except (SlackClientError, OSError, TimeoutError):
        return
