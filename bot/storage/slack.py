"""What belongs to Slack: people, channels' names, settings and watch, and refused kinds of block."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

import structlog

from bot.connections import Connection
from bot.database import Database, fetched
from handlers import stored_shapes
from handlers.admission import CACHED_FOR
from handlers.case import Unreadable
from handlers.people import Person, Role
from handlers.request import Answers, ChannelSettings, Uploads
from handlers.watch import ALL_CHANNELS, THROTTLE_PERIOD, Ignored, Mode, Watch

log = structlog.get_logger()

REFUSED_FOR = timedelta(days=30)
"""After which a refused kind is tried again: Slack may have learnt it since."""

STRICTEST = ChannelSettings(answers=Answers.PRIVATE, uploads=Uploads.DENY)
# What seems to come from the future was stored before the clock was set back.
_RECENT = "team = %(team)s AND id = %(id)s AND at BETWEEN %(after)s AND %(before)s"
_PERSON = f"SELECT id, name, role, admin, locale FROM people_by_team WHERE {_RECENT}"  # noqa: S608 - constants
_KEEP_PERSON = """
    INSERT INTO people_by_team (team, id, name, role, admin, locale, at)
    VALUES (%(team)s, %(id)s, %(name)s, %(role)s, %(admin)s, %(locale)s, %(at)s)
    ON CONFLICT (team, id) DO UPDATE SET name = excluded.name, role = excluded.role, admin = excluded.admin,
                                         locale = excluded.locale, at = excluded.at
"""
_CHANNEL_NAME = f"SELECT name FROM channel_names WHERE {_RECENT}"  # noqa: S608 - constants
_KEEP_CHANNEL_NAME = """
    INSERT INTO channel_names (team, id, name, at) VALUES (%(team)s, %(id)s, %(name)s, %(at)s)
    ON CONFLICT (team, id) DO UPDATE SET name = excluded.name, at = excluded.at
"""
# `ways` is the column's first name.
_SETTINGS = "SELECT ways::text AS settings FROM channels WHERE team = %(team)s AND channel = %(channel)s"
_KEEP_SETTINGS = """
    INSERT INTO channels (team, channel, ways) VALUES (%(team)s, %(channel)s, %(settings)s::json)
    ON CONFLICT (team, channel) DO UPDATE SET ways = excluded.ways
"""
_CHANGED_CHANNELS = "SELECT channel FROM channels WHERE team = %(team)s ORDER BY channel LIMIT %(most)s"
_KEEP_REFUSED_BLOCKS = """
    INSERT INTO refused_blocks (team, kind, at) SELECT %(team)s, kind, %(at)s FROM unnest(%(kinds)s::text[]) AS kind
    ON CONFLICT (team, kind) DO UPDATE SET at = excluded.at
"""
_WATCH = """
    SELECT mode, person, since, paused_until FROM watch_channels WHERE team = %(team)s AND channel = %(channel)s
"""
_SWITCH = """
    INSERT INTO watch_channels (team, channel, mode, person, since, paused_until)
    VALUES (%(team)s, %(channel)s, %(mode)s, %(person)s, %(since)s, NULL)
    ON CONFLICT (team, channel) DO UPDATE
    SET mode = excluded.mode, person = excluded.person, since = excluded.since, paused_until = NULL
"""
_PAUSE = """
    UPDATE watch_channels SET paused_until = %(until)s WHERE team = %(team)s AND channel = %(channel)s
       AND NOT (paused_until IS NOT NULL AND paused_until BETWEEN %(now)s AND %(latest)s)
    RETURNING true
"""
_IGNORED = """
    SELECT value, channel, person, until, reason FROM watch_ignored
    WHERE team = %(team)s AND channel = ANY(%(channels)s) AND (until IS NULL OR until > %(now)s) ORDER BY value
"""
_IGNORE = """
    INSERT INTO watch_ignored (team, channel, value, until, reason, person, at)
    VALUES (%(team)s, %(channel)s, %(value)s, %(until)s, %(reason)s, %(person)s, %(at)s)
    ON CONFLICT (team, channel, value) DO UPDATE
    SET until = excluded.until, reason = excluded.reason, person = excluded.person, at = excluded.at
"""
_UNIGNORE = """
    DELETE FROM watch_ignored WHERE team = %(team)s AND channel = %(channel)s AND value = %(value)s RETURNING true
"""


class PeopleStore:
    """The DirectoryCache of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def person(self, team: str, user: str, newer_than: datetime) -> Person | None:
        """A person, if the workspace looked them up after that time."""
        rows = await self._database.rows(_PERSON, _recent(team, user, newer_than))
        if not rows or rows[0].role not in {role.value for role in Role}:
            return None  # a role that a later release brought is asked of Slack again
        row = rows[0]
        return Person(row.id, row.name, Role(row.role), row.admin, row.locale)

    async def keep_person(self, team: str, person: Person, at: datetime) -> None:
        """Store a person as they were looked up at that time."""
        row = {
            "team": team,
            "id": person.id,
            "name": person.name,
            "role": person.role.value,
            "admin": person.admin,
            "locale": person.locale,
            "at": at,
        }
        await self._database.rows(_KEEP_PERSON, row)

    async def channel_name(self, team: str, channel: str, newer_than: datetime) -> str | None:
        """A channel's name, if it was looked up after that time."""
        rows = await self._database.rows(_CHANNEL_NAME, _recent(team, channel, newer_than))
        return str(rows[0].name) if rows else None

    async def keep_channel_name(self, team: str, channel: str, name: str, at: datetime) -> None:
        """Store a channel's name as it was looked up at that time."""
        row = {"team": team, "id": channel, "name": name, "at": at}
        await self._database.rows(_KEEP_CHANNEL_NAME, row)

    async def prune(self, older_than: datetime) -> None:
        """Delete what was looked up before that time."""
        for table in ("people_by_team", "channel_names"):
            sql = f"DELETE FROM {table} WHERE at < %(before)s"  # noqa: S608 - constants
            await self._database.rows(sql, {"before": older_than})


