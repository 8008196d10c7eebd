"""Submitted modals: the form, the login for a server, and a channel's settings, with what their fields ask for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.views import View

from handlers import parser, payloads
from handlers.admission import accept, effective_settings
from handlers.case import StoreDown
from handlers.commands import BadNumber, LookupCommand, Options, TooLong, TooMany, UsageError
from handlers.deps import ListenerDeps
from handlers.files import file_lookups, user_key
from handlers.instances import in_form
from handlers.listeners.commands import command_request, head
from handlers.open_modals import Refused, modal_head, needing_login, prefill
from handlers.payloads import ModalSubmission
from handlers.request import (
    Answers,
    ChangeSettingsRequest,
    ChannelSettings,
    Detail,
    EntryPoint,
    FormModal,
    LoginModal,
    LookupRequest,
    Modal,
    Origin,
    SettingsModal,
    Uploads,
    Verb,
)
from handlers.text import about as about_text
from handlers.text import channels as channels_text
from handlers.text import errors as errors_text
from handlers.text import files as files_text
from handlers.text import usage as usage_text
from handlers.text.language import localized
from handlers.views.form import login_form
from handlers.views.rich_text import rendered_view
from vt import errors
from vt.actions import ACTIONS, BY_KEY, FILE
from vt.evidence import MAX_EVIDENCE_DAYS, HostRule, Thresholds
from vt.indicators import Indicator

T = TypeVar("T")

NUMBERS = {"threshold": "threshold", "rescan": "rescan-after-days"}
"""Fields with a number, and the option of the command that each stands for."""


@dataclass(eq=False)
class InvalidField(Exception):
    """A field holds something that cannot be used. `field` is its name, `usage_error` says what is wrong."""

    field: str
    usage_error: UsageError


async def find_modal(modal_id: str, team: str, user: str, deps: ListenerDeps) -> Modal | None:
    """What a modal is for; None if it is no longer stored or was opened by somebody else. Raises StoreDown."""
    modal = await deps.modals.modal(modal_id)
    owner = modal and (modal.origin.team, modal.origin.user)
    return modal if owner == (team, user) else None


async def handle_form(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """Store the form's request. Otherwise mark the field that is wrong, or ask for a login that is needed too."""
    submission = payloads.modal_submission(body)
    field = "found" if "found" in submission.values else "values"
    try:
        login = await _submit_form(submission, deps)
    except StoreDown:
        await _refuse(ack, {field: about_text.CANNOT_TAKE})
    except InvalidField as invalid:
        await _refuse(ack, {invalid.field: usage_text.usage_error(invalid.usage_error)})
    except Refused as refused:
        await _refuse(ack, {field: refused.sentence})
    else:
        if login:
            await ack(response_action="push", view=rendered_view(login))
        else:
            await ack()


async def _refuse(ack: AsyncAck, problems: Mapping[str, str]) -> None:
    """Mark fields with what is wrong, by their names."""
    await ack(response_action="errors", errors=localized(problems))


async def _submit_form(submission: ModalSubmission, deps: ListenerDeps) -> View | None:
    """Returns the login form to open on top of this one, if a login is needed. Raises StoreDown, InvalidField, Refused."""
    modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    if not isinstance(modal, FormModal):
        raise Refused(usage_text.FORM_GONE)
    thresholds, _ = await effective_settings(modal.origin, deps.channel_settings, deps.thresholds)
    submission, modal = in_form(submission, modal, deps.instances)
    wanted = form_command(submission, modal, thresholds)
    if needing_login(wanted.lookups, deps):
        try:
            return await _stacked_login_form(modal, wanted, deps)
        except TooLong as usage_error:
            raise InvalidField("path", usage_error) from None
    origin = _answer_origin(modal.origin, share=wanted.share)
    request = command_request(wanted, head(f"{wanted.verb}:{modal.id}", origin, deps))
    if problem := await accept(request, deps):
        raise Refused(problem)
    return None


async def _stacked_login_form(below: FormModal, wanted: LookupCommand, deps: ListenerDeps) -> View:
    """The form to be pushed over another form in which a server was named; both together become one request.

    Raises StoreDown, TooLong.
    """
    files = needing_login(wanted.lookups, deps)
    prefilled = prefill(files, share=wanted.share)
    others = tuple(one for one in wanted.lookups if one not in files)
    delivery = f"login:{below.id}:{deps.new_id()}"
    new = modal_head(delivery, below.origin, deps, entry_point=EntryPoint.FORM)
    modal = LoginModal(**new, lookups=others, people=wanted.people)
    await deps.modals.keep(modal)
    return login_form(modal.id, prefilled)


