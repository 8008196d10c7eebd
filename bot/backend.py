"""What answers requests, with or without Slack: the database, the quota and VirusTotal, made from the settings."""

import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Self

import httpx
import structlog

from bot.connections import DatabaseClock, FirstTurns
from bot.database import Database
from bot.file_sources import ReplySpool, places, spool
from bot.instances import InstanceSettings, instances, of_sandbox, owner
from bot.network import DIRECT, Proxies
from bot.observability import Metrics
from bot.settings import Settings
from bot.startup import database
from bot.storage.cards import Cards
from bot.storage.cases import Cases, Modals
from bot.storage.history import AuditTrail, History
from bot.storage.replies import StoredReplies
from bot.storage.slack import PeopleStore, WatchStore
from bot.storage.virustotal import QuotaStore
from bot.transport import TimedTransport, VirusTotalTransport
from handlers.case import StoreDown
from handlers.deps import Instance
from handlers.instances import DEFAULT
from handlers.watch import DUPLICATE_WINDOW
from vt.client import Client
from vt.coalescing import FEW_CALLS, InFlight, MaxAges
from vt.codec import Packer
from vt.files.provider import Opener
from vt.files.transfer import Places
from vt.polling import LONG_OUTAGE, OUTAGE, Outage
from vt.privacy import UploadDenylist
from vt.quota import Quota
from vt.service import Clock, Service

SANDBOX_QUEUE_SECONDS = 20  # how long the sandbox takes to analyse what is submitted to it

log = structlog.get_logger()

PLACES = {"teams", "channels", "allowed_teams", "allowed_channels", "allowed_users"}
"""What of an instance's settings says where it is used, and by whom."""

new_id = partial(secrets.token_urlsafe, 16)
"""Makes random ids of 128 bits, in URL-safe characters."""


@dataclass(frozen=True, slots=True)
class Key:
    """All that belongs to one key of VirusTotal, so that no key waits for another, or shows what another was told."""

    replies: StoredReplies
    quota_store: QuotaStore
    service: Service
    """For people's look-ups."""
    automatic: Service
    """For look-ups that nobody asked for: it leaves people's reserve alone and reuses replies for a day."""
    label: str
    """In the metrics: an instance's name; the host that is asked while there is only one."""


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
    instances: Mapping[str, InstanceSettings]
    """All instances of VirusTotal, also when there is only one."""
    keys: Mapping[str, Key]
    """By the names of the instances; those with the same key and address share it."""
    clock: Clock
    invented: bool
    url: str
    name: str
    """The instance that is asked when nothing else is set."""
    is_listed: bool
    """There is a file of instances."""

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one instance."""
        return len(self.keys) > 1

    @property
    def each_key(self) -> list[Key]:
        """Every key once, however many instances share it."""
        return list({key.quota_store.name: key for key in self.keys.values()}.values())

    @property
    def key(self) -> Key:
        """The key of the instance that is asked."""
        return self.keys[self.name]

    def asking(self, name: str) -> Self:
        """The same, asking that instance. Raises KeyError."""
        return replace(self, name=self.instances[name].name, history=self.history.of_instance(name))

    def pings(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """What checks each key, as handlers.turns.about.health takes it."""
        named = (
            {f"key:{name}": key for name, key in self.keys.items()} if self.has_choice else {"key": self.key}
        )
        return {name: key.service.client.ping for name, key in named.items()}

    async def quotas(self) -> dict[str, Mapping[str, tuple[int, int]]]:
        """The calls used and allowed by window, by instance; by host while there is only one. Raises StoreDown."""
        named = self.keys if self.has_choice else {self.key.label: self.key}
        return {name: await key.quota_store.left() for name, key in named.items()}

    def offered(self) -> dict[str, Instance]:
        """The instances to choose from, as handlers know them; none while there is only VT_API_KEY's."""
        if not self.is_listed:
            return {}
        return {
            name: Instance(
                name=name,
                service=key.service,
                automatic=key.automatic,
                replies=key.replies,
                quota_left=key.quota_store.left,
                leave_queue=key.quota_store.leave,
                **self.instances[name].model_dump(include=PLACES),
            )
            for name, key in self.keys.items()
        }


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
    metrics, real = metrics or Metrics(), instances(settings)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        found = real or await stack.enter_async_context(_sandbox(settings))
        store = Database(url, metrics=metrics)
        stack.push_async_callback(store.close)
        if clock is None:
            clock = await stack.enter_async_context(DatabaseClock.kept(store))
        packer = Packer(ReplySpool(spool(settings).folder))
        spool(settings).remove_stale()
        first_turns = FirstTurns()
        cases = Cases(store, clock, first_turns, packer, metrics)
        cards = Cards(store, clock, unknown=bool(settings.watch_channels), packer=packer)
        shared = _Shared(
            settings,
            store,
            clock,
            metrics,
            packer,
            places(settings, kinds or {}),
            settings.proxies if real else DIRECT,
            partial(_wake, cases, cards),
        )
        keys: dict[tuple[str, str], Key] = {}
        for one in found.values():
            same = one.key.get_secret_value(), one.url
            if same not in keys:
                host = httpx.URL(one.url).host if real else "sandbox"
                label = one.name if len(found) > 1 else host
                keys[same] = await stack.enter_async_context(shared.key(one, label))
        name = DEFAULT if DEFAULT in found else next(iter(found))
        yield Backend(
            database=store,
            cases=cases,
            first_turns=first_turns,
            modals=Modals(store),
            history=History(store, name),
            people=PeopleStore(store),
            audit_trail=AuditTrail(store),
            cards=cards,
            channels=WatchStore(store, clock),
            instances=found,
            keys={name: keys[one.key.get_secret_value(), one.url] for name, one in found.items()},
            clock=clock,
            invented=not real,
            url=url,
            name=name,
            is_listed=settings.instances_file is not None,
        )


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[dict[str, InstanceSettings]]:
    """The stand-in for VirusTotal, while there is no key; that is logged as a warning. It has no quota."""
    log.warning("sandbox", why="VT_API_KEY is not set", data="invented")
    from playground.virustotal import Sandbox  # noqa: PLC0415 - a bot that has a key never loads the stand-in

    async with Sandbox(kind=settings.vt_key_kind, queue_seconds=SANDBOX_QUEUE_SECONDS).serve() as sandbox:
        yield {DEFAULT: of_sandbox(settings, sandbox.url)}


