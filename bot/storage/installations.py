"""Where the app is installed by OAuth: slack_sdk's stores on our tables, with tokens encrypted, and the workspaces."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from bot.database import Database
from bot.environment import OperatorError
from bot.storage import forget
from handlers.text.language import enumerated
from handlers.text.language import lazy_gettext as _

STATE_LIVES = timedelta(minutes=10)
"""How long somebody may take between the page with the button and coming back from Slack."""
RENEWAL = timedelta(seconds=30)
"""How long one process may take to renew a token, before another one tries."""
MOST_NAMED = 5
"""Workspaces in one sentence."""
_SAVE = """
    INSERT INTO slack_installations
        (team, enterprise, is_org_wide, app, bot, bot_user, installer, scopes, token, refresh_token, expires, installed)
    VALUES (%(team)s, %(enterprise)s, %(is_org_wide)s, %(app)s, %(bot)s, %(bot_user)s, %(installer)s, %(scopes)s,
            %(token)s, %(refresh_token)s, to_timestamp(%(expires)s), %(installed)s)
    ON CONFLICT (team) DO UPDATE SET
        enterprise = excluded.enterprise, is_org_wide = excluded.is_org_wide, app = excluded.app, bot = excluded.bot,
        bot_user = excluded.bot_user, installer = excluded.installer, scopes = excluded.scopes, token = excluded.token,
        refresh_token = excluded.refresh_token, expires = excluded.expires, installed = excluded.installed, renewing = NULL
"""
_RENEWED = """
    UPDATE slack_installations
    SET token = %(token)s, refresh_token = %(refresh_token)s, expires = to_timestamp(%(expires)s), renewing = NULL
    WHERE team = %(team)s
"""
_FIND = "SELECT * FROM slack_installations WHERE team = %(team)s"
_ALL = "SELECT * FROM slack_installations ORDER BY team"
_DELETE = "DELETE FROM slack_installations WHERE team = %(team)s"
_CLAIM = """
    UPDATE slack_installations SET renewing = clock_timestamp()
    WHERE team = %(team)s AND date_trunc('second', expires) = to_timestamp(%(expires)s)
        AND (renewing IS NULL OR abs(extract(epoch FROM clock_timestamp() - renewing)) > %(seconds)s)
    RETURNING team
"""
"""The expiry identifies the token: if it differs, the token has been renewed since it was read. The database's own clock
is asked: those of two processes differ by milliseconds, in which a claim of the other one would lie in the future."""
_ISSUE = "INSERT INTO slack_states (state, expires) VALUES (%(state)s, %(expires)s)"
_CONSUME = "DELETE FROM slack_states WHERE state = %(state)s RETURNING expires"
_EXPIRED = "DELETE FROM slack_states WHERE expires < %(now)s"
_KNOW = """
    INSERT INTO slack_workspaces (team, enterprise, is_org_wide, removed) VALUES (%(team)s, %(enterprise)s, %(is_org_wide)s, NULL)
    ON CONFLICT (team) DO UPDATE SET enterprise = excluded.enterprise, is_org_wide = excluded.is_org_wide, removed = NULL
"""
_BACK = "UPDATE slack_workspaces SET removed = NULL WHERE is_org_wide AND enterprise = %(team)s"
_REMOVE = """
    UPDATE slack_workspaces SET removed = %(at)s
    WHERE (team = ANY(%(names)s) OR (is_org_wide AND enterprise = ANY(%(names)s))) AND removed IS NULL
"""
_WORKSPACE = "SELECT team, enterprise, is_org_wide, removed FROM slack_workspaces WHERE team = %(team)s"
_LEFT = "SELECT team FROM slack_workspaces WHERE removed < %(before)s"

log = structlog.get_logger()


class Undecipherable(OperatorError):
    """Tokens were encrypted with a key that is not among TOKEN_KEYS."""

    def __init__(self, teams: Sequence[str]) -> None:
        """`teams`: the workspaces and organisations whose tokens they are."""
        named = enumerated([*teams[:MOST_NAMED], *(["…"] if teams[MOST_NAMED:] else [])])
        said = _(
            "TOKEN_KEYS does not decrypt the stored tokens of {teams}: add the key with which they were encrypted, after a comma."
        )
        super().__init__(said, teams=named)


class States(AsyncOAuthStateStore):
    """States of the OAuth flow, each of which can be used once, within ten minutes. Methods raise StoreDown."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def async_issue(self, *_args: Any, **_options: Any) -> str:
        """A new one."""
        state, now = secrets.token_urlsafe(24), self._clock()
        await self._database.rows(_EXPIRED, {"now": now})
        await self._database.rows(_ISSUE, {"state": state, "expires": now + STATE_LIVES})
        return state

    async def async_consume(self, state: str) -> bool:
        """Use one up. False: it was never issued, was used before, or is too old."""
        if not state.isascii() or not state.isprintable():
            return False
        rows = await self._database.rows(_CONSUME, {"state": state})
        return bool(rows) and rows[0].expires > self._clock()


