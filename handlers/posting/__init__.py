"""Sending to Slack: messages that are posted once and then edited, and where each answer goes."""

from handlers.posting.messages import (
    POST_OPTIONS,
    CannotPost,
    InvalidBlocks,
    NotPosted,
    call,
    content,
    edit,
    is_transient,
    post,
)
from handlers.posting.replies import (
    RESPONSE_URL_USES,
    delete,
    post_ephemeral,
    reply,
    reply_privately,
    send_file,
    share,
)

__all__ = [
    "POST_OPTIONS",
    "RESPONSE_URL_USES",
    "CannotPost",
    "InvalidBlocks",
    "NotPosted",
    "call",
    "content",
    "delete",
    "edit",
    "is_transient",
    "post",
    "post_ephemeral",
    "reply",
    "reply_privately",
    "send_file",
    "share",
]
