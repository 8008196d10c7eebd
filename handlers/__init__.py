"""Slack in and out. This is the bot's whole surface on one screen."""

import re
from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp, AsyncBoltContext

from handlers.deps import Deps, Verb
from handlers.listeners import buttons, commands, details, events, home, login, settings, shortcuts, watch
from handlers.listeners import form as form_listeners
from handlers.views import answer_layout, details_layout, form

COMMAND = "/vt"


def register(app: AsyncApp, deps: Deps) -> None:
    """Give the app its listeners, and the listeners what they need, by name."""

    async def hand_out(context: AsyncBoltContext, next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002 - bolt's name
        context["deps"] = deps
        await next()

    app.middleware(hand_out)
    app.command(COMMAND)(commands.typed)
    app.event("app_mention")(events.mentioned)
    app.event("message", matchers=[events.direct])(events.messaged)
    app.event("message", matchers=[watch.in_channel])(watch.on_message)
    app.event("channel_created")(watch.on_channel_created)
    for shortcut in shortcuts.ON_MESSAGES:
        app.message_shortcut(shortcut.callback_id)(shortcuts.picked)
    for shortcut in shortcuts.ANYWHERE:
        app.global_shortcut(shortcut.callback_id)(shortcuts.opened)
    app.action(re.compile(f"^({'|'.join(buttons.VERBS)})$"))(buttons.pressed)
    app.action("open")(buttons.opened)
    app.action("form")(form_listeners.reopened)
    app.view(form.CALLBACK)(form_listeners.submitted)
    app.view(login.CALLBACK)(login.submitted)
    app.action(answer_layout.MORE)(details.chosen)
    app.action(re.compile(f"^{details_layout.TURN}:"))(details.turned)
    app.action(details_layout.PICK)(details.turned)
    app.view(Verb.PRICE.value)(details.agreed)
    app.view(Verb.SETTINGS.value)(settings.submitted)
    app.event("app_home_opened")(home.opened)
    app.action(re.compile("^(home-|example:)"))(home.pressed)
