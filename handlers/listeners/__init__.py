"""One file per way in from Slack: verify, store, acknowledge. `register` is the bot's whole surface on one screen."""

import re

from slack_bolt.async_app import AsyncApp

from handlers.commands import COMMAND
from handlers.deps import Deps
from handlers.listeners import buttons, events, modals
from handlers.listeners.commands import (
    handle_command,
    handle_global_shortcut,
    handle_message_shortcut,
    prepare,
    refuse_foreign,
)
from handlers.listeners.events import skip_malformed
from handlers.request import Verb
from handlers.text.about import ANYWHERE, ON_MESSAGES
from handlers.views import form, layout
from handlers.views.answer import MORE


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
