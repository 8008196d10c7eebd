"""What answers requests, with or without Slack: the database, the quota and VirusTotal, made from the settings."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import structlog
from pydantic import SecretStr

from bot.connections import DatabaseClock, FirstTurns
from bot.database import Database
from bot.file_sources import ReplySpool, places, spool
from bot.network import DIRECT, TimedTransport, virustotal_transport
from bot.observability import Metrics
from bot.settings import Settings
from bot.startup import database
from bot.storage.cards import Cards
from bot.storage.cases import Cases
from bot.storage.channels import WatchStore
from bot.storage.history import AuditTrail, History
from bot.storage.replies import StoredReplies
from bot.storage.slack import Modals, PeopleStore
from bot.storage.virustotal import QuotaStore
from handlers.case import Case, Outcome, StoreDown
from handlers.watch import DUPLICATE_WINDOW
from vt.client import Client
from vt.coalescing import FEW_CALLS, InFlight, ReplyCache
from vt.files.hashing import Opener
from vt.files.transfer import Places
from vt.polling import LONG_OUTAGE, OUTAGE, Outage
from vt.privacy import UploadDenylist
from vt.quota import Limits, Quota
from vt.service import Clock, Service
from vt.steps import MaxAges
from vt.stored import Packer

SANDBOX_QUEUE_SECONDS = 20
"""How long the sandbox takes to analyse what is submitted to it."""

log = structlog.get_logger()

new_id = partial(secrets.token_urlsafe, 16)
"""Makes random ids of 128 bits, in URL-safe characters."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Everything that answering needs, ready to use."""

    database: Database
    cases: Cases
    first_turns: FirstTurns
    modals: Modals
    history: History
    people: PeopleStore
    audit_trail: AuditTrail
    cards: Cards
    channels: WatchStore
    replies: StoredReplies
    quota_store: QuotaStore
    service: Service
    """For people's look-ups."""
    automatic: Service
    """For look-ups that nobody asked for: it leaves people's reserve alone and reuses replies for a day."""
    clock: Clock
    invented: bool
    url: str
    virustotal: str
    """The host that is asked."""


class MeasuredCases(Cases):
    """Cases, with the time to each answer measured."""

    def __init__(self, metrics: Metrics, *parts: Any) -> None:
        super().__init__(*parts)
        self._metrics = metrics

    async def save(self, case: Case) -> None:
        """Store how far a request has come."""
        await super().save(case)
        if case.outcome is not Outcome.OPEN:
            actions = {lookup.action.key for lookup in case.lookups} or {case.request.verb.value}
            action = actions.pop() if len(actions) == 1 else "several"
            seconds = (self._clock() - case.request.at).total_seconds()
            self._metrics.answers.labels(action, case.outcome.value).observe(seconds)


@asynccontextmanager
async def backend(
    settings: Settings,
    clock: Clock | None = None,
    kinds: Mapping[str, Opener] | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Backend]:
    """Open the database, the quota and VirusTotal; `kinds` are sources of files besides this machine and the hosts file.

    `clock`: the database's, if none is given.
    """
    metrics = metrics or Metrics()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        target = await stack.enter_async_context(_target(settings))
        store = Database(url, metrics=metrics)
        stack.push_async_callback(store.close)
        clock = clock or await _database_clock(stack, store)
        limits, reserve = _limits(settings, target), _reserve(settings, target)
        quota_store = QuotaStore(store, target.key, limits, clock)
        packer = Packer(ReplySpool(spool(settings).folder))
        bounds = settings.cache_rows, settings.cache_bytes
        replies = StoredReplies(store, f"{quota_store.name}:", *bounds, packer=packer)
        spool(settings).remove_stale()
        outage = Outage(clock)
        stores: dict[str, Any] = {"cache": replies, "metrics": metrics, "outage": outage, "packer": packer}
        stores["in_flight"] = InFlight(gathers=0 < limits.minute <= FEW_CALLS)
        files = places(settings, kinds or {})
        made = partial(_service, settings, target, clock=clock, places=files, **stores)

        async def service(quota: QuotaStore, ages: MaxAges, *, automatic: bool) -> Service:
            return await stack.enter_async_context(made(quota=quota, max_ages=ages, automatic=automatic))

        people = await service(quota_store, _max_ages(settings), automatic=False)
        automatic = await service(
            QuotaStore(store, target.key, limits, clock, reserve=reserve),
            replace(_max_ages(settings), known=DUPLICATE_WINDOW),
            automatic=True,
        )
        first_turns = FirstTurns()
        cases = MeasuredCases(metrics, store, clock, first_turns, packer)
        cards = Cards(store, clock, unknown=bool(settings.watch_channels), packer=packer)
        outage.on_return = partial(_wake, cases, cards)
        yield Backend(
            database=store,
            cases=cases,
            first_turns=first_turns,
            modals=Modals(store),
            history=History(store),
            people=PeopleStore(store),
            audit_trail=AuditTrail(store),
            cards=cards,
            channels=WatchStore(store, clock),
            replies=replies,
            quota_store=quota_store,
            service=people,
            automatic=automatic,
            clock=clock,
            invented=target.invented,
            url=url,
            virustotal="sandbox" if target.invented else httpx.URL(target.url).host,
        )


