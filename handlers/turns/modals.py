"""What fills the views that Slack shows beside messages: the modals about an answer, a channel's settings, and the home."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.views import View

from handlers import text
from handlers.case import Case, Change, Outcome, Sighting, StoreDown
from handlers.deps import HomeDeps, ModalDeps, PostingDeps, SettingsDeps
from handlers.people import PLACES_OF_ONE, may_change, may_change_all
from handlers.posting import Sent, end, reply
from handlers.request import (
    ChangeSettingsRequest,
    ChannelSettings,
    HomeRequest,
    ModalRequest,
    Origin,
    SettingsRequest,
    Verb,
)
from handlers.sharing import send_file, show_view
from handlers.slack_errors import TOKEN_ERRORS, NotPosted, error_code
from handlers.text import about as about_text
from handlers.text import modals as modals_text
from handlers.text.format import Audience
from handlers.turns.buttons import visible_answer
from handlers.views import details, details_layout, form, home, messages
from handlers.views.card import Reading
from handlers.views.details_layout import Position, sentence
from handlers.views.home import HomeContent
from vt.client import SUBMISSIONS_A_CALL
from vt.errors import KeyRefused, QuotaSpent, VTError
from vt.models import Comments
from vt.replies import read
from vt.results import has_comments
from vt.verdict import Finding

CLOSED = frozenset({"not_found", "view_not_found"})
"""Slack's error codes for a modal that is no longer open."""
COMMENTS_CACHED = timedelta(minutes=10)
"""For this long a page of comments is not asked for again, however often it is opened."""
MOST_CHANNELS = 20
"""Channels with settings of their own that the home lists."""


