"""Which language people read: their own for what they alone see, the channel's for what everybody there sees."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from slack_bolt.async_app import AsyncBoltContext

from handlers.admission import Directory, RecentSettings
from handlers.case import Case, StoreDown
from handlers.people import PLACES_OF_ONE
from handlers.request import (
    AnswerRequest,
    CardActionRequest,
    ChangeSettingsRequest,
    HomeRequest,
    ModalRequest,
    Origin,
    SettingsRequest,
)
from handlers.slack_errors import Unknown
from handlers.text.language import Language, speak, spoken_in

SEEN_BY_ONE = (
    AnswerRequest,
    CardActionRequest,
    ChangeSettingsRequest,
    HomeRequest,
    ModalRequest,
    SettingsRequest,
)
"""Requests whose replies only the asker sees, wherever they were made. Answers that they share choose for themselves."""
AT_ONCE = 0.5
"""Seconds of the three that Slack gives an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of people and channels. What is not known, and a language that the bot does not speak, is the default."""

    directory: Directory
    channel_settings: RecentSettings
    default: Language = Language.ENGLISH
    """LANGUAGE, as the operator set it."""

    async def of_person(self, user: str) -> Language:
        """The language in which somebody uses Slack."""
        try:
            person = await self.directory.person(user)
        except (Unknown, StoreDown):
            return self.default
        return spoken_in(person.locale) or self.default

    async def at_once(self, user: str) -> Language:
        """The same for an acknowledgement, which cannot wait for a database or a Slack that does not answer."""
        try:
            async with asyncio.timeout(AT_ONCE):
                return await self.of_person(user)
        except TimeoutError:
            return self.default

    async def of_place(self, origin: Origin) -> Language:
        """The language for everybody who reads where a request came from: in direct messages that is the asker."""
        if origin.channel.startswith(PLACES_OF_ONE):
            return await self.of_person(origin.user)
        try:
            chosen = (await self.channel_settings.recent(origin.team, origin.channel)).language
        except StoreDown:
            return self.default
        return spoken_in(chosen) or self.default

    async def of_answer(self, case: Case) -> Language:
        """The language of what a request is answered with."""
        origin = case.request.origin
        if isinstance(case.request, SEEN_BY_ONE) or not case.is_seen_by_all:
            return await self.of_person(origin.user)
        return await self.of_place(origin)


class LanguageDeps(Protocol):
    """What the middleware is given."""

    @property
    def languages(self) -> Languages:
        """The languages of people."""


def answers_in_askers_language(deps: LanguageDeps) -> Callable[..., Awaitable[None]]:
    """Middleware: listeners answer people in their own language.

    Events are left out: most are messages that nobody awaits an answer to. Their listeners choose for themselves.
    """

    async def choose(
        body: dict[str, Any],
        context: AsyncBoltContext,
        next: Callable[[], Awaitable[object]],  # noqa: A002 - bolt's name
    ) -> None:
        is_event = body.get("type") == "event_callback" or not context.user_id
        languages = deps.languages
        speak(languages.default if is_event else await languages.at_once(context.user_id or ""))
        await next()

    return choose