def _max_ages(settings: Settings) -> MaxAges:
    """How old a cached reply may be when people ask."""
    known = timedelta(minutes=settings.cache_minutes)
    return MaxAges(known, min(known, timedelta(minutes=settings.cache_unknown_minutes)))


async def _wake(cases: Cases, cards: Cards) -> None:
    """Have what waits for VirusTotal go on now; without it, it goes on with its next try."""
    with suppress(StoreDown):
        await cases.wake()
        await cards.wake(timedelta(seconds=max(LONG_OUTAGE.seconds)))


async def _database_clock(stack: AsyncExitStack, store: Database) -> Clock:
    clock = DatabaseClock()
    with suppress(StoreDown):
        await clock.read(store)
    stack.callback(asyncio.create_task(clock.keep_reading(store)).cancel)
    return clock


@dataclass(frozen=True, slots=True)
class Target:
    """The VirusTotal to ask, and the key."""

    url: str
    key: SecretStr
    invented: bool


@asynccontextmanager
async def _target(settings: Settings) -> AsyncIterator[Target]:
    """The real VirusTotal, or the sandbox when there is no key; that is logged as a warning."""
    if not settings.vt_verify_ssl:
        log.warning(
            "tls_not_verified", why="VT_VERIFY_SSL=false", danger="anyone on the way can read the key"
        )
    if settings.vt_api_key:
        yield Target(settings.vt_api_url, settings.vt_api_key, invented=False)
        return
    log.warning("sandbox", why="VT_API_KEY is not set", data="invented")
    from playground.virustotal import Sandbox  # noqa: PLC0415 - a bot that has a key never loads the stand-in

    async with Sandbox(kind=settings.vt_key_kind, queue_seconds=SANDBOX_QUEUE_SECONDS).serve() as sandbox:
        yield Target(sandbox.url, SecretStr("sandbox"), invented=True)


def _limits(settings: Settings, target: Target) -> Limits:
    """The key's quota; the sandbox has none."""
    if target.invented:
        return Limits(0, 0, 0)
    return Limits(settings.vt_quota_minute, settings.vt_quota_day, settings.vt_quota_month)


def _reserve(settings: Settings, target: Target) -> int:
    """Calls a day that only people may use."""
    return math.ceil(_limits(settings, target).day * settings.watch_reserve / 100)


@asynccontextmanager
async def _service(
    settings: Settings,
    target: Target,
    *,
    quota: Quota,
    clock: Clock,
    places: Places,
    cache: ReplyCache,
    max_ages: MaxAges,
    metrics: Metrics,
    outage: Outage,
    packer: Packer,
    in_flight: InFlight,
    automatic: bool,
) -> AsyncIterator[Service]:
    """The service layer over a client of its own. `outage` and `in_flight` are shared by all of the process."""
    async with AsyncExitStack() as stack:
        transport = virustotal_transport(
            verify=settings.vt_verify_ssl,
            ca_bundle=settings.vt_ca_bundle,
            proxies=DIRECT if target.invented else settings.proxies,
        )
        client = Client(
            target.key,
            url=target.url,
            quota=quota,
            kind=settings.vt_key_kind,
            transport=TimedTransport(transport, httpx.URL(target.url).path, metrics),
            upload_hosts=settings.vt_upload_hosts,
            outage=outage,
            packer=packer,
        )
        await stack.enter_async_context(client)
        yield Service(
            client,
            places=places,
            clock=clock,
            denylist=UploadDenylist(settings.never_upload),
            cache=cache,
            max_ages=max_ages,
            own_domains=settings.internal_domains,
            on_saved=lambda saving, calls: metrics.calls_saved.labels(saving.value).inc(calls),
            outage=LONG_OUTAGE if automatic else OUTAGE,
            in_flight=in_flight,
            automatic=automatic,
        )