async def show_details(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with fields, engines, samples, resolutions or subdomains."""
    if about := await _answer(case, deps):
        now = deps.clock()
        found = about.findings(now)
        subjects = {Sighting.of(one).subject for one in found}
        records = await deps.history.summaries(about.request.origin, subjects, about.request.at)
        reading = Reading(now, deps.audience, records)
        view = details.details(found, case.request.modal, _position(case), reading)
        await _fill(case, view, found, deps)
        await end(case, deps)


async def show_why(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with the rule, what it counted, and other thresholds."""
    if about := await _answer(case, deps):
        now = deps.clock()
        view = details.why(about.lookups, case.request.modal, _position(case), Reading(now, deps.audience))
        await _fill(case, view, about.findings(now), deps)
        await end(case, deps)


async def show_rescan_cost(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with what a rescan would cost."""
    if about := await _answer(case, deps):
        found = about.findings(deps.clock())
        view = details.rescan_cost(
            found,
            case.request.modal,
            await deps.quota_left(),
            private_key=deps.service.client.kind == "private",
            batch_size=SUBMISSIONS_A_CALL,
        )
        await _fill(case, view, found, deps)
        await end(case, deps)


async def show_comments(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with a page of comments. While the quota is spent it says so, and is filled later if still open."""
    about = await _answer(case, deps)
    if about is None:
        return
    now = deps.clock()
    found = about.findings(now)
    finding, position = details_layout.select(found, _position(case))
    comments, later = await _comments_or_reason(finding, position, case, deps)
    view = details.comments(found, case.request.modal, position, comments)
    is_open = await _fill(case, view, found, deps)
    if later and is_open:
        await deps.store.again(case.request.id, later)
    else:
        await end(case, deps)


async def _comments_or_reason(
    finding: Finding, position: Position, case: Case, deps: ModalDeps
) -> tuple[Comments | str | None, datetime | None]:
    """A page of comments, or the sentence why there is none; and when to try again, if that helps."""
    try:
        return await fetch_comments(finding, str(position.page or ""), deps), None
    except QuotaSpent as error:
        return modals_text.not_asked_yet(text.seconds(error.retry_at, deps.clock())), error.retry_at
    except KeyRefused:
        return modals_text.COMMENTS_REFUSED, None
    except VTError as error:
        return text.error(error, deps.audience.about(case.request.id)), None


async def fetch_comments(finding: Finding, before: str, deps: ModalDeps) -> Comments | None:
    """A page of comments, from the cache or for one call; None for what VirusTotal keeps none on.

    `before` is a date as %Y%m%d%H%M%S, or "" for the newest page. Raises VTError, StoreDown; KeyRefused without a call
    for a public key, to which VirusTotal does not give them.
    """
    if not has_comments(finding) or finding.indicator is None:
        return None
    if deps.service.client.kind == "public":
        raise KeyRefused
    resource = finding.indicator.value
    key = f"comments:{sha256(resource.encode()).hexdigest()}:{before}"
    cached = await deps.replies.get([key], deps.clock() - COMMENTS_CACHED)
    if key not in cached:
        cached = {key: await deps.service.client.comments(resource, before)}
        await deps.replies.put(cached, deps.clock())
    return read(Comments, cached[key])


def _position(case: Case[ModalRequest]) -> Position:
    return details_layout.parse_position(case.request.part)


async def _answer(case: Case[ModalRequest], deps: ModalDeps) -> Case | None:
    """The answer that the modal is about; when it is no longer kept, the modal says so and the request ends."""
    about = await visible_answer(case, deps)
    if about is None:
        verb = case.request.verb
        await update(case, sentence(modals_text.TITLES[verb], case.request.modal, verb, text.GONE), deps)
        await end(case, deps, Outcome.REFUSED)
    return about


async def _fill(case: Case[ModalRequest], view: View, found: Sequence[Finding], deps: ModalDeps) -> bool:
    """Show a view. When Slack refuses it, send the JSON instead. False: the modal was closed."""
    shown = await update(case, view, deps)
    if shown and shown.plain:
        await send_file(case, details.as_json(found), deps)
    return shown is not None


async def update(
    case: Case[ModalRequest | SettingsRequest],
    view: View,
    deps: PostingDeps,
    instead: str = modals_text.NOT_TAKEN,
) -> Sent[Any] | None:
    """Replace the content of a request's modal; None when it is closed. `instead`: see `show_view`.

    Raises NotPosted, StoreDown.
    """
    team, view_id = case.request.origin.team, case.request.view
    try:
        return await show_view(deps.slack.views_update, view, team, deps, instead=instead, view_id=view_id)
    except NotPosted as error:
        if str(error) in CLOSED:
            return None
        raise


# Settings, and the home --------------------------------------------------------------------------------


async def show_settings(case: Case[SettingsRequest], deps: SettingsDeps) -> None:
    """Fill the modal with the settings of the channel, as fields for those who may change them."""
    origin = case.request.origin
    if origin.channel.startswith(PLACES_OF_ONE):  # nobody else is there
        view = sentence(modals_text.SETTINGS, case.request.modal, Verb.SETTINGS, modals_text.NOT_HERE)
    else:
        current = await deps.channel_settings.get(origin.team, origin.channel)
        is_allowed = await may_change(origin, deps.directory, deps.policy)
        view = form.settings_form(current, deps.thresholds, case.request.modal, may_change=is_allowed)
    await update(case, view, deps, text.FAILED.to(deps.audience.about(case.request.id)))
    await end(case, deps)


async def change_settings(case: Case[ChangeSettingsRequest], deps: SettingsDeps) -> None:
    """Store changed settings, if this person may change them.

    The case, which the audit reads, has the old and the new values before anything is changed.
    """
    origin = case.request.origin
    new = case.request.settings
    if not await may_change(origin, deps.directory, deps.policy):
        refused = await reply(_to_asker(case), messages.note(modals_text.WHO_MAY_CHANGE), deps)
        await end(refused, deps, Outcome.REFUSED)
        return
    if not case.changes:
        old = await deps.channel_settings.get(origin.team, origin.channel)
        case = case.model_copy(update={"changes": changes(old, new)})
        await deps.store.save(case)
    await deps.channel_settings.change(origin.team, origin.channel, new)
    saved = await reply(_to_asker(case), messages.note(modals_text.saved(case.changes)), deps)
    await end(saved, deps)


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
        **{name: getattr(settings, name) for name in ("answers", "detail", "uploads", "instance")},
        **({"language": settings.language} if settings.language else {}),
    }


async def show_home(case: Case[HomeRequest], deps: HomeDeps) -> None:
    """Make the home of one person."""
    origin = case.request.origin
    admin = await may_change_all(origin, deps.directory, deps.policy)
    content = HomeContent(
        now=deps.clock(),
        latest=await deps.history.latest(origin.team, origin.user),
        left=await deps.quota_left(),
        channels=await _channels(origin, deps),
        health=await _health(case, deps) if admin else {},
        invented=deps.invented,
    )
    instead = text.FAILED.to(deps.audience.about(case.request.id))
    await show_view(
        deps.slack.views_publish, home.home(content), origin.team, deps, instead=instead, user_id=origin.user
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
        probes = {"key": deps.service.client.ping, **probes}
    return await health(probes, replace(deps.audience.about(case.request.id), operator=True))


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
        problem = text.error(error, audience)
    except SlackApiError as error:
        code = error_code(error)
        told = text.token_refused if code in TOKEN_ERRORS else about_text.silent
        problem = told(code, audience)
    except (StoreDown, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        problem = about_text.silent(type(error).__name__, audience)
    return time.perf_counter() - start, problem
