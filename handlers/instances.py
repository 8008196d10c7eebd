"""The instances of VirusTotal, each with a key of its own: which one answers a request, and who may use which.

There are none to choose from (an empty mapping) as long as there is only VT_API_KEY's.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from handlers.admission import in_listed
from handlers.case import Case
from handlers.commands import UnknownOption, UsageError, looks_pasted, nearest
from handlers.deps import InfoDeps, Instance, ListenerDeps, PostingDeps, SettingsDeps, WatchDeps
from handlers.event_payloads import AddressedMessage
from handlers.payloads import ModalSubmission, SlashCommand
from handlers.people import (
    InstanceForbidden,
    InstanceRemoved,
    InstanceUnknown,
    is_admin,
    is_listed,
)
from handlers.request import FormModal, LookupRequest, Origin, ReportRequest
from handlers.slack_errors import Unknown
from handlers.text.channels import AS_SET

DEFAULT = "default"
"""The name of VT_API_KEY's instance. What is stored without a name is its."""
ASKS_NOTHING = frozenset({"help", "settings", "watch", "ignore"})
"""The commands for which no instance is asked."""
_DASHES = "\u2010-\u2015\u2212"
_OPTION = re.compile(rf"(?<!\S)(?:--|[{_DASHES}]-?)instance(?:(?:=|\s+)(?!--)(\S+)|(?=\s|$))")


Asking = ListenerDeps | InfoDeps | SettingsDeps | WatchDeps
"""Dependencies that know who asks, and where."""
D = TypeVar("D", bound=PostingDeps)
R = TypeVar("R", SlashCommand, AddressedMessage)


def named(received: R, instances: Mapping[str, Instance]) -> R:
    """A command or message without `--instance NAME`; the name is noted in its origin.

    Nothing is taken where there is no choice, or from commands that ask no instance: they refuse the option. In what was
    pasted from a log it may be another program's.
    """
    name, rest = taken(received.text)
    word = "".join(rest.split(maxsplit=1)[:1]).lower()
    is_foreign = name not in instances and looks_pasted(received.text)
    if not (instances and name) or word in ASKS_NOTHING or is_foreign:
        return received
    return replace(received, text=rest, origin=received.origin.model_copy(update={"instance": name}))


def with_option(error: UsageError, instances: Mapping[str, Instance]) -> UsageError:
    """What is wrong with a command; an unknown option may have been meant for `--instance`, where there is a choice."""
    if not isinstance(error, UnknownOption) or error.command or len(instances) < 2:  # noqa: PLR2004
        return error
    meant = nearest(error.option.lstrip("-"), ("instance",))
    return replace(error, nearest=meant, more=(*error.more, "--instance NAME"))


def in_form(
    sent: ModalSubmission, modal: FormModal, instances: Mapping[str, Instance]
) -> tuple[ModalSubmission, FormModal]:
    """A form without `--instance NAME` among its values, and its modal with what was typed there, else chosen from the menu."""
    if not instances:
        return sent, modal
    chosen, values = str(sent.value("instance") or "").removeprefix(AS_SET), dict(sent.values)
    for field in ("values", "path"):
        name, rest = taken(sent.text(field))
        if name:
            chosen, values[field] = name, {field: {"value": rest}}
    origin = modal.origin.model_copy(update={"instance": chosen})
    return replace(sent, values=values), modal.model_copy(update={"origin": origin})


def taken(text: str) -> tuple[str, str]:
    """The name after `--instance`, and the rest of the text. Without a name it is "?", which no instance has."""
    names = [name.lower() for name in _OPTION.findall(text)]
    return ", ".join(name or "?" for name in dict.fromkeys(names)), _OPTION.sub(" ", text).strip()


def with_instance(deps: D, name: str) -> D:
    """The same dependencies, with that instance of VirusTotal. Raises InstanceRemoved."""
    name = name or DEFAULT
    if name not in (deps.instances or (DEFAULT,)):
        raise InstanceRemoved(name)
    return _replaced(deps, name)


def for_reading(deps: D, about: Case) -> D:
    """The same dependencies, to show what an answer knows already: also when its instance was removed."""
    return _replaced(deps, about.instance or DEFAULT)


