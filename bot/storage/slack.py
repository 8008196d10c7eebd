"""What belongs to Slack: who people are, channels' names and settings, refused kinds of block, and open modals."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

import structlog
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    MetaData,
    Row,
    Table,
    Text,
    cast,
    delete,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers import stored_shapes
from handlers.admission import CACHED_FOR
from handlers.case import Modal, Unreadable
from handlers.people import Person, Role
from handlers.request import Answers, ChannelSettings, Uploads

log = structlog.get_logger()

REFUSED_FOR = timedelta(days=30)
"""After which a refused kind is tried again: Slack may have learnt it since."""

STRICTEST = ChannelSettings(answers=Answers.PRIVATE, uploads=Uploads.DENY)
metadata = MetaData()
people = Table(
    "people_by_team",
    metadata,
    Column("team", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("locale", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
channel_names = Table(
    "channel_names",
    metadata,
    Column("team", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
settings_table = Table(
    "channels",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("ways", JSON, key="settings", nullable=False),
)
refused_blocks = Table(
    "refused_blocks",
    metadata,
    Column("team", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)
modals = Table(
    "modals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("modal", JSON, nullable=False),
    Index("modals_by_age", "created"),
)
_KEEP_MODAL = """
    INSERT INTO modals (id, delivery, created, modal) VALUES (%(id)s, %(delivery)s, %(created)s, %(modal)s::json)
    ON CONFLICT (delivery) DO NOTHING RETURNING id
"""


class PeopleStore:
    """The DirectoryCache of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def person(self, team: str, user: str, newer_than: datetime) -> Person | None:
        """A person, if the workspace looked them up after that time."""
        row = await self._found(people, (team, user), newer_than)
        if row is None or row.role not in {role.value for role in Role}:
            return None  # a role that a later release brought is asked of Slack again
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
        await self._keep(people, row)

    async def channel_name(self, team: str, channel: str, newer_than: datetime) -> str | None:
        """A channel's name, if it was looked up after that time."""
        row = await self._found(channel_names, (team, channel), newer_than)
        return row and str(row.name)

    async def keep_channel_name(self, team: str, channel: str, name: str, at: datetime) -> None:
        """Store a channel's name as it was looked up at that time."""
        await self._keep(channel_names, {"team": team, "id": channel, "name": name, "at": at})

    async def prune(self, older_than: datetime) -> None:
        """Delete what was looked up before that time."""
        for table in (people, channel_names):
            await self._execute(delete(table).where(table.c.at < older_than))

    async def _found(self, table: Table, key: tuple[str, str], newer_than: datetime) -> Any:
        # What seems to come from the future was stored before the clock was set back.
        recent = table.c.at.between(newer_than, newer_than + 2 * CACHED_FOR)
        wanted = select(table).where(tuple_(table.c.team, table.c.id) == key, recent)

        async def find(connection: AsyncConnection) -> Any:
            return (await connection.execute(wanted)).first()

        return await self._database.run(find)

    async def _keep(self, table: Table, row: dict[str, Any]) -> None:
        given = insert(table).values(row)
        await self._execute(given.on_conflict_do_update(index_elements=["team", "id"], set_=row))

    async def _execute(self, statement: Any) -> None:
        await self._database.run(lambda connection: connection.execute(statement))


class SettingsStore:
    """Implements handlers.admission.SettingsStore. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """What holds there; nothing is set where nobody set anything.

        Settings that cannot be read may have been strict, so the strictest hold until somebody sets them again.
        """
        wanted = select(cast(settings_table.c.settings, Text)).where(
            settings_table.c.team == team, settings_table.c.channel == channel
        )

        async def find(connection: AsyncConnection) -> Any:
            return await connection.scalar(wanted)

        stored = await self._database.run(find)
        if stored is None:
            return ChannelSettings()
        try:
            return stored_shapes.CHANNEL_SETTINGS.read(stored_shapes.parsed(stored))
        except Unreadable as unreadable:
            log.warning("channel_settings_unreadable", team=team, channel=channel, reason=str(unreadable))
            return STRICTEST

    async def change(self, team: str, channel: str, settings: ChannelSettings) -> None:
        """Have this hold there from now on."""
        new = insert(settings_table).values(
            team=team, channel=channel, settings=json.loads(stored_shapes.CHANNEL_SETTINGS.write(settings))
        )
        change = new.on_conflict_do_update(
            index_elements=["team", "channel"], set_={"settings": new.excluded.settings}
        )
        await self._database.run(lambda connection: connection.execute(change))

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The channels for which something is set."""
        wanted = (
            select(settings_table.c.channel)
            .where(settings_table.c.team == team)
            .order_by(settings_table.c.channel)
            .limit(most)
        )

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(wanted)).all()

        return [row.channel for row in await self._database.run(find)]


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

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(select(refused_blocks))).all()

        known = {(row.team, row.kind): row.at for row in await database.run(find)}
        return cls(database, clock, known)

    def kinds(self, team: str) -> frozenset[str]:
        """The kinds of block that this workspace refused in the last 30 days."""
        since = self._clock() - REFUSED_FOR
        return frozenset(kind for (where, kind), at in self.known.items() if where == team and at > since)

    async def remember(self, team: str, kinds: Collection[str]) -> None:
        """A workspace refused these kinds just now. Raises StoreDown."""
        now = self._clock()
        self.known.update({(team, kind): now for kind in kinds})
        given = insert(refused_blocks).values(
            [{"team": team, "kind": kind, "at": now} for kind in sorted(kinds)]
        )
        kept = given.on_conflict_do_update(index_elements=["team", "kind"], set_={"at": now})
        await self._database.run(lambda connection: connection.execute(kept))


# Modals -----------------------------------------------------------------------------------------------


class Modals:
    """The Modals of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, modal: Modal) -> bool:
        """Remember what a modal is for. False: this delivery opened one before."""
        row = {
            "id": modal.id,
            "delivery": modal.delivery,
            "created": modal.at,
            "modal": stored_shapes.MODAL.write(modal),
        }

        return bool(await self._database.rows(_KEEP_MODAL, row))

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none with that id, or what it was for cannot be read."""
        rows = await self._database.rows("SELECT modal::text FROM modals WHERE id = %(id)s", {"id": modal_id})
        if not rows:
            return None
        try:
            return stored_shapes.MODAL.read(stored_shapes.parsed(rows[0].modal))
        except Unreadable as unreadable:
            log.warning("modal_unreadable", modal=modal_id, reason=str(unreadable))
            return None

    async def prune(self, older_than: datetime) -> None:
        """Forget those that were opened before that time."""
        await self._database.rows("DELETE FROM modals WHERE created < %(before)s", {"before": older_than})