def _answer_origin(origin: Origin, *, share: bool) -> Origin:
    """Where the answer to a form goes: without a response_url to the direct messages, unless it is to be shared.

    A message that the bot posts in a channel is seen by all of it.
    """
    if share or origin.response_url is not None:
        return origin
    return origin.model_copy(update={"channel": origin.user, "thread": None})


async def handle_settings(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """Store the request to change the settings, or mark the field that is wrong."""
    if problems := await _submit_settings(payloads.modal_submission(body), deps):
        await _refuse(ack, problems)
    else:
        await ack()


async def _submit_settings(submission: ModalSubmission, deps: ListenerDeps) -> dict[str, str]:
    """Returns sentences by field."""
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    except StoreDown:
        return {"answers": about_text.CANNOT_TAKE}
    if not isinstance(modal, SettingsModal):
        return {"answers": usage_text.FORM_GONE}
    try:
        wanted = channel_settings(submission)
    except InvalidField as invalid:
        return {invalid.field: usage_text.usage_error(invalid.usage_error)}
    changing = head(f"{Verb.CHANGE_SETTINGS}:{modal.id}", modal.origin, deps)
    problem = await accept(ChangeSettingsRequest(**changing, settings=wanted), deps)
    return {"answers": problem} if problem else {}


async def handle_login(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """The form was sent: hold the login in memory, store everything else as a request, or show errors at the fields."""
    wrong = await _submit_login(payloads.modal_submission(body), deps)
    if wrong:
        await _refuse(ack, wrong)
    else:
        # Closes a form below this one too.
        await ack(response_action="clear")


async def _submit_login(submission: ModalSubmission, deps: ListenerDeps) -> dict[str, str]:
    """Returns the sentences to show, by field."""
    if deps.logins is None:
        return {"address": files_text.LOGINS_OFF.to(deps.audience)}
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
        if not isinstance(modal, LoginModal):
            return {"address": files_text.LOGIN_GONE}
        thresholds, _ = await effective_settings(modal.origin, deps.channel_settings, deps.thresholds)
        return await _keep(submission, modal, thresholds, deps)
    except StoreDown:
        return {"address": about_text.CANNOT_TAKE}
    except InvalidField as invalid:
        return {invalid.field: usage_text.usage_error(invalid.usage_error)}
    except errors.HostUnknown as fault:
        return {"address": errors_text.error(fault, deps.audience)}


async def _keep(
    submission: ModalSubmission, modal: LoginModal, thresholds: Thresholds, deps: ListenerDeps
) -> dict[str, str]:
    """Hold the login and store the request. Returns the sentences to show, by field. Raises InvalidField, HostUnknown."""
    assert deps.logins is not None  # noqa: S101 - checked by the caller
    typed, paths = read_field("paths", lambda: parser.parse_file_options(submission.text("paths")))
    options = form_options(submission).with_typed(typed)
    files = read_field("paths", lambda: parser.parse_values(FILE, paths, options, thresholds)).lookups
    password = SecretStr(submission.text("password"))
    owner = user_key(modal.origin)
    place = deps.logins.keep(submission.text("address"), submission.text("user"), password, owner)
    origin = _answer_origin(modal.origin, share=options.share)
    request = LookupRequest(
        **head(f"{modal.verb}:{modal.id}", origin, deps),
        lookups=(*modal.lookups, *(file.evolve(place=place) for file in files)),
        people=modal.people,
        share=options.share,
    )
    trouble = await accept(request, deps)
    if trouble:
        deps.logins.forget(place)
        return {"address": trouble}
    return {}


# What a form asks for ------------------------------------------------------------------------------------------------


def form_command(submission: ModalSubmission, modal: FormModal, thresholds: Thresholds) -> LookupCommand:
    """What the form asks for: values, attached files and paths, all with the same options. Raises InvalidField."""
    action = BY_KEY.get(str(submission.value("action")))
    text = parser.with_hyphens(submission.text("values"))
    # Options that were typed among the values count like those of a command: nothing is dropped in silence.
    written, typed = read_field(
        "values", lambda: parser.parse_options(text, strict=action is not None, pasted=modal.text)
    )
    of_path, path = read_field("path", lambda: parser.parse_file_options(submission.text("path")))
    options = form_options(submission).with_typed(of_path).with_typed(written)
    read_field("rescan", lambda: parser.check_options(action, options))
    threshold = options.threshold or thresholds.of(FILE)
    files = (
        *(file.evolve(threshold=threshold) for file in modal.lookups),
        *file_lookups(submission.value("files"), threshold),
    )
    commands = [LookupCommand(files, share=options.share, fresh=options.fresh)] if files else []
    if path or (action is FILE and not typed and not files):
        commands.append(read_field("path", lambda: parser.parse_values(FILE, path, options, thresholds)))
    if modal.found:
        found = _selected(submission, modal)
        commands.append(read_field("found", lambda: parser.with_action(action, found, options, thresholds)))
    elif typed or not commands:
        commands.append(read_field("values", lambda: parser.parse_values(action, typed, options, thresholds)))
    return _joined(commands, "found" if modal.found else "path")


def _joined(commands: Sequence[LookupCommand], field: str) -> LookupCommand:
    """One command with the lookups of all. `field` is blamed when there are too many."""
    lookups = tuple(lookup for command in commands for lookup in command.lookups)
    if len(lookups) > parser.MOST_VALUES:
        raise InvalidField(field, TooMany(len(lookups), parser.MOST_VALUES))
    return replace(commands[-1], lookups=lookups)


def _selected(submission: ModalSubmission, modal: FormModal) -> list[Indicator]:
    """The indicators that were selected, by their index in the modal. An index that was never offered is ignored."""
    offered = {str(index): one for index, one in enumerate(modal.found)}
    indexes = submission.value("found") or []
    found = [offered[index] for index in indexes if index in offered]
    return [Indicator(one.kind, one.value, one.written) for one in found]


def form_options(submission: ModalSubmission) -> Options:
    """The options in a form's fields. Raises InvalidField."""
    host = read_field("host", lambda: parser.parse_host(submission.text("host"))) or None
    return Options(
        threshold=_number(submission, "threshold"),
        rescan_after_days=_number(submission, "rescan"),
        share=submission.value("answer") == "share",
        host=host,
    )


def _number(submission: ModalSubmission, name: str) -> int | None:
    text = submission.text(name)
    return read_field(name, lambda: parser.parse_number(NUMBERS[name], text)) if text else None


# What the settings are to be --------------------------------------------------------------------------------------------


def channel_settings(submission: ModalSubmission) -> ChannelSettings:
    """The settings in the modal's fields. A choice that was never offered becomes the default. Raises InvalidField."""
    counts = {one.key: str(count) for one in ACTIONS if (count := submission.value(one.key))}
    thresholds = {
        key: read_field(key, partial(parser.parse_number, "threshold", n)) for key, n in counts.items()
    }
    rule = str(submission.value("host-rule"))
    return ChannelSettings(
        thresholds=thresholds,
        host_rule=HostRule(rule) if rule in set(HostRule) else None,
        evidence_days=_evidence_days(submission.text("evidence-days")),
        answers=Answers(_choice(submission, "answers", channels_text.ANSWER_WAYS)),
        detail=Detail(_choice(submission, "detail", channels_text.DETAIL_WAYS)),
        uploads=Uploads(_choice(submission, "uploads", files_text.UPLOAD_WAYS)),
        instance=str(submission.value("instance") or "").removeprefix(channels_text.AS_SET),
        language=_choice(submission, "language", channels_text.LANGUAGES).removeprefix(channels_text.AS_SET),
    )


def _evidence_days(text: str) -> int | None:
    if re.fullmatch("[0-9]{0,5}", text) and int(text or 0) <= MAX_EVIDENCE_DAYS:
        return int(text) if text else None
    raise InvalidField("evidence-days", BadNumber(channels_text.DAYS, text, 0, MAX_EVIDENCE_DAYS))


def _choice(submission: ModalSubmission, name: str, offered: Mapping[str, str]) -> str:
    return value if (value := str(submission.value(name))) in offered else next(iter(offered))


def read_field(name: str, read: Callable[[], T]) -> T:
    """The result of `read`; its UsageError is reported at the field of that name. Raises InvalidField."""
    try:
        return read()
    except UsageError as usage_error:
        raise InvalidField(name, usage_error) from None