def _recent(team: str, name: str, newer_than: datetime) -> dict[str, object]:
    return {"team": team, "id": name, "after": newer_than, "before": newer_than + 2 * CACHED_FOR}


class SettingsStore:
    """The SettingsStore of handlers. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """A channel's settings; the defaults where nobody has changed any.

        Settings that cannot be read may have been strict, so the strictest hold until somebody sets them again.
        """
        rows = await self._database.rows(_SETTINGS, {"team": team, "channel": channel})
        if not rows:
            return ChannelSettings()
        try:
            return stored_shapes.CHANNEL_SETTINGS.read(stored_shapes.parsed(rows[0].settings))
        except Unreadable as unreadable:
            log.warning("channel_settings_unreadable", team=team, channel=channel, reason=str(unreadable))
            return STRICTEST

    async def change(self, team: str, channel: str, settings: ChannelSettings) -> None:
        """Replace a channel's settings."""
        row = {
            "team": team,
            "channel": channel,
            "settings": stored_shapes.CHANNEL_SETTINGS.write(settings),
        }
        await self._database.write((_KEEP_SETTINGS, row))

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The ids of at most so many channels whose settings were changed."""
        rows = await self._database.rows(_CHANGED_CHANNELS, {"team": team, "most": most})
        return [row.channel for row in rows]


class RefusedBlocks:
    """The RefusedBlocks of handlers. It is read once, when a process starts; other processes learn the same by themselves."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], known: Mapping[tuple[str, str], datetime]
    ) -> None:
        self._database = database
        self._clock = clock
        self.known = dict(known)
        """When which kind was refused last, by workspace and kind."""

    @classmethod
    async def stored(cls, database: Database, clock: Callable[[], datetime]) -> Self:
        """With what was refused before. Raises StoreDown."""
        rows = await database.rows("SELECT team, kind, at FROM refused_blocks", {})
        known = {(row.team, row.kind): row.at for row in rows}
        return cls(database, clock, known)

    def kinds(self, team: str) -> frozenset[str]:
        """The kinds of block that this workspace refused in the last 30 days."""
        since = self._clock() - REFUSED_FOR
        return frozenset(kind for (where, kind), at in self.known.items() if where == team and at > since)

    async def remember(self, team: str, kinds: Collection[str]) -> None:
        """A workspace refused these kinds just now. Raises StoreDown."""
        now = self._clock()
        self.known.update({(team, kind): now for kind in kinds})
        refused = {"team": team, "kinds": sorted(kinds), "at": now}
        await self._database.rows(_KEEP_REFUSED_BLOCKS, refused)


# Watched channels --------------------------------------------------------------------------------------


class WatchStore:
    """The WatchStore of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""
        return await self._database.run(lambda connection: watch(connection, team, channel))

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Set how a channel is watched. A pause ends with that."""
        row = {"mode": mode.value, "person": person, "since": self._clock()}
        await self._rows(_SWITCH, {"team": team, "channel": channel, **row})

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Pause the watch of a channel. False: it is paused already."""
        now = self._clock()
        times = {"until": until, "now": now, "latest": now + 2 * THROTTLE_PERIOD}
        return bool(await self._rows(_PAUSE, {"team": team, "channel": channel, **times}))

    async def ignored(self, team: str, channel: str) -> Sequence[Ignored]:
        """What is ignored there now, sorted by value."""
        places = [ALL_CHANNELS, channel]
        rows = await self._rows(_IGNORED, {"team": team, "channels": places, "now": self._clock()})
        return [Ignored(row.value, row.channel, row.person, row.until, row.reason) for row in rows]

    async def ignore(self, team: str, one: Ignored) -> None:
        """Ignore something from now on."""
        row = {"until": one.until, "reason": one.reason, "person": one.person, "at": self._clock()}
        await self._rows(_IGNORE, {"team": team, "channel": one.channel, "value": one.value, **row})

    async def unignore(self, team: str, channel: str, value: str) -> bool:
        """No longer ignore it. False: it was not ignored."""
        return bool(await self._rows(_UNIGNORE, {"team": team, "channel": channel, "value": value}))

    async def prune(self, older_than: datetime) -> None:
        """Delete what was to be ignored only until then."""
        await self._rows("DELETE FROM watch_ignored WHERE until < %(before)s", {"before": older_than})

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        return await self._database.rows_after_writes(sql, values)


async def watch(connection: Connection, team: str, channel: str) -> Watch | None:
    """How a channel was switched; None: never."""
    rows = await fetched(connection, _WATCH, {"team": team, "channel": channel})
    if not rows:
        return None
    row = rows[0]
    # A mode that a later release brought: nothing is looked up that nobody asked for.
    mode = Mode(row.mode) if row.mode in {mode.value for mode in Mode} else Mode.OFF
    return Watch(mode, row.person, row.since, row.paused_until)
