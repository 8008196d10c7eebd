"""The views.* methods, and what a submission's answer does to the views of a person."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from playground.slack import forms, objects
from playground.slack.posting import Refused, blame, weigh_view
from playground.slack.records import Person, View
from playground.slack.rules import Rule
from playground.slack.state import TRIGGER_SECONDS, World, new_id

Args = Mapping[str, Any]
Reply = dict[str, Any]
DEPTH = 3


def opened(world: World, args: Args) -> Reply:
    """views.open: a modal in place of all that this person has open."""
    return _new(world, "views.open", args, keep=False)


def pushed(world: World, args: Args) -> Reply:
    """views.push: a modal on top of the others, three at most."""
    return _new(world, "views.push", args, keep=True)


def _new(world: World, where: str, args: Args, *, keep: bool) -> Reply:
    person = exchanged(world, where, args.get("trigger_id"))
    weigh_view(world, where, args.get("view"))
    if args["view"]["type"] != "modal":
        raise Refused("invalid_arguments", "[ERROR] only a modal is opened; a home is published")
    return {"view": objects.view(stack(world, person, args["view"], keep=keep))}


def exchanged(world: World, where: str, name: Any) -> Person:
    """The person of a trigger_id, which is spent by it."""
    trigger = world.triggers.get(str(name))
    if trigger is None:
        blame(world, where, Rule.TRIGGER, "an invented trigger_id", "invalid_arguments")
        raise Refused("invalid_arguments")
    if trigger.used:
        blame(world, where, Rule.TRIGGER, "a trigger_id used twice", "exchanged_trigger_id")
    if world.clock() - trigger.born > TRIGGER_SECONDS:
        blame(world, where, Rule.TRIGGER, "a trigger_id used after 3 s", "expired_trigger_id")
    trigger.used = True
    return world.people[trigger.user]


def stack(world: World, person: Person, content: dict[str, Any], *, keep: bool) -> View:
    """Show a modal on top (`keep`) or alone."""
    below = world.stacks.get(person.id, []) if keep else []
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
    world.stacks[person.id] = [*below, name]
    return world.show(view)


def updated(world: World, args: Args) -> Reply:
    """views.update: by view_id or external_id; with a hash, only when nothing changed meanwhile."""
    weigh_view(world, "views.update", args.get("view"))
    view = _found(world, args)
    if args.get("hash") not in (None, view.hash):
        raise Refused("hash_conflict")
    return {"view": objects.view(change(world, view, args["view"]))}


def _found(world: World, args: Args) -> View:
    open_now = {name for names in world.stacks.values() for name in names} | set(world.homes.values())
    for name in open_now:
        view = world.views[name]
        external = args.get("external_id")
        if name == args.get("view_id") or (external and view.content.get("external_id") == external):
            return view
    raise Refused("not_found")


def change(world: World, view: View, content: dict[str, Any]) -> View:
    """Other content in the same view; what was filled in stays where the field stays."""
    state = forms.kept(forms.state(content), view.state)
    return world.show(replace(view, content=content, hash=_hash(), state=state))


def published(world: World, args: Args) -> Reply:
    """views.publish: the home of one person."""
    weigh_view(world, "views.publish", args.get("view"))
    content, user = args["view"], args.get("user_id")
    if content["type"] != "home" or user not in world.people:
        raise Refused("invalid_arguments")
    before = world.views.get(world.homes.get(str(user), ""))
    if before and args.get("hash") not in (None, before.hash):
        raise Refused("hash_conflict")
    name = before.id if before else new_id("V")
    world.homes[str(user)] = name
    return {
        "view": objects.view(
            world.show(View(name, str(user), content, _hash(), name, state=forms.state(content)))
        )
    }


def close(world: World, view: View, *, everything: bool = False) -> None:
    """Close this view, or all of that person."""
    left = [] if everything else [name for name in world.stacks.get(view.user, []) if name != view.id]
    world.close(view, left)


def answered(world: World, view: View, answer: dict[str, Any]) -> dict[str, str]:
    """Do what a view_submission was answered with; the errors to show, if any."""
    where, action = "view_submission", answer.get("response_action")
    if action is None or action == "clear":
        close(world, view, everything=action == "clear")
        return {}
    if action == "errors":
        return _errors(world, view, answer.get("errors"))
    if action not in ("update", "push"):
        blame(world, where, Rule.ACK, f"no response_action {action!r:.40}", "invalid_arguments")
    weigh_view(world, where, answer.get("view"))
    if action == "push":
        stack(world, world.people[view.user], answer["view"], keep=True)
    else:
        change(world, view, answer["view"])
    return {}


def _errors(world: World, view: View, errors: Any) -> dict[str, str]:
    inputs = {b["block_id"] for b in objects.named(view.blocks) if b["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        blame(
            world,
            "view_submission",
            Rule.ACK,
            f"errors for fields that are not there: {errors!r:.80}",
            "invalid_arguments",
        )
    return {str(name): str(sentence) for name, sentence in errors.items()}


def _hash() -> str:
    return secrets.token_hex(8)
