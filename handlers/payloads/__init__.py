"""Slack's payloads, typed: each way in becomes one frozen shape with its Origin. Only here is known where Slack puts what.

Pure. Every function raises MalformedPayload when something is missing that Slack always sends.
"""

from handlers.payloads.events import (
    AddressedMessage,
    Bot,
    ChannelCreated,
    ChannelMessage,
    HomeOpened,
    channel_created,
    channel_message,
    direct_message,
    home_opened,
    is_direct,
    is_in_channel,
    mention,
)
from handlers.payloads.fields import MalformedPayload
from handlers.payloads.interactions import (
    ButtonClick,
    GlobalShortcut,
    HomeClick,
    MessageShortcut,
    ModalClick,
    ModalSubmission,
    SlashCommand,
    button_click,
    global_shortcut,
    home_click,
    message_shortcut,
    modal_click,
    modal_submission,
    slash_command,
)

__all__ = [
    "AddressedMessage",
    "Bot",
    "ButtonClick",
    "ChannelCreated",
    "ChannelMessage",
    "GlobalShortcut",
    "HomeClick",
    "HomeOpened",
    "MalformedPayload",
    "MessageShortcut",
    "ModalClick",
    "ModalSubmission",
    "SlashCommand",
    "button_click",
    "channel_created",
    "channel_message",
    "direct_message",
    "global_shortcut",
    "home_click",
    "home_opened",
    "is_direct",
    "is_in_channel",
    "mention",
    "message_shortcut",
    "modal_click",
    "modal_submission",
    "slash_command",
]
