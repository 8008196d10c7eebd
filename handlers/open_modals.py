"""Opening modals within the three seconds of a trigger_id, and the requests of the jobs that fill some of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict, assert_never

from slack_sdk.errors import SlackClientError
from slack_sdk.models.views import View

from handlers.admission import accept, denial, effective_settings
from handlers.case import StoreDown
from handlers.commands import LookupCommand, TooLong
from handlers.deps import ListenerDeps
from handlers.instances import usable
from handlers.payloads import ButtonClick
from handlers.request import (
    AnswerModal,
    Answers,
    EntryPoint,
    FilledModal,
    FormModal,
    FormRequest,
    Found,
    LoginModal,
    Modal,
    ModalRequest,
    Origin,
    SettingsModal,
    SettingsRequest,
    Verb,
)
from handlers.text import about as about_text
from handlers.text import files as files_text
from handlers.text import modals as modals_text
from handlers.text import usage as usage_text
from handlers.views import form, layout
from handlers.views.form import FIELD_CHARACTERS, Prefilled, login_form
from handlers.views.rich_text import rendered_view
from vt.files.hosts import HOST
from vt.indicators import Indicator
from vt.lookup import Lookup

AnswerVerb = Literal[Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.RESCAN_COST]


class Head(TypedDict):
    """The fields that every request has, as its constructor takes them: `HomeRequest(**given, check_key=True)`."""

    id: str
    delivery: str
    at: datetime
    origin: Origin


class NotOpened(Exception):
    """Slack did not open it, usually because the three seconds were over."""


@dataclass(eq=False)
class Refused(Exception):
    """It may not be opened or submitted now; `sentence` is what to tell the user."""

    sentence: str


async def open_modal(modal: Modal, view: View, trigger_id: str, deps: ListenerDeps) -> str:
    """Store what a modal is for, and open it. Raises NotOpened, Refused.

    Returns Slack's id of it, or "" for a repeated delivery, which opened it the first time.
    """
    try:
        if denied := await denial(modal.origin, deps.directory, deps.policy):
            await deps.store.refuse(modal, denied.value)  # only this is stored: there is no request yet
            raise Refused(about_text.denied(denied, deps.audience))
        if not await deps.modals.keep(modal):
            return ""
        opened = await deps.slack.views_open(trigger_id=trigger_id, view=rendered_view(view))
    except StoreDown:
        raise Refused(about_text.CANNOT_TAKE) from None
    except SlackClientError as error:
        raise NotOpened from error
    return str(opened["view"]["id"])


def modal_head(delivery: str, origin: Origin, deps: ListenerDeps, **changes: Any) -> Head:
    """The head of a modal. The response_url of its origin is as old as the modal is, not as the request made from it."""
    now = deps.clock()
    origin = origin.model_copy(update={"since": now, **changes})
    return Head(id=deps.new_id(), delivery=delivery, at=now, origin=origin)


def _request_head(modal: Modal, deps: ListenerDeps) -> Head:
    """The head of the request that opening a modal makes."""
    return Head(id=deps.new_id(), delivery=f"{modal.verb}:{modal.id}", at=deps.clock(), origin=modal.origin)


# The form ------------------------------------------------------------------------------------------------


async def open_form(
    origin: Origin,
    trigger_id: str,
    deps: ListenerDeps,
    *,
    typed: str = "",
    found: Sequence[Indicator] = (),
    files: tuple[Lookup, ...] = (),
    notice: str = "",
) -> str:
    """Open the form with that text, or with indicators to select from. Returns what to tell the user, or "".

    `origin`: who opens it, and where its answer goes; a user's id as its channel means their direct messages.
    `files`: attached files, which are looked up with what is filled in. `notice`: a sentence above the fields.
    """
    modal = FormModal(
        **modal_head(f"form:{trigger_id}", origin, deps, entry_point=EntryPoint.FORM),
        text=typed,
        found=tuple(Found(kind=one.kind, value=one.value, written=one.written) for one in found),
        lookups=files,
    )
    return await _open_form(modal, trigger_id, deps, notice)


async def reopen_form(modal: FormModal, trigger_id: str, deps: ListenerDeps) -> str:
    """Open the form again with what it had. Returns what to tell the user, or ""."""
    again = modal_head(f"form:{trigger_id}", modal.origin, deps, entry_point=EntryPoint.FORM)
    return await _open_form(modal.model_copy(update=dict(again)), trigger_id, deps)


async def _open_form(modal: FormModal, trigger_id: str, deps: ListenerDeps, notice: str = "") -> str:
    """When Slack's three seconds are over, a job offers to open it again."""
    try:
        _, settings = await effective_settings(modal.origin, deps.channel_settings, deps.thresholds)
        offered = await usable(modal.origin, deps) if len(deps.instances) > 1 else ()
        share = settings.answers is Answers.CHANNEL
        view = form.form(modal, share=share, notice=notice, instances=offered)
        await open_modal(modal, view, trigger_id, deps)
    except StoreDown:
        return about_text.CANNOT_TAKE
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        offer = FormRequest(**_request_head(modal, deps), modal=modal.id)
        return await accept(offer, deps)
    return ""


