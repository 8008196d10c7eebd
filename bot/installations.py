"""The workspaces in which the app is installed: a client for each, its token renewed in time, until the app is removed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from slack_bolt.async_app import AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.installation_store import Installation as Stored
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from bot.observability import Metrics
from bot.slack_client import Access, WebClient
from bot.storage.installations import (
    InstallationStore,
    Workspace,
    Workspaces,
    installed_in,
)
from handlers.admission import RECENT
from handlers.case import StoreDown
from handlers.deps import Installation
from handlers.payloads import optional
from handlers.slack_errors import TOKEN_ERRORS, UNREADABLE_REPLY, NotInstalled, error_code
from handlers.text.language import lazy_gettext as _
from handlers.text.language import line

PROBED_AFTER = timedelta(seconds=10)
"""How long a token that Slack refused is not tried again."""
RENEWED_BEFORE = 2 * 3600
"""Seconds before a token expires in which it is renewed: Slack's live for twelve hours."""
RENEWAL_WAIT = 1.0
"""Seconds for which whoever needs a token that has expired waits for the next one: deliveries have three in all."""
WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between looks whether another process has renewed a token."""
CLOSING = 4.0
"""Seconds for which a process that ends waits for tokens that it renews."""
SAVED_AGAIN = 1.0
"""Seconds between attempts to store a renewed token while the database is down."""
GONE = frozenset({"account_inactive", "token_revoked"})
"""Slack's codes for a token of an app that was removed."""

TRIED_AT_ONCE, TRYING_SECONDS = 10, 20.0
"""How many tokens vtbot doctor tries at the same time, and how long all of that may take."""
REFUSED = _("{team}: Slack refuses the token ({error}). Install the app there again.")
UNANSWERED = _("{team}: Slack did not answer ({error}).")

log = structlog.get_logger()


def same_client(slack: WebClient, access: Access, token: str) -> WebClient:
    """A client over the same HTTP session, with another token."""
    return WebClient(
        access,
        token=token,
        base_url=slack.base_url,
        session=slack.session,
        retry_handlers=slack.retry_handlers,
    )


@dataclass(slots=True)
class _Known:
    """An installation as this process read it last."""

    bot: Bot
    client: WebClient
    installation: Installation
    read_at: datetime


def _is_due(bot: Bot, now: float) -> bool:
    """Whether a token is to be renewed. `now`: seconds since 1970."""
    return bot.bot_token_expires_at is not None and bot.bot_token_expires_at - now < RENEWED_BEFORE


