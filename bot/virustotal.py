"""VirusTotal as the settings say: the real one, or the built-in sandbox when there is no key."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
from pydantic import SecretStr

from bot.settings import Settings
from vt.client import Client
from vt.files.places import Places
from vt.files.upload_policy import UploadDenylist
from vt.privacy.allowlist import Ours
from vt.quota import Limits, Quota
from vt.reply_cache import Memory
from vt.service import Clock, Service

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and with which key."""

    url: str
    key: SecretStr
    invented: bool


@asynccontextmanager
async def target(settings: Settings) -> AsyncIterator[Target]:
    """The real VirusTotal; without a key the sandbox, loudly."""
    if not settings.vt_verify_ssl:
        log.warning(
            "tls_not_verified", why="VT_VERIFY_SSL=false", danger="anyone on the way can read the key"
        )
    if settings.vt_api_key:
        yield Target(settings.vt_api_url, settings.vt_api_key, invented=False)
        return
    log.warning("sandbox", why="VT_API_KEY is not set", data="invented")
    from bot import sandbox  # noqa: PLC0415 - a bot that has a key never loads the stand-in

    async with sandbox.served(settings) as url:
        yield Target(url, SecretStr("sandbox"), invented=True)


def limits(settings: Settings, asked: Target) -> Limits:
    """What the key allows; the sandbox has no quota to spend."""
    if asked.invented:
        return Limits(0, 0, 0)
    return Limits(settings.vt_quota_minute, settings.vt_quota_day, settings.vt_quota_month)


def reserve(settings: Settings, asked: Target) -> int:
    """Calls of a day that are kept for people."""
    return math.ceil(limits(settings, asked).day * settings.watch_reserve / 100)


@asynccontextmanager
async def service(
    settings: Settings,
    asked: Target,
    quota: Quota,
    clock: Clock,
    places: Places,
    *,
    replies: Memory,
    age: timedelta,
) -> AsyncIterator[Service]:
    """The service layer over a client of its own; a reply no older than `age` is not asked for again."""
    async with AsyncExitStack() as stack:
        client = Client(
            asked.key,
            url=asked.url,
            quota=quota,
            kind=settings.vt_key_kind,
            transport=httpx.AsyncHTTPTransport(
                verify=settings.vt_verify_ssl, limits=httpx.Limits(max_connections=50)
            ),
            upload_hosts=settings.vt_upload_hosts,
        )
        await stack.enter_async_context(client)
        yield Service(
            client,
            places=places,
            clock=clock,
            denylist=UploadDenylist(settings.never_upload),
            replies=replies,
            age=age,
            ours=Ours(settings.internal_domains),
        )