class InstallationStore(AsyncInstallationStore):
    """Installations by the id of their workspace or organisation, one each. Tokens are encrypted with TOKEN_KEYS.

    Every method raises StoreDown when the database does not answer. What was encrypted with another key is read as "".
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], keys: Iterable[SecretStr]) -> None:
        self._database = database
        self._clock = clock
        self._keys = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    async def async_save(self, installation: Installation) -> None:
        """Store an installation, in place of the one before, and that the app is in its workspace: both or neither."""
        bot = installation.to_bot()
        row = {
            "enterprise": installation.enterprise_id,
            "is_org_wide": bool(installation.is_enterprise_install),
            "app": installation.app_id or "",
            "bot": installation.bot_id or "",
            "bot_user": installation.bot_user_id or "",
            "installer": installation.user_id or "",
            "scopes": ",".join(bot.bot_scopes),
            "installed": self._clock(),
        }
        row |= self._tokens(bot)
        await self._database.write((_SAVE, row), (_KNOW, row), (_BACK, row))

    async def async_save_bot(self, bot: Bot) -> None:
        """Store the token of an installation in place of the one before, unless the app was removed meanwhile."""
        await self._database.rows(_RENEWED, self._tokens(bot))

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """The token of an installation."""
        return await self.find((team_id if not is_enterprise_install else None) or enterprise_id or "")

    async def find(self, team: str) -> Bot | None:
        """The token of a workspace or an organisation that has an installation of its own."""
        rows = await self._database.rows(_FIND, {"team": team})
        return self._bot(rows[0]) if rows else None

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Delete an installation, and note that the app was removed there: both or neither."""
        team = team_id or enterprise_id
        values = {"team": team, "names": [team], "at": self._clock()}
        await self._database.write((_DELETE, values), (_REMOVE, values))

    async def every(self) -> tuple[list[Bot], list[str]]:
        """All installations, and the ids of those whose tokens cannot be decrypted, which are not among the first."""
        bots = [self._bot(row) for row in await self._database.rows(_ALL, {})]
        undecipherable = [installed_in(bot) for bot in bots if not bot.bot_token]
        return [bot for bot in bots if bot.bot_token], undecipherable

    async def check(self) -> None:
        """Raises Undecipherable when a stored token was encrypted with a key that we do not have."""
        _, undecipherable = await self.every()
        if undecipherable:
            raise Undecipherable(undecipherable)

    async def count(self) -> int:
        """How many installations there are."""
        [[found]] = await self._database.rows("SELECT count(*) FROM slack_installations", {})
        return int(found)

    async def claim_renewal(self, bot: Bot) -> bool:
        """Whether this process may renew this token now. A refresh token works once, so that no two may."""
        expires, seconds = bot.bot_token_expires_at, RENEWAL.total_seconds()
        values = {"team": installed_in(bot), "expires": expires, "seconds": seconds}
        return bool(await self._database.rows(_CLAIM, values))

    def _tokens(self, bot: Bot) -> dict[str, Any]:
        return {
            "team": installed_in(bot),
            "token": self._keys.encrypt(bot.bot_token.encode()).decode(),
            "refresh_token": bot.bot_refresh_token
            and self._keys.encrypt(bot.bot_refresh_token.encode()).decode(),
            "expires": bot.bot_token_expires_at,
        }

    def _bot(self, row: Any) -> Bot:
        try:
            token = self._keys.decrypt(row.token).decode()
            refresh_token = row.refresh_token and self._keys.decrypt(row.refresh_token).decode()
        except InvalidToken:
            token, refresh_token = "", None
        return Bot(
            app_id=row.app,
            enterprise_id=row.enterprise,
            team_id=None if row.is_org_wide else row.team,
            bot_token=token,
            bot_id=row.bot,
            bot_user_id=row.bot_user,
            bot_scopes=row.scopes,
            bot_refresh_token=refresh_token,
            bot_token_expires_at=row.expires,
            is_enterprise_install=row.is_org_wide,
            installed_at=row.installed,
        )


def installed_in(bot: Bot) -> str:
    """By what an installation is found: the id of its workspace or organisation."""
    return (bot.enterprise_id if bot.is_enterprise_install else bot.team_id) or ""


# Workspaces --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace in which the app is, or was. An organisation is one too, for what names no workspace in it."""

    team: str
    enterprise: str | None
    is_org_wide: bool
    removed: datetime | None = None


class Workspaces:
    """Every workspace that the app is or was installed in. Methods raise StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def find(self, team: str) -> Workspace | None:
        """What is known of a workspace."""
        rows = await self._database.rows(_WORKSPACE, {"team": team})
        return Workspace(*rows[0]) if rows else None

    async def know(self, team: str, enterprise: str | None, *, is_org_wide: bool) -> None:
        """The app is installed in a workspace, alone or with its organisation, or in the organisation."""
        values: Mapping[str, Any] = {"team": team, "enterprise": enterprise, "is_org_wide": is_org_wide}
        await self._database.rows(_KNOW, values)
        await self._database.rows(_BACK, {"team": team})

    async def remove(self, names: Sequence[str]) -> None:
        """The app was removed from these workspaces and organisations."""
        await self._database.rows(_REMOVE, {"names": list(names), "at": self._clock()})

    async def prune(self, removed_before: datetime) -> None:
        """Delete what is kept for workspaces that removed the app before that time."""
        for row in await self._database.rows(_LEFT, {"before": removed_before}):
            log.info("workspace_forgotten", rows=await forget(self._database, row.team))
