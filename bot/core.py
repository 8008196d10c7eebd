"""What answers, with or without Slack: the database, the quota, VirusTotal, and Slack's Web API."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot import virustotal
from bot.database import Database, database
from bot.file_sources import places, spool
from bot.settings import Settings
from bot.storage.audit import Trail
from bot.storage.cards import Cards
from bot.storage.cases import Cases, Replies
from bot.storage.history import History
from bot.storage.modals import Modals
from bot.storage.people import Acquaintances
from bot.storage.quota_store import Ledger
from bot.storage.watched_channels import Channels
from handlers.watch import WINDOW
from vt.files.places import Opener
from vt.service import Clock, Service


def utc_now() -> datetime:
    """The one clock of the process."""
    return datetime.now(UTC)


def new_id() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Core:
    """What answers, with or without Slack."""

    database: Database
    cases: Cases
    modals: Modals
    history: History
    people: Acquaintances
    trail: Trail
    cards: Cards
    channels: Channels
    replies: Replies
    ledger: Ledger
    service: Service
    """For what people ask."""
    automatic: Service
    """For what nobody asked: it leaves the reserve, and asks again after a day only."""
    invented: bool
    url: str


@asynccontextmanager
async def core(
    settings: Settings, clock: Clock = utc_now, kinds: Mapping[str, Opener] | None = None
) -> AsyncIterator[Core]:
    """Database, quota and VirusTotal. `kinds`: places of files beside this machine and the hosts file."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        asked = await stack.enter_async_context(virustotal.target(settings))
        store = Database(url)
        stack.push_async_callback(store.close)
        limits, reserve = virustotal.limits(settings, asked), virustotal.reserve(settings, asked)
        ledger = Ledger(store, asked.key, limits, clock)
        replies = Replies(store, f"{ledger.name}:")
        spool(settings).remove_stale()
        files = places(settings, kinds or {})

        async def service(quota: Ledger, age: timedelta) -> Service:
            made = virustotal.service(settings, asked, quota, clock, files, replies=replies, age=age)
            return await stack.enter_async_context(made)

        people = await service(ledger, timedelta(minutes=settings.cache_minutes))
        automatic = await service(Ledger(store, asked.key, limits, clock, reserve=reserve), WINDOW)
        yield Core(
            store,
            Cases(store),
            Modals(store),
            History(store),
            Acquaintances(store),
            Trail(store),
            Cards(store, clock, unknown=bool(settings.watch_channels)),
            Channels(store, clock),
            replies,
            ledger,
            people,
            automatic,
            asked.invented,
            url,
        )
