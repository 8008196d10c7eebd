"""Slack in and out. This is the bot's whole surface on one screen."""

import re
from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp, AsyncBoltContext

from handlers import around, buttons, commands, events, shortcuts, visits
from handlers.deps import Deps, Verb
from handlers.modals import form, leaf, leaves, login, setting, views
from handlers.watch import overheard

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
    app.event("message", matchers=[overheard.in_channel])(overheard.said)
    app.event("channel_created")(overheard.made)
    for shortcut in shortcuts.ON_MESSAGES:
        app.message_shortcut(shortcut.callback_id)(shortcuts.picked)
    for shortcut in shortcuts.ANYWHERE:
        app.global_shortcut(shortcut.callback_id)(shortcuts.opened)
    app.action(re.compile(f"^({'|'.join(buttons.VERBS)})$"))(buttons.pressed)
    app.action("open")(buttons.opened)
    app.action("form")(views.reopened)
    app.view(form.CALLBACK)(views.submitted)
    app.view(login.CALLBACK)(login.submitted)
    app.action(around.MORE)(leaves.chosen)
    app.action(re.compile(f"^{leaf.TURN}:"))(leaves.turned)
    app.action(leaf.PICK)(leaves.turned)
    app.view(Verb.PRICE.value)(leaves.agreed)
    app.view(Verb.SETTINGS.value)(setting.submitted)
    app.event("app_home_opened")(visits.opened)
    app.action(re.compile("^(home-|example:)"))(visits.pressed)
