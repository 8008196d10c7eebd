"""The response_url: five messages in thirty minutes, new ones or in place of the one before."""

import json
from typing import Any

from playground.slack.chat import written
from playground.slack.posting import Refused, blame, weigh
from playground.slack.records import Hook, Message
from playground.slack.rules import Rule
from playground.slack.state import HOOK_SECONDS, HOOK_USES, State

WHERE = "response_url"
_PUBLIC = "in_channel"


def used(state: State, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Take what was posted: the status and the JSON that Slack answers."""
    hook = state.hooks.get(name)
    if hook is None:
        return 404, {"ok": False, "error": "no_such_url"}
    try:
        _age(state, hook)
    except Refused as refused:
        return 404, {"ok": False, "error": refused.error}
    content = read(body)
    if content is None:
        return 400, {"ok": False, "error": "invalid_payload"}
    try:
        respond(state, hook, content, WHERE)
    except Refused as refused:
        return 200, {"ok": False, "error": refused.error}
    return 200, {"ok": True}


def read(body: bytes) -> dict[str, Any] | None:
    """What was posted; None when it is no object."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def respond(state: State, hook: Hook, content: dict[str, Any], via: str) -> None:
    """Show a message to the person of the hook, or to its channel; raises Refused when Slack would not."""
    before = state.messages.get(hook.source or hook.posted or ("", ""))
    if content.get("delete_original"):
        if before:
            state.update(before, hook.id, deleted=True)
        return
    replaces = before if before and not before.deleted and content.get("replace_original") else None
    public = content.get("response_type") == _PUBLIC if replaces is None else not replaces.ephemeral_to
    _privacy(state, via, content, public=public)
    weigh(state, via, content, public=public)
    if replaces:
        _replace(state, hook, replaces, content)
    else:
        _post(state, hook, content, via, public=public)


def _age(state: State, hook: Hook) -> None:
    hook.uses += 1
    if state.clock() - hook.born > HOOK_SECONDS:
        blame(state, WHERE, Rule.RESPONSE_URL, "used after 30 minutes", "expired_url")
    if hook.uses > HOOK_USES:
        blame(state, WHERE, Rule.RESPONSE_URL, f"used {hook.uses} times (5 at most)", "used_url")


def _privacy(state: State, via: str, content: dict[str, Any], *, public: bool) -> None:
    if public:
        return
    if content.get("files") or content.get("file_ids"):
        blame(state, via, Rule.EPHEMERAL, "a file on an ephemeral message", "invalid_arguments")
    if content.get("response_type") == _PUBLIC:
        blame(state, via, Rule.EPHEMERAL, "an ephemeral message never becomes public: post a new one")


def _replace(state: State, hook: Hook, before: Message, content: dict[str, Any]) -> None:
    text, blocks = content.get("text") or "", tuple(content.get("blocks") or ())
    state.update(before, hook.id, text=text, blocks=blocks, edited=True)


def _post(state: State, hook: Hook, content: dict[str, Any], via: str, *, public: bool) -> None:
    message = written(
        state,
        hook.channel,
        via,
        content,
        ephemeral_to=None if public else hook.user,
        thread_ts=content.get("thread_ts") or hook.thread,
    )
    hook.posted = message.key
    state.post(message, hook.id)
