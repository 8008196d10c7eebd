"""Answers about the bot itself: its health, the quota, help, and its home."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from handlers import text
from handlers.admission import may_change, may_change_all
from handlers.case import Case, StoreDown
from handlers.deps import HomeDeps, InfoDeps, PostingDeps
from handlers.posting import NotPosted
from handlers.replies import end, reply
from handlers.request import (
    FormRequest,
    HomeRequest,
    Origin,
    SayRequest,
)
from handlers.text import about as about_text
from handlers.text.format import Audience
from handlers.views import home, messages
from handlers.views.home import HomeContent
from vt.errors import VTError

Probe = Callable[[], Awaitable[object]]
"""Asks one part whether it answers; raises when it does not."""


async def ping(case: Case, deps: InfoDeps) -> None:
    """Whether VirusTotal, the database and Slack answer, and how fast."""
    probes: dict[str, Probe] = {
        "key": deps.service.client.ping,
        "database": deps.store.ping,
        "slack": deps.slack.auth_test,
    }
    found = await health(probes, deps.audience.about(case.request.id))
    await end(await reply(case, messages.note(about_text.ping(found)), deps), deps)


async def offer_form(case: Case[FormRequest], deps: PostingDeps) -> None:
    """A button for the form, which could not be opened within the three seconds of its trigger_id."""
    await end(await reply(case, messages.form_offer(case.request.modal), deps), deps)


async def quota(case: Case, deps: InfoDeps) -> None:
    """The calls to VirusTotal that are left."""
    await end(await reply(case, messages.note(about_text.quota(await deps.quota_left())), deps), deps)


async def show_help(case: Case, deps: PostingDeps) -> None:
    """What can be typed."""
    await end(await reply(case, messages.help_message(), deps), deps)


async def say(case: Case[SayRequest], deps: PostingDeps) -> None:
    """A sentence that was ready when the request was stored."""
    await end(await reply(case, messages.note(case.request.sentence), deps), deps)


# The home --------------------------------------------------------------------------------------

MOST_CHANNELS = 20
"""Channels with settings of their own that the home lists."""


async def show_home(case: Case[HomeRequest], deps: HomeDeps) -> None:
    """Make the home of one person."""
    view = home.home(await _content(case, deps))
    try:
        await deps.slack.views_publish(user_id=case.request.origin.user, view=view.to_dict())
    except SlackApiError as error:
        raise NotPosted(str(error.response.get("error", ""))) from error
    except SlackClientError as error:
        raise NotPosted from error
    await end(case, deps)


async def _content(case: Case[HomeRequest], deps: HomeDeps) -> HomeContent:
    origin = case.request.origin
    admin = await may_change_all(origin, deps.directory, deps.policy)
    return HomeContent(
        now=deps.clock(),
        latest=await deps.history.latest(origin.team, origin.user),
        left=await deps.quota_left(),
        channels=await _channels(origin, deps),
        health=await _health(case, deps) if admin else {},
        invented=deps.invented,
    )


async def _channels(origin: Origin, deps: HomeDeps) -> list[str]:
    """Those for which something is set that this person may change."""
    known = await deps.channel_settings.changed_channels(origin.team, MOST_CHANNELS)
    there = [origin.model_copy(update={"channel": channel}) for channel in known]
    return [one.channel for one in there if await may_change(one, deps.directory, deps.policy)]


async def _health(case: Case[HomeRequest], deps: HomeDeps) -> dict[str, tuple[float, str]]:
    """Only admins see it: settings are named."""
    probes: dict[str, Probe] = {"database": deps.store.ping, "slack": deps.slack.auth_test}
    if case.request.check_key:
        probes = {"key": deps.service.client.ping, **probes}
    return await health(probes, replace(deps.audience.about(case.request.id), operator=True))


# Health -----------------------------------------------------------------------------------------


async def health(probes: Mapping[str, Probe], audience: Audience) -> dict[str, tuple[float, str]]:
    """By part: the seconds that its probe took, and the sentence for what is wrong with it, or ""."""
    return {name: await _run(probe, audience) for name, probe in probes.items()}


async def _run(probe: Probe, audience: Audience) -> tuple[float, str]:
    start = time.perf_counter()
    problem: str = ""
    try:
        await probe()
    except VTError as error:
        problem = text.error(error, audience)
    except (StoreDown, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        problem = about_text.silent(type(error).__name__, audience)
    return time.perf_counter() - start, problem
