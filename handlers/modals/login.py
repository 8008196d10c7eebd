"""A login for a Linux server that someone types into a form, for one request: the password is held in memory alone."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.blocks import InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

from handlers import text
from handlers.deps import Deps, Origin, StoreDown, Verb
from handlers.intake import take
from handlers.modals import Modal, opening
from handlers.modals.opening import NotOpened, Refused
from handlers.parser import Misuse, Options, chosen
from handlers.request import Case, Way
from handlers.text import file_words as words
from vt import errors
from vt.actions import FILE
from vt.files.places import LOGIN
from vt.lookup import Lookup, Step

CALLBACK = "login"
FIELDS = ("address", "user", "password", "paths")
HANDED_ON = timedelta(seconds=10)
"""How long the process that holds a login is looked for, where there are several."""


def form(modal: Modal, server: str, paths: str) -> View:
    """The documented three parameters, and the files."""
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=words.LOGIN_TITLE,
        submit=words.LOGIN_SUBMIT,
        close=words.LOGIN_CLOSE,
        blocks=[
            _field("address", words.ADDRESS, server),
            _field("user", words.USER),
            _field("password", words.PASSWORD, hint=words.PASSWORD_HINT),
            _field("paths", words.PATHS, paths, hint=words.PATHS_HINT),
        ],
    )


def _field(name: str, label: str, value: str = "", hint: str = "") -> InputBlock:
    element = PlainTextInputElement(action_id=name, initial_value=value[:3000] or None, max_length=3000)
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None)


async def asked_for(lookups: Iterable[Lookup], origin: Origin, trigger_id: str, deps: Deps) -> str | None:
    """Open the form when these files need a login that nobody has typed. Returns what to tell, None: no need."""
    files = list(lookups)
    server = files[0].place.removeprefix("host:") if files and files[0].place.startswith("host:") else ""
    if not server or not deps.logins or not deps.logins.wanted(server):
        return None
    return await open_form(server, ", ".join(file.asked for file in files), origin, trigger_id, deps)


async def open_form(server: str, paths: str, origin: Origin, trigger_id: str, deps: Deps) -> str:
    """Open the form with what is known. Returns what to tell: "" when nothing."""
    modal = opening.new(
        Verb.LOOK_UP, f"login:{trigger_id}", origin.model_copy(update={"way": Way.FORM}), deps
    )
    try:
        await opening.opened(modal, form(modal, server, paths), trigger_id, deps)
    except Refused as refused:
        return str(refused)
    except NotOpened:
        return words.LOGIN_NOT_OPENED
    return ""


async def submitted(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], deps: Deps) -> None:
    """The form was sent: the login is held, everything else is kept as a request."""
    wrong = await _submit(body, view, deps)
    if wrong:
        await ack(response_action="errors", errors=wrong)
    else:
        await ack()


async def _submit(body: dict[str, Any], view: dict[str, Any], deps: Deps) -> dict[str, str]:
    """Returns field -> sentence."""
    if deps.logins is None:
        return {"address": words.LOGINS_OFF}
    try:
        modal = await opening.mine(body, view["private_metadata"], deps)
    except StoreDown:
        return {"address": text.CANNOT_TAKE}
    if modal is None:
        return {"address": words.LOGIN_GONE}
    values = {name: str(view["state"]["values"][name][name].get("value") or "").strip() for name in FIELDS}
    try:
        files = chosen(FILE, values["paths"], Options(), deps.thresholds).lookups
        place = deps.logins.keep(values["address"], values["user"], SecretStr(values["password"]))
    except Misuse as misuse:
        return {"paths": text.misuse(misuse)}
    except errors.HostUnknown as fault:
        return {"address": text.error(fault)}
    request = opening.request(modal, deps, lookups=tuple(file.but(place=place) for file in files))
    trouble = await take(request, deps)
    if trouble:
        deps.logins.forget(place)
    return {"address": trouble} if trouble else {}


def elsewhere(case: Case, lookups: Iterable[Lookup], deps: Deps) -> datetime | None:
    """When to try again, since another process may hold the login; None: now is as good as ever."""
    places = {one.place for one in lookups if one.place.startswith(f"{LOGIN}:") and _needs_file(one)}
    held = deps.logins is not None and all(map(deps.logins.holds, places))
    if not places or held or deps.clock() - case.request.at > HANDED_ON:
        return None
    # Not in step with the others, or the same one would always be the first.
    return deps.clock() + timedelta(seconds=random.uniform(0.1, 0.7))  # noqa: S311 - no secret


def _needs_file(lookup: Lookup) -> bool:
    return lookup.step in (Step.ASK, Step.UPLOAD) and (not lookup.value or bool(lookup.agreed))
