"""The composition root: everything real is made here, in order, and closed in the reverse order."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from slack_sdk.errors import SlackApiError, SlackClientError

from bot import tune_garbage_collector, tune_malloc
from bot.backend import Backend, backend, new_id
from bot.chart import CHARTS, Charts
from bot.connections import DatabaseClock
from bot.database import DatabaseFull, DatabaseReadOnly
from bot.environment import OperatorError
from bot.file_sources import Logins, check_disk, servers, spool, unnamed_file
from bot.manifest import Mode
from bot.observability import Metrics
from bot.queue import jobs
from bot.queue.jobs import WAKE_FROM_FUTURE
from bot.queue.worker import Turns
from bot.server import Check, Guard, listening, operator_routes, serving, slack_events
from bot.settings import Settings
from bot.slack_client import NotConnected, Probe, WebClient, identity, socket_mode, web_client
from bot.storage.slack import RefusedBlocks, SettingsStore
from bot.tracing import Tracing, tracing
from handlers.admission import CACHED_FOR, Directory, Languages, RecentSettings
from handlers.case import StoreDown
from handlers.deps import Deps
from handlers.files import SLACK, slack_files
from handlers.slack_errors import error_code
from handlers.text.format import Audience
from handlers.turns import dispatch, watch_batch
from vt.files.hosts import LOGIN
from vt.service import Clock

if TYPE_CHECKING:
    from bot.oauth import OAuth

log = structlog.get_logger()
CHECK_SECONDS = 5
KEPT_AFTER_REMOVAL = timedelta(days=30)
"""How long what is kept for a workspace outlives the app's removal there: it may come back."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot at work."""

    port: int  # of its HTTP side
    unanswered: Callable[[], Awaitable[int]]
    """How many requests are still to be answered."""


async def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run the bot until SIGINT or SIGTERM. `environ` says where traces go, if anywhere. Raises OperatorError."""
    tune_malloc()
    async with tracing(environ) as traced, running(settings, tracing=traced):
        tune_garbage_collector()
        await stopped()


async def stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock | None = None, tracing: Tracing | None = None
) -> AsyncIterator[Bot]:
    """The whole bot, answering. It uses the database's clock, unless another one is given. Raises OperatorError."""
    metrics = Metrics(tracing)
    logins = Logins(servers(settings), settings.vt_max_upload)
    async with (
        web_client(settings, metrics) as slack,
        backend(
            settings,
            clock,
            {SLACK: slack_files(slack, settings.vt_max_upload), LOGIN: logins.opener},
            metrics,
        ) as parts,
    ):
        if isinstance(parts.clock, DatabaseClock):
            parts.clock.on_set = partial(_clock_was_set, parts)
        await _wake_from_future(parts)
        deps = await _deps(settings, parts, slack, logins)
        async with AsyncExitStack() as stack:
            installed = None
            if settings.is_oauth:
                from bot.oauth import oauth  # noqa: PLC0415 - Slack's parts for it take memory

                installed = await oauth(settings, parts, deps, metrics)
            deps = replace(deps, installations=installed.installations if installed else None)
            authorize = installed.authorize if installed else await stack.enter_async_context(identity(slack))
            followed = [installed.installations.follow] if installed else []
            app = listening(slack, deps, authorize, parts.database.ack_priority, metrics, *followed)
            await stack.enter_async_context(_turns(settings, parts, deps, metrics, installed))
            checks = {
                "database": _check(parts.database.check_disk),
                "disk": _check(partial(asyncio.to_thread, check_disk, settings.state_dir)),
                "slack": _check(slack.api_test if installed else slack.auth_test),
            }
            counts = {}
            if installed:
                stack.push_async_callback(installed.renewals.close)
                checks["tokens"] = _check(installed.store.check)
                counts["installations"] = installed.store.count
            routes = operator_routes(checks, counts, metrics, partial(_refresh, metrics, parts))
            routes += installed.routes if installed else []
            if settings.mode is Mode.HTTP and settings.slack_signing_secret:
                own = [] if clock else [time.time]
                guard = Guard(settings.slack_signing_secret, lambda: parts.clock().timestamp(), *own)
                routes.append(slack_events(app, guard, metrics))
            port = await stack.enter_async_context(serving(routes, settings.host, settings.port))
            if settings.mode is Mode.SOCKET and settings.slack_app_token:
                connection = socket_mode(app, settings.slack_app_token, slack, metrics)
                checks["socket"] = _check(await stack.enter_async_context(connection))
            where = {"host": settings.host, "port": port, "oauth": settings.is_oauth}
            log.info("ready", mode=settings.mode.value, **where)
            yield Bot(port, parts.cases.unanswered)