# The login ---------------------------------------------------------------------------------------------


def needing_login(lookups: Iterable[Lookup], deps: ListenerDeps) -> list[Lookup]:
    """The files of servers for which people may type a login, and have to."""
    on_hosts = [one for one in lookups if one.place.startswith(f"{HOST}:")]
    return [one for one in on_hosts if deps.logins and deps.logins.wanted(one.place.removeprefix(f"{HOST}:"))]


async def open_login_if_needed(
    wanted: LookupCommand, origin: Origin, trigger_id: str, deps: ListenerDeps
) -> str | None:
    """Open the form if files need a login. Returns what to tell the person ("" for nothing), None if no login is needed."""
    files = needing_login(wanted.lookups, deps)
    if not files:
        return None
    try:
        prefilled = prefill(files, share=wanted.share)
    except TooLong as usage_error:
        return usage_text.usage_error(usage_error)
    return await open_login_form(prefilled, origin, trigger_id, deps)


def prefill(files: Sequence[Lookup], *, share: bool) -> Prefilled:
    """What was asked before it turned out that a login is needed: files of one server. Raises TooLong."""
    paths = ", ".join(file.input for file in files)
    # Slack would cut a longer text, and half of a path is another path.
    if len(paths) > FIELD_CHARACTERS:
        raise TooLong(FIELD_CHARACTERS)
    return Prefilled(files[0].place.removeprefix(f"{HOST}:"), paths, files[0].threshold, share)


async def open_login_form(prefilled: Prefilled, origin: Origin, trigger_id: str, deps: ListenerDeps) -> str:
    """Open the form. Returns what to tell the person: "" for nothing."""
    modal = LoginModal(**modal_head(f"login:{trigger_id}", origin, deps, entry_point=EntryPoint.FORM))
    try:
        await open_modal(modal, login_form(modal.id, prefilled), trigger_id, deps)
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        return files_text.LOGIN_NOT_OPENED
    return ""


# Modals that a job fills ---------------------------------------------------------------------------------


async def open_details(verb: AnswerVerb, about: str, click: ButtonClick, deps: ListenerDeps) -> str:
    """Open a modal about the answer with the id `about`. Returns what to tell the user, or ""."""
    new = modal_head(f"{verb}:{click.trigger_id}", click.origin, deps)
    return await _open_filled(AnswerModal(**new, verb=verb, about=about), click.trigger_id, deps)


async def open_settings(origin: Origin, trigger_id: str, deps: ListenerDeps) -> str:
    """Open the settings of the channel in `origin`. Returns what to tell the user, or ""."""
    modal = SettingsModal(**modal_head(f"{Verb.SETTINGS}:{trigger_id}", origin, deps))
    return await _open_filled(modal, trigger_id, deps)


async def _open_filled(modal: FilledModal, trigger_id: str, deps: ListenerDeps) -> str:
    """Open it with a sentence about waiting, and store the request whose job fills it."""
    try:
        view_id = await open_modal(modal, sentence(modal, modals_text.WAITING[modal.verb]), trigger_id, deps)
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        return modals_text.TOO_LATE
    if view_id:
        filling = request_for(modal, view_id, _request_head(modal, deps))
        await show_problem(modal, view_id, await accept(filling, deps), deps)
    return ""


def request_for(
    modal: FilledModal, view_id: str, given: Head, part: str = ""
) -> ModalRequest | SettingsRequest:
    """The request to fill a modal. `part`: of a modal about an answer."""
    match modal:
        case AnswerModal():
            return ModalRequest(
                **given, verb=modal.verb, about=modal.about, view=view_id, modal=modal.id, part=part
            )
        case SettingsModal():
            return SettingsRequest(**given, view=view_id, modal=modal.id)
        case _:
            assert_never(modal)


async def show_problem(modal: FilledModal, view_id: str, problem: str, deps: ListenerDeps) -> None:
    """Show a sentence instead of the content, unless it is ""."""
    if not problem:
        return
    try:
        await deps.slack.views_update(view_id=view_id, view=rendered_view(sentence(modal, problem)))
    except SlackClientError:
        return


def sentence(modal: FilledModal, said: str) -> View:
    """The modal with nothing but a sentence."""
    return layout.sentence(modals_text.TITLES[modal.verb], modal.id, modal.verb, said)
