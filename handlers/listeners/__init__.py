"""One file per way in from Slack: verify, store, acknowledge. `register` is the bot's whole surface on one screen."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltContext

from handlers.commands import COMMAND
from handlers.deps import Deps
from handlers.listeners import buttons, events, modals
from handlers.listeners.commands import (
    handle_command,
    handle_global_shortcut,
    handle_message_shortcut,
)
from handlers.listeners.events import skip_malformed
from handlers.payloads import Payload
from handlers.people import is_foreign
from handlers.request import Verb
from handlers.text.about import ANYWHERE, ON_MESSAGES
from handlers.text.language import speak
from handlers.views import form, layout
from handlers.views.answer import MORE

log = structlog.get_logger()


def register(app: AsyncApp, deps: Deps) -> None:
    """Register every listener. Bolt passes them what they name as arguments, `deps` among it."""
    app.middleware(refuse_foreign)
    app.middleware(prepare(deps))
    app.command(COMMAND)(handle_command)
    app.event("app_mention")(skip_malformed(events.handle_mention))
    app.event("message", matchers=[events.is_direct_message])(skip_malformed(events.handle_direct_message))
    app.event("message", matchers=[events.is_group_mention])(skip_malformed(events.handle_mention))
    app.event("message")(skip_malformed(events.on_message))
    app.event("channel_created")(skip_malformed(events.on_channel_created))
    for shortcut in ON_MESSAGES:
        app.message_shortcut(shortcut.callback_id)(handle_message_shortcut)
    for shortcut in ANYWHERE:
        app.global_shortcut(shortcut.callback_id)(handle_global_shortcut)
    app.action(re.compile(f"^({'|'.join((*buttons.VERBS, buttons.FORM, MORE))})$"))(buttons.handle_click)
    app.action("open")(buttons.handle_link)
    app.action(re.compile(f"^{layout.TURN}:"))(buttons.handle_page)
    app.action(re.compile(f"^{layout.PICTURE}:"))(buttons.handle_picture)
    app.action(layout.PICK)(buttons.handle_page)
    app.view(form.CALLBACK)(modals.handle_form)
    app.view(form.LOGIN_CALLBACK)(modals.handle_login)
    app.view(Verb.RESCAN_COST.value)(buttons.handle_rescan)
    app.view(Verb.SETTINGS.value)(modals.handle_settings)
    app.event("app_home_opened")(skip_malformed(buttons.handle_home_opened))
    app.action(re.compile("^(home-|example:)"))(buttons.handle_home_click)


# What every payload passes through first -------------------------------------------------------------------


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