async def _clock_was_set(parts: Backend, before: datetime, now: datetime) -> None:
    """The database's clock was set while we run. Raises StoreDown."""
    for key in parts.each_key:
        await key.quota_store.clock_was_set(before, now)
    if now < before:
        await _wake_from_future(parts)


async def _wake_from_future(parts: Backend) -> None:
    """After the clock was set back, have what was scheduled by it go on now, and find out how long to wait. Raises StoreDown."""
    await parts.cases.wake(WAKE_FROM_FUTURE)
    await parts.cards.wake(timedelta(days=400))


async def _refresh(metrics: Metrics, parts: Backend) -> None:
    """Show in the metrics what all processes share: the quota and the jobs."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            waiting = [await key.quota_store.waiting() for key in parts.each_key]
            metrics.show(await parts.quotas(), waiting, await jobs.counts(parts.database))
    except (StoreDown, TimeoutError):
        metrics.hide()


def _turns(
    settings: Settings, parts: Backend, deps: Deps, metrics: Metrics, installed: "OAuth | None"
) -> Turns:
    async def tidy() -> None:
        now = deps.clock()
        answers = now - timedelta(days=settings.keep_answers)
        await parts.cases.prune(answers)
        for key in parts.each_key:
            await key.replies.prune(answers)
        await parts.modals.prune(answers)
        await parts.people.prune(now - CACHED_FOR)
        await parts.audit_trail.prune(now - timedelta(days=settings.keep_audit))
        await parts.history.prune(now - timedelta(days=settings.keep_history))
        await parts.channels.prune(now)
        if installed:
            await installed.workspaces.prune(now - KEPT_AFTER_REMOVAL)
            await installed.renewals.renew_due()

    return Turns(
        parts.url,
        parts.database,
        turn=partial(dispatch.take, deps=deps),
        give_up=partial(dispatch.give_up, deps=deps),
        tidy=tidy,
        run_batch=partial(watch_batch.run_batch, deps),
        metrics=metrics,
        first_turns=parts.first_turns,
    )


async def _deps(settings: Settings, parts: Backend, slack: WebClient, logins: Logins) -> Deps:
    channel_settings = RecentSettings(SettingsStore(parts.database), parts.clock)
    directory, key = Directory(slack, parts.people, parts.clock), parts.key
    return Deps(
        store=parts.cases,
        modals=parts.modals,
        history=parts.history,
        channel_settings=channel_settings,
        replies=key.replies,
        draw=Charts(settings.state_dir / CHARTS).draw,
        directory=directory,
        languages=Languages(directory, channel_settings, settings.language),
        policy=settings.policy,
        cards=parts.cards,
        watches=parts.channels,
        rules=settings.rules,
        service=key.service,
        automatic=key.automatic,
        instances=parts.offered(),
        slack=slack,
        refused_blocks=await RefusedBlocks.stored(parts.database, parts.clock),
        clock=parts.clock,
        new_id=new_id,
        thresholds=settings.verdicts,
        quota_left=key.quota_store.left,
        leave_queue=key.quota_store.leave,
        submit=settings.url_submit,
        upload=settings.upload_policy,
        never_upload=settings.never_upload,
        logins=logins if settings.ssh_ad_hoc else None,
        invented=parts.invented,
        audience=Audience(settings.contact),
        new_file=partial(unnamed_file, spool(settings).folder),
        token_refused=lambda: bool(slack.access.refused),
    )


def _check(probe: Probe) -> Check:
    async def reason() -> str:
        try:
            await asyncio.wait_for(probe(), CHECK_SECONDS)
        except SlackApiError as error:
            return error_code(error)
        except (NotConnected, DatabaseFull, DatabaseReadOnly, OperatorError) as error:
            return str(error)
        except TimeoutError:
            return "no answer"
        except (StoreDown, SlackClientError):
            return "not reachable"
        except OSError as error:
            return (error.strerror or "not reachable").lower()
        return ""

    return reason