def _replaced(deps: D, name: str) -> D:
    """With its parts, of those that the dependencies have. What is on record belongs to it even if it was removed."""
    if not deps.instances and name == DEFAULT:
        return deps
    instance = deps.instances.get(name)
    parts: dict[str, Any] = {"instance": name if len(deps.instances) > 1 else ""}
    if instance:
        every = ("service", "automatic", "replies", "quota_left", "leave_queue")
        parts |= {part: getattr(instance, part) for part in every}
    if history := getattr(deps, "history", None):
        parts["history"] = history.of_instance(name)
    whole: Any = deps
    names = {one.name for one in fields(whole)}
    made: D = replace(whole, **{part: value for part, value in parts.items() if part in names})
    return made


async def chosen(case: Case[Any], deps: Any) -> tuple[Case[Any], Any]:
    """The case with its instance, and the dependencies with that. Requests about an answer find theirs themselves.

    Raises InstanceRefused, StoreDown.
    """
    request, name = case.request, case.instance
    if isinstance(request, LookupRequest | ReportRequest):
        # What was begun before there were instances goes on with VT_API_KEY's.
        name = name or (DEFAULT if case.lookups else await asked_for(request.origin, deps))
        case = case.model_copy(update={"instance": name})
    return case, with_instance(deps, name) if name else deps


async def for_answer(deps: Any, about: Case[Any], origin: Origin) -> Any:
    """The dependencies to ask more about an answer: with its own instance, if this person may use that.

    Raises InstanceRefused, StoreDown.
    """
    if deps.instances:
        await _check(about.instance or DEFAULT, origin, deps)
    return with_instance(deps, about.instance)


async def asked_for(origin: Origin, deps: Asking) -> str:
    """The instance that somebody named, else that of the place. Raises InstanceRefused, StoreDown."""
    name = origin.instance or await of_place(origin, deps)
    if name not in deps.instances:
        raise InstanceUnknown(name, await usable(origin, deps))
    await _check(name, origin, deps)
    return name


async def for_watch(origin: Origin, deps: Asking) -> str:
    """The instance that looks up what is posted in a watched channel. Raises InstanceRefused, StoreDown.

    Who may use it is not asked: whoever chose it for the channel, or had the channel watched, might use it then.
    """
    name = await of_place(origin, deps)
    if not await _is_allowed_there(deps.instances[name], origin, deps):
        raise InstanceForbidden(name)
    return name


async def of_place(origin: Origin, deps: Asking) -> str:
    """The channel's own, else the operator's default there. Raises InstanceRemoved, StoreDown."""
    if chosen := (await deps.channel_settings.recent(origin.team, origin.channel)).instance:
        if chosen not in deps.instances:
            raise InstanceRemoved(chosen)
        return chosen
    return await default_of_place(origin, deps)


async def default_of_place(origin: Origin, deps: Asking) -> str:
    """What the operator set: the default of the channel, of the workspace, or of all. Raises StoreDown."""
    for one in deps.instances.values():
        if one.channels and await _is_in(origin.channel, one.channels, deps):
            return one.name
    of_team = (one.name for one in deps.instances.values() if origin.team in one.teams)
    return next(of_team, DEFAULT if DEFAULT in deps.instances else next(iter(deps.instances)))


async def usable(origin: Origin, deps: Asking) -> tuple[str, ...]:
    """The names of those that this person may use there. Raises StoreDown."""
    return tuple([name for name, one in deps.instances.items() if await _may_use(one, origin, deps)])


async def _check(name: str, origin: Origin, deps: Asking) -> None:
    if name not in deps.instances:
        raise InstanceRemoved(name)
    if not await _may_use(deps.instances[name], origin, deps):
        raise InstanceForbidden(name, await usable(origin, deps))


async def _may_use(instance: Instance, origin: Origin, deps: Asking) -> bool:
    """Whoever Slack does not describe may use what everybody may use."""
    if not await _is_allowed_there(instance, origin, deps):
        return False
    if not instance.allowed_users:
        return True
    try:
        person = await deps.directory.person(origin.user)
    except Unknown:
        return False
    return is_listed(person, instance.allowed_users) or is_admin(person, deps.policy)


async def _is_allowed_there(instance: Instance, origin: Origin, deps: Asking) -> bool:
    """Channels of several workspaces may have the same name."""
    if instance.allowed_teams and origin.team not in instance.allowed_teams:
        return False
    channels = instance.allowed_channels
    return not channels or await _is_in(origin.channel, channels, deps)


async def _is_in(channel: str, channels: frozenset[str], deps: Asking) -> bool:
    try:
        return await in_listed(channel, deps.directory, channels)
    except Unknown:
        return False