async def _wake(cases: Cases, cards: Cards) -> None:
    """Have what waits for VirusTotal go on now; without it, it goes on with its next try."""
    with suppress(StoreDown):
        await cases.wake()
        await cards.wake(timedelta(seconds=max(LONG_OUTAGE.seconds)))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all keys share."""

    settings: Settings
    store: Database
    clock: Clock
    metrics: Metrics
    packer: Packer
    places: Places
    proxies: Proxies
    on_return: Callable[[], Coroutine[Any, Any, None]]
    """Called when VirusTotal answers again."""

    @asynccontextmanager
    async def key(self, one: InstanceSettings, label: str) -> AsyncIterator[Key]:
        """All that belongs to an instance's key. `label`: in the metrics."""
        if not one.verify_ssl:
            why = "VT_VERIFY_SSL=false" if one.name == DEFAULT else f"verify_ssl of [{one.name}]"
            log.warning("tls_not_verified", why=why, danger="anyone on the way can read the key")
        settings, owned_by = self.settings, owner(one, self.settings)
        reserve = math.ceil(one.quota_day * settings.watch_reserve / 100)
        quota = QuotaStore(self.store, owned_by, one.limits, self.clock)
        reserved = QuotaStore(self.store, owned_by, one.limits, self.clock, reserve=reserve)
        bounds = settings.cache_rows, settings.cache_bytes
        replies = StoredReplies(self.store, f"{quota.name}:", *bounds, packer=self.packer)
        outage = Outage(self.clock)
        outage.on_return = self.on_return
        in_flight = InFlight(gathers=0 < one.quota_minute <= FEW_CALLS)
        known = timedelta(minutes=settings.cache_minutes)
        ages = MaxAges(known, min(known, timedelta(minutes=settings.cache_unknown_minutes)))

        async with AsyncExitStack() as stack:

            async def service(quota: Quota, ages: MaxAges, *, automatic: bool) -> Service:
                return Service(
                    await stack.enter_async_context(self._client(one, label, quota, outage)),
                    places=self.places,
                    clock=self.clock,
                    denylist=UploadDenylist(settings.never_upload),
                    cache=replies,
                    max_ages=ages,
                    own_domains=settings.internal_domains,
                    on_saved=lambda saving, calls: self.metrics.calls_saved.labels(saving.value).inc(calls),
                    outage=LONG_OUTAGE if automatic else OUTAGE,
                    in_flight=in_flight,
                    automatic=automatic,
                )

            yield Key(
                replies=replies,
                quota_store=quota,
                service=await service(quota, ages, automatic=False),
                automatic=await service(reserved, replace(ages, known=DUPLICATE_WINDOW), automatic=True),
                label=label,
            )

    def _client(self, one: InstanceSettings, label: str, quota: Quota, outage: Outage) -> Client:
        transport = VirusTotalTransport(
            verify=one.verify_ssl,
            ca_bundle=one.ca_bundle,
            proxies=Proxies(one.proxy, one.proxy) if one.proxy else self.proxies,
        )
        return Client(
            one.key,
            url=one.url,
            quota=quota,
            kind=one.kind,
            transport=TimedTransport(transport, httpx.URL(one.url).path, self.metrics, label),
            upload_hosts=self.settings.vt_upload_hosts,
            outage=outage,
            packer=self.packer,
        )
