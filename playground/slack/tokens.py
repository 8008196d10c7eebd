"""The tokens of an app that people install by OAuth: codes are exchanged for them, once, and they may be rotated."""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from playground.slack.seed import APP, BOT, ENTERPRISE, ENTERPRISE_NAME

CODE_SECONDS = 600
TOKEN_SECONDS = 12 * 3600
"""How long a token lives when tokens are rotated."""
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Code:
    """What the app exchanges for a token: once, within ten minutes."""

    team: str
    """A workspace's id, or the organisation's."""
    scopes: str
    redirect_uri: str
    born: float
    used: bool = False


@dataclass(slots=True)
class Grant:
    """One installation: its tokens, each with the moment when it expires, and the refresh token, which works once."""

    team: str
    scopes: str
    tokens: dict[str, float]
    refresh: str = ""
    refused: str = ""
    """Why its tokens no longer work."""

    @property
    def is_org_wide(self) -> bool:
        """Whether it is for the whole organisation."""
        return self.team == ENTERPRISE


class Refusal(Exception):
    """Slack's `ok: false`; the text is the error."""


class Tokens:
    """Of one app. `teams`: the name of each workspace, and the organisation that it belongs to, by id."""

    def __init__(
        self, teams: Mapping[str, tuple[str, str | None]], clock: Callable[[], float], *, rotates: bool
    ) -> None:
        self.client_id = "1042.4711"
        self.client_secret = "playground-client-secret"  # noqa: S105 - of an app that does not exist
        self.codes: dict[str, Code] = {}
        self.grants: list[Grant] = []
        self.reused = 0
        """How many times a refresh token was used that had been used before, or was none."""
        self._teams = teams
        self._clock = clock
        self._rotates = rotates

    def code(self, team: str, scopes: str, redirect_uri: str) -> str:
        """A new code for somebody who has agreed."""
        name = f"1042.{secrets.token_hex(20)}"
        self.codes[name] = Code(team, scopes, redirect_uri, self._clock())
        return name

    def access(self, request: web.Request, form: Mapping[str, Any]) -> dict[str, Any]:
        """oauth.v2.access: form fields, and the app's credentials as Basic auth or among the fields. Raises Refusal."""
        if request.method != "POST" or request.content_type != FORM:
            raise Refusal("invalid_form_data")
        given = _basic(request) or (form.get("client_id"), form.get("client_secret"))
        if given[0] != self.client_id:
            raise Refusal("invalid_client_id")
        if given[1] != self.client_secret:
            raise Refusal("bad_client_secret")
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(str(form.get("refresh_token")))
        return self._exchanged(str(form.get("code")), str(form.get("redirect_uri") or ""))

    def _exchanged(self, name: str, redirect_uri: str) -> dict[str, Any]:
        code = self.codes.get(name)
        if code is None or self._clock() - code.born > CODE_SECONDS:
            raise Refusal("invalid_code")
        if code.used:
            raise Refusal("code_already_used")
        if code.redirect_uri != redirect_uri:
            raise Refusal("bad_redirect_uri")
        code.used = True
        self.grants = [one for one in self.grants if one.team != code.team or one.refused]
        grant = Grant(code.team, code.scopes, {})
        self.grants.append(grant)
        return {**self._issued(grant), "authed_user": {"id": "U0ADMIN001"}}

    def _refreshed(self, refresh: str) -> dict[str, Any]:
        """Another token. The one before works on until it expires; a refresh token works once."""
        for grant in self.grants:
            if refresh and grant.refresh == refresh and not grant.refused:
                return self._issued(grant)
        self.reused += 1
        raise Refusal("invalid_refresh_token")

    def _issued(self, grant: Grant) -> dict[str, Any]:
        kind = "xoxe.xoxb-1-" if self._rotates else "xoxb-"
        token = f"{kind}{grant.team}-{secrets.token_hex(12)}"
        grant.tokens[token] = self._clock() + TOKEN_SECONDS if self._rotates else float("inf")
        grant.refresh = f"xoxe-1-{secrets.token_hex(24)}" if self._rotates else ""
        organisation = {"id": ENTERPRISE, "name": ENTERPRISE_NAME}
        name, enterprise = self._teams.get(grant.team, (None, ENTERPRISE))
        more = {"refresh_token": grant.refresh, "expires_in": TOKEN_SECONDS} if self._rotates else {}
        return {
            "app_id": APP,
            "access_token": token,
            "token_type": "bot",
            "scope": grant.scopes,
            "bot_user_id": BOT.id,
            "team": {"id": grant.team, "name": name} if name else None,
            "enterprise": organisation if enterprise else None,
            "is_enterprise_install": grant.is_org_wide,
            **more,
        }

    def grant(self, token: str) -> Grant:
        """The installation of a token that works now. Raises Refusal, LookupError for a token that never did."""
        for grant in self.grants:
            if token in grant.tokens:
                if grant.refused:
                    raise Refusal(grant.refused)
                if self._clock() > grant.tokens[token]:
                    raise Refusal("token_expired")
                return grant
        raise LookupError("there is no such token")

    def refuse(self, team: str, error: str) -> None:
        """From here on every call with a token of this installation gets this error."""
        for grant in self.grants:
            if grant.team == team:
                grant.refused = error


def _basic(request: web.Request) -> tuple[str, str] | None:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal("invalid_auth") from None
    return name, secret