class Renewals:
    """The tokens that this process renews at the moment. A refresh token works once, so what Slack gives for it is stored.

    That goes on when nobody waits for it any more, and while the database is down.
    """

    def __init__(
        self, store: InstallationStore, rotator: AsyncTokenRotator, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._rotator = rotator
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[Bot]] = {}

    async def renew(self, bot: Bot, wait: float) -> Bot:
        """The next token, if there is one within `wait` seconds; otherwise the same one, and the next one later."""
        team = installed_in(bot)
        if team not in self._tasks:
            self._tasks[team] = asyncio.create_task(self._renew(bot))
            self._tasks[team].add_done_callback(lambda _: self._tasks.pop(team))
        done, _ = await asyncio.wait({self._tasks[team]}, timeout=wait)
        return done.pop().result() if done else bot

    async def renew_due(self) -> None:
        """Renew the tokens that expire soon, one after the other, whether anybody uses them or not. Raises StoreDown."""
        bots, _ = await self._store.every()
        for bot in bots:
            if _is_due(bot, self._clock().timestamp()):
                await self.renew(bot, RENEWAL_WAIT)

    async def close(self) -> None:
        """Wait for those that Slack has been asked for, as long as a process may take to end."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=CLOSING)

    async def _renew(self, bot: Bot) -> Bot:
        try:
            if await self._store.claim_renewal(bot):
                return await self._exchanged(bot)
            return await self._others(bot)
        except StoreDown:
            return bot

    async def _others(self, bot: Bot) -> Bot:
        """What another process stores, which renews the token now or has done so already."""
        for pause in WAITS:
            found = await self._store.find(installed_in(bot))
            if found is None or found.bot_token != bot.bot_token:
                return found or bot
            await asyncio.sleep(pause)
        return bot

    async def _exchanged(self, bot: Bot) -> Bot:
        try:
            renewed = await self._rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=10**9)
        except (SlackTokenRotationError, KeyError, ValueError) as error:
            code = (
                error_code(error.api_error)
                if isinstance(error, SlackTokenRotationError)
                else UNREADABLE_REPLY
            )
            log.warning("token_not_renewed", team=installed_in(bot), error=code)
            return bot
        if renewed is None:
            return bot
        # The SDK counts from this machine's time, which need not be the database's.
        ahead = self._clock().timestamp() - time.time()
        renewed.bot_token_expires_at = int((renewed.bot_token_expires_at or 0) + ahead)
        while True:
            with suppress(StoreDown):
                await self._store.async_save_bot(renewed)
                break
            await asyncio.sleep(SAVED_AGAIN)
        log.info("token_renewed", team=installed_in(renewed))
        return renewed


class Installations:
    """The Installations of handlers. `made` makes the client and the Installation of a workspace, from a token and its id."""

    def __init__(
        self,
        store: InstallationStore,
        workspaces: Workspaces,
        renewals: Renewals,
        made: Callable[[str, str], tuple[WebClient, Installation]],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._renewals = renewals
        self._made = made
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def find(self, team: str) -> Installation:
        """Of one workspace, or of its organisation; its token may be one that Slack refuses. Raises NotInstalled, StoreDown."""
        known = self._known.get(team)
        if known and abs(self._clock() - known.read_at) < RECENT and not known.client.access.refused:
            return known.installation
        workspace = await self._workspaces.find(team)
        if workspace is None or workspace.removed:
            raise NotInstalled
        bot = await self._current(workspace, known)
        if known is None or known.bot.bot_token != bot.bot_token:
            known = _Known(bot, *self._made(bot.bot_token, team), self._clock())
        elif known.client.access.refused and self._clock() - known.read_at > PROBED_AFTER and bot.bot_token:
            with suppress(SlackApiError):
                await (
                    known.client.auth_test()
                )  # if Slack accepts the token again, the client's Access says so
        if not bot.bot_token:
            known.client.access.set_refused("undecipherable")
        known.read_at = self._clock()
        self._known[team] = known
        return known.installation

    async def _current(self, workspace: Workspace, known: _Known | None) -> Bot:
        """The token to use now, renewed if it is about to expire; the expired one if there is no other yet. Raises NotInstalled, StoreDown."""
        bot = await self._bot(workspace)
        code = known.client.access.refused if known and known.bot.bot_token == bot.bot_token else ""
        if code in GONE:
            # The app was removed, though no event told of it.
            log.warning("app_removed", team=workspace.team, error=code)
            await self.remove(workspace.enterprise, None if workspace.is_org_wide else workspace.team)
            raise NotInstalled
        now = self._clock().timestamp()
        is_expired = code == "token_expired" or (bot.bot_token_expires_at or now + 1) <= now
        if not bot.bot_token or not (is_expired or _is_due(bot, now)):
            return bot
        return await self._renewals.renew(bot, RENEWAL_WAIT if is_expired else 0)

    async def _bot(self, workspace: Workspace) -> Bot:
        found = await self._store.find((workspace.is_org_wide and workspace.enterprise) or workspace.team)
        if found is None:
            raise NotInstalled
        if not found.bot_token:
            log.error("token_undecipherable", team=workspace.team, see="TOKEN_KEYS")
        return found

    async def remove(self, enterprise: str | None, team: str | None) -> None:
        """Delete an installation's tokens; what else is kept for it is deleted later. Raises StoreDown."""
        await self._store.async_delete_bot(enterprise_id=enterprise, team_id=team)
        self._known.clear()

    async def save(self, installed: Stored) -> None:
        """Store an installation: the first of a workspace, or one that was removed or had other scopes. Raises StoreDown."""
        await self._store.async_save(installed)
        self._known.clear()
        team = installed.team_id or installed.enterprise_id
        log.info("app_installed", team=team, is_org_wide=bool(installed.is_enterprise_install))

    # For bolt ------------------------------------------------------------------------------------------

    async def authorize(
        self, context: AsyncBoltContext, enterprise_id: str | None, team_id: str | None
    ) -> AuthorizeResult | None:
        """For bolt: whose delivery it is. None: the app is not installed there. Raises StoreDown."""
        team = team_id or enterprise_id or ""
        if not isinstance(team, str):
            return None
        try:
            if context.is_enterprise_install:
                await self._learn(team, enterprise_id)
            await self.find(team)
        except NotInstalled:
            log.warning("not_installed", team=team[:32])
            return None
        bot = self._known[team].bot
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team,
            bot_token=bot.bot_token,
            bot_id=bot.bot_id,
            bot_user_id=bot.bot_user_id,
        )

    async def _learn(self, team: str, enterprise: str | None) -> None:
        """Take note of a workspace that so far was known only by its organisation, whose admins may add workspaces at any time."""
        if team in self._known:
            return
        known = await self._workspaces.find(team)
        if known and known.is_org_wide and not known.removed:
            return
        await self._bot(Workspace(team, enterprise, is_org_wide=True))
        await self._workspaces.know(team, enterprise, is_org_wide=True)

    async def follow(
        self,
        body: dict[str, Any],
        next: Callable[[], Awaitable[object]],  # noqa: A002 - bolt's name
    ) -> BoltResponse | None:
        """Middleware for what Slack says about the installation itself. An app that has been installed again since then stays."""
        event = body.get("event")
        kind = event.get("type") if isinstance(event, Mapping) else None
        if kind not in ("app_uninstalled", "tokens_revoked", "team_access_granted", "team_access_revoked"):
            await next()
            return None
        enterprise, team = optional(body, "enterprise_id"), optional(body, "team_id")
        named = [str(one) for one in event.get("team_ids") or ()]  # type: ignore[union-attr] # it is a mapping
        if kind == "team_access_revoked":
            await self._workspaces.remove(named)
            self._known.clear()
        elif kind == "team_access_granted":
            for one in named:
                await self._learn(one, enterprise)
        elif kind == "app_uninstalled" or (event.get("tokens") or {}).get("bot"):  # type: ignore[union-attr] # the same
            is_org_wide = team is None or team == enterprise
            await self._uninstall(enterprise, None if is_org_wide else team, body.get("event_time"))
        return BoltResponse(status=HTTPStatus.OK)

    async def _uninstall(self, enterprise: str | None, team: str | None, at: Any) -> None:
        known = await self._workspaces.find(team or enterprise or "")
        if known is None:
            return
        found = await self._store.async_find_bot(enterprise_id=known.enterprise, team_id=team)
        if found and isinstance(at, int) and found.installed_at > at + 1:
            return  # Slack delivers late and twice
        log.warning("app_removed", team=team or enterprise)
        await self.remove(known.enterprise, team)


async def tried(bots: Sequence[Bot], slack: WebClient) -> list[str]:
    """For each token, why it does not work, or "". Takes TRYING_SECONDS at most."""
    few, until = asyncio.Semaphore(TRIED_AT_ONCE), asyncio.get_running_loop().time() + TRYING_SECONDS

    async def why(bot: Bot) -> str:
        try:
            async with asyncio.timeout_at(until), few:
                await same_client(slack, Access("installation", Metrics()), bot.bot_token).auth_test()
        except TimeoutError:
            return line(UNANSWERED, team=installed_in(bot), error="timeout")
        except SlackApiError as error:
            code = error_code(error)
            told = REFUSED if code in TOKEN_ERRORS else UNANSWERED
            return line(told, team=installed_in(bot), error=code)
        return ""

    return await asyncio.gather(*map(why, bots))
