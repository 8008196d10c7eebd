"""The views.* methods, and what a submission's answer does to the views of a person."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from playground.slack import forms, objects
from playground.slack.posting import Refused, blame, weigh_view
from playground.slack.records import Person, View
from playground.slack.rules import Rule
from playground.slack.state import TRIGGER_SECONDS, State, new_id

Args = Mapping[str, Any]
Reply = dict[str, Any]
DEPTH = 3


def opened(state: State, args: Args) -> Reply:
    """views.open: a modal in place of all that this person has open."""
    return _new(state, "views.open", args, keep=False)


def pushed(state: State, args: Args) -> Reply:
    """views.push: a modal on top of the others, three at most."""
    return _new(state, "views.push", args, keep=True)


def _new(state: State, where: str, args: Args, *, keep: bool) -> Reply:
    person = exchanged(state, where, args.get("trigger_id"))
    weigh_view(state, where, args.get("view"))
    if args["view"]["type"] != "modal":
        raise Refused("invalid_arguments", "[ERROR] only a modal is opened; a home is published")
    return {"view": objects.view(state, stack(state, person, args["view"], keep=keep))}


def exchanged(state: State, where: str, name: Any) -> Person:
    """The person of a trigger_id, which is spent by it."""
    trigger = state.triggers.get(str(name))
    if trigger is None:
        blame(state, where, Rule.TRIGGER, "an invented trigger_id", "invalid_arguments")
        raise Refused("invalid_arguments")
    if trigger.used:
        blame(state, where, Rule.TRIGGER, "a trigger_id used twice", "exchanged_trigger_id")
    if state.clock() - trigger.born > TRIGGER_SECONDS:
        blame(state, where, Rule.TRIGGER, "a trigger_id used after 3 s", "expired_trigger_id")
    trigger.used = True
    return state.people[trigger.user]


def stack(state: State, person: Person, content: dict[str, Any], *, keep: bool) -> View:
    """Show a modal on top (`keep`) or alone."""
    below = state.stacks.get(person.id, []) if keep else []
    if len(below) >= DEPTH:
        raise Refused("push_limit_reached")
    name = new_id("V")
    view = View(
        name,
        person.id,
        content,
        _hash(),
        below[0] if below else name,
        below[-1] if below else None,
        forms.state(content),
    )
    state.stacks[person.id] = [*below, name]
    return state.show(view)


def updated(state: State, args: Args) -> Reply:
    """views.update: by view_id or external_id; with a hash, only when nothing changed meanwhile."""
    weigh_view(state, "views.update", args.get("view"))
    view = _found(state, args)
    if args.get("hash") not in (None, view.hash):
        raise Refused("hash_conflict")
    return {"view": objects.view(state, change(state, view, args["view"]))}


def _found(state: State, args: Args) -> View:
    open_now = {name for names in state.stacks.values() for name in names} | set(state.homes.values())
    for name in open_now:
        view = state.views[name]
        external = args.get("external_id")
        if name == args.get("view_id") or (external and view.content.get("external_id") == external):
            return view
    raise Refused("not_found")


def change(state: State, view: View, content: dict[str, Any]) -> View:
    """Other content in the same view; what was filled in stays where the field stays."""
    filled = forms.kept(forms.state(content), view.state)
    return state.show(replace(view, content=content, hash=_hash(), state=filled))


def published(state: State, args: Args) -> Reply:
    """views.publish: the home of one person."""
    weigh_view(state, "views.publish", args.get("view"))
    content, user = args["view"], args.get("user_id")
    if content["type"] != "home" or user not in state.people:
        raise Refused("invalid_arguments")
    before = state.views.get(state.homes.get(str(user), ""))
    if before and args.get("hash") not in (None, before.hash):
        raise Refused("hash_conflict")
    name = before.id if before else new_id("V")
    state.homes[str(user)] = name
    return {
        "view": objects.view(
            state, state.show(View(name, str(user), content, _hash(), name, state=forms.state(content)))
        )
    }


def close(state: State, view: View, *, everything: bool = False) -> None:
    """Close this view, or all of that person."""
    left = [] if everything else [name for name in state.stacks.get(view.user, []) if name != view.id]
    state.close(view, left)


def submitted(state: State, view: View, answer: dict[str, Any]) -> dict[str, str]:
    """Do what a view_submission was answered with; the errors to show, if any."""
    where, action = "view_submission", answer.get("response_action")
    if action is None or action == "clear":
        close(state, view, everything=action == "clear")
        return {}
    if action == "errors":
        return _errors(state, view, answer.get("errors"))
    if action not in ("update", "push"):
        blame(state, where, Rule.ACK, f"no response_action {action!r:.40}", "invalid_arguments")
    weigh_view(state, where, answer.get("view"))
    if action == "push":
        stack(state, state.people[view.user], answer["view"], keep=True)
    else:
        change(state, view, answer["view"])
    return {}


def _errors(state: State, view: View, errors: Any) -> dict[str, str]:
    inputs = {b["block_id"] for b in objects.named(view.blocks) if b["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        blame(
            state,
            "view_submission",
            Rule.ACK,
            f"errors for fields that are not there: {errors!r:.80}",
            "invalid_arguments",
        )
    return {str(name): str(sentence) for name, sentence in errors.items()}


def _hash() -> str:
    return secrets.token_hex(8)
