"""Answers about the bot itself: help, health, the quota, the home of a person, and a channel's settings."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.admission import may_change, may_change_all
from handlers.case import Case, Change, Outcome, StoreDown
from handlers.deps import HomeDeps, InfoDeps, Instance, PostingDeps, SettingsDeps
from handlers.instances import asked_for, default_of_place, usable
from handlers.people import PLACES_OF_ONE, InstanceRefused
from handlers.posting import end, reply
from handlers.request import (
    ChangeSettingsRequest,
    ChannelSettings,
    FormRequest,
    HomeRequest,
    Origin,
    SayRequest,
    SettingsRequest,
    Verb,
)
from handlers.slack_errors import TOKEN_ERRORS, error_code
from handlers.text import about as about_text
from handlers.text import channels as channels_text
from handlers.text import errors as errors_text
from handlers.text.format import Audience
from handlers.turns.modals import show_view, update
from handlers.views import form, messages
from handlers.views.layout import sentence
from handlers.views.messages import HomeContent
from vt.errors import VTError

MOST_CHANNELS = 20
"""Channels with settings of their own that the home lists."""


async def show_settings(case: Case[SettingsRequest], deps: SettingsDeps) -> None:
    """Fill the modal with the settings of the channel, as fields for those who may change them.

    It offers the instances that the asker may use there, and the one that is chosen now.
    """
    origin = case.request.origin
    if origin.channel.startswith(PLACES_OF_ONE):  # nobody else is there
        view = sentence(channels_text.SETTINGS, case.request.modal, Verb.SETTINGS, channels_text.NOT_HERE)
    else:
        current = await deps.channel_settings.get(origin.team, origin.channel)
        is_allowed = await may_change(origin, deps.directory, deps.policy)
        offered = await usable(origin, deps) if len(deps.instances) > 1 else ()
        view = form.settings_form(
            current, deps.thresholds, case.request.modal, may_change=is_allowed, instances=offered
        )
    await update(case, view, deps, about_text.FAILED.to(deps.audience.about(case.request.id)))
    await end(case, deps)


async def change_settings(case: Case[ChangeSettingsRequest], deps: SettingsDeps) -> None:
    """Store changed settings, if this person may change them.

    The case, which the audit reads, has the old and the new values before anything is changed.
    """
    origin = case.request.origin
    new = case.request.settings
    old = await deps.channel_settings.get(origin.team, origin.channel)
    if why := await _refusal(origin, old, new, deps):
        refused = await reply(_to_asker(case), messages.note(why), deps)
        await end(refused, deps, Outcome.REFUSED)
        return
    if not case.changes:
        case = case.model_copy(update={"changes": changes(old, new)})
        await deps.store.save(case)
    await deps.channel_settings.change(origin.team, origin.channel, new)
    saved = await reply(_to_asker(case), messages.note(channels_text.saved(case.changes)), deps)
    await end(saved, deps)


async def _refusal(origin: Origin, old: ChannelSettings, new: ChannelSettings, deps: SettingsDeps) -> str:
    """Why this person may not change the settings to these; "" if they may. Raises StoreDown.

    An instance of VirusTotal that somebody else chose may stay, whoever changes something else.
    """
    if not await may_change(origin, deps.directory, deps.policy):
        return channels_text.WHO_MAY_CHANGE
    if not deps.instances or new.instance == old.instance:
        return ""
    try:
        name = new.instance or await default_of_place(origin, deps)
        await asked_for(origin.model_copy(update={"instance": name}), deps)
    except InstanceRefused as refused:
        return about_text.instance_refused(refused, deps.audience)
    return ""


def _to_asker(case: Case) -> Case:
    """Answered in direct messages when the settings were changed from the home, which is in no channel."""
    origin = case.request.origin
    if origin.response_url:
        return case
    direct = origin.model_copy(update={"channel": origin.user})
    return case.model_copy(update={"request": case.request.model_copy(update={"origin": direct})})


def changes(old: ChannelSettings, new: ChannelSettings) -> tuple[Change, ...]:
    """What is different, by name, as the audit records it."""
    before, after = _flat(old), _flat(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(Change(name=name, old=before.get(name), new=after.get(name)) for name in names)


def _flat(settings: ChannelSettings) -> dict[str, str]:
    thresholds = {f"threshold {key}": str(count) for key, count in settings.thresholds.items()}
    hosts = {"host rule": settings.host_rule, "evidence days": settings.evidence_days}
    return {
        **thresholds,
        **{name: str(value) for name, value in hosts.items() if value is not None},
        **{name: getattr(settings, name) for name in ("answers", "detail", "uploads")},
        **{name: value for name in ("instance", "language") if (value := getattr(settings, name))},
    }


# The home ----------------------------------------------------------------------------------------------


async def show_home(case: Case[HomeRequest], deps: HomeDeps) -> None:
    """Make the home of one person."""
    origin = case.request.origin
    admin = await may_change_all(origin, deps.directory, deps.policy)
    content = HomeContent(
        now=deps.clock(),
        latest=await deps.history.latest(origin.team, origin.user),
        left=await _left(case, deps),
        channels=await _channels(origin, deps),
        health=await _health(case, deps) if admin else {},
        invented=deps.invented,
    )
    instead = about_text.FAILED.to(deps.audience.about(case.request.id))
    await show_view(
        deps.slack.views_publish,
        messages.home(content),
        origin.team,
        deps,
        instead=instead,
        user_id=origin.user,
    )
    await end(case, deps)


async def _channels(origin: Origin, deps: HomeDeps) -> list[str]:
    """Those for which something is set that this person may change."""
    known = await deps.channel_settings.changed_channels(origin.team, MOST_CHANNELS)
    there = [origin.model_copy(update={"channel": channel}) for channel in known]
    return [one.channel for one in there if await may_change(one, deps.directory, deps.policy)]


async def _health(case: Case[HomeRequest], deps: HomeDeps) -> dict[str, tuple[float, str]]:
    """Only admins see it: settings are named."""
    probes: dict[str, Probe] = {"database": deps.store.ping, "slack": deps.slack.auth_test}
    if case.request.check_key:
        probes = {**await _keys(case, deps), **probes}
    return await health(probes, replace(deps.audience.about(case.request.id), operator=True))


# Health, and what is one sentence ----------------------------------------------------------------------

Probe = Callable[[], Awaitable[object]]
"""Asks one part whether it answers; raises when it does not."""


async def health(probes: Mapping[str, Probe], audience: Audience) -> dict[str, tuple[float, str]]:
    """By part: the seconds that its probe took, and the sentence for what is wrong with it, or ""."""
    return {name: await _run_probe(probe, audience) for name, probe in probes.items()}


async def _run_probe(probe: Probe, audience: Audience) -> tuple[float, str]:
    start = time.perf_counter()
    problem: str = ""
    try:
        await probe()
    except VTError as error:
        problem = errors_text.error(error, audience)
    except SlackApiError as error:
        code = error_code(error)
        told = about_text.token_refused if code in TOKEN_ERRORS else about_text.silent
        problem = told(code, audience)
    except (StoreDown, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        problem = about_text.silent(type(error).__name__, audience)
    return time.perf_counter() - start, problem


async def ping(case: Case, deps: InfoDeps) -> None:
    """Whether VirusTotal, the database and Slack answer, and how fast."""
    probes: dict[str, Probe] = {
        **await _keys(case, deps),
        "database": deps.store.ping,
        "slack": deps.slack.auth_test,
    }
    found = await health(probes, deps.audience.about(case.request.id))
    await end(await reply(case, messages.note(about_text.ping(found)), deps), deps)


async def _keys(case: Case, deps: InfoDeps) -> dict[str, Probe]:
    """The keys that are checked: of the instance that was named, else of all that the asker may use there."""
    wanted = await _wanted(case, deps)
    several: dict[str, Probe] = {f"key:{one.name}": one.service.client.ping for one in wanted}
    return several if len(deps.instances) > 1 else {"key": deps.service.client.ping}


async def _left(case: Case, deps: InfoDeps) -> dict[str, Mapping[str, tuple[int, int]]]:
    """The calls of each instance that is asked about, by name: "" where there is no choice."""
    named = {one.name: await one.quota_left() for one in await _wanted(case, deps)}
    return named if len(deps.instances) > 1 else {"": await deps.quota_left()}


async def _wanted(case: Case, deps: InfoDeps) -> list[Instance]:
    """The instances that a question about the bot is about; none where there is no choice. Raises InstanceRefused, StoreDown."""
    if len(deps.instances) < 2:  # noqa: PLR2004 - one is no choice
        return []
    origin = case.request.origin
    names = [await asked_for(origin, deps)] if origin.instance else await usable(origin, deps)
    return [deps.instances[name] for name in names]


async def offer_form(case: Case[FormRequest], deps: PostingDeps) -> None:
    """A button for the form, which could not be opened within the three seconds of its trigger_id."""
    await end(await reply(case, messages.form_offer(case.request.modal), deps), deps)


async def quota(case: Case, deps: InfoDeps) -> None:
    """The calls to VirusTotal that are left."""
    left = await _left(case, deps)
    told = about_text.quota(left[""]) if "" in left else about_text.quotas(left)
    told = told or about_text.CHOOSE_INSTANCE.to(deps.audience)
    await end(await reply(case, messages.note(told), deps), deps)


async def show_help(case: Case, deps: PostingDeps) -> None:
    """What can be typed."""
    await end(await reply(case, messages.help_message(has_choice=len(deps.instances) > 1), deps), deps)


async def say(case: Case[SayRequest], deps: PostingDeps) -> None:
    """A sentence that was ready when the request was stored."""
    await end(await reply(case, messages.note(case.request.sentence), deps), deps)
