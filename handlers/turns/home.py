"""The bot's home: a job collects what one person may see, and publishes the view."""

from dataclasses import replace

from slack_sdk.errors import SlackApiError, SlackClientError

from handlers.access import may_change, may_change_all
from handlers.deps import Case, HomeDeps, Origin
from handlers.health import Probe, health
from handlers.posting import NotPosted
from handlers.request import HomeRequest
from handlers.turns.answers import end
from handlers.views import home
from handlers.views.home import HomeContent

MOST_CHANNELS = 20
"""Channels with settings of their own that the home lists."""


async def show(case: Case[HomeRequest], deps: HomeDeps) -> None:
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
