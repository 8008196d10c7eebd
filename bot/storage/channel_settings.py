"""What was set for channels: the table, and what handlers ask of it."""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import JSON, Column, MetaData, Row, Table, Text, cast, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers import stored_shapes
from handlers.case import Unreadable
from handlers.request import Answers, ChannelSettings, Uploads

STRICTEST = ChannelSettings(answers=Answers.PRIVATE, uploads=Uploads.DENY)

log = structlog.get_logger()

metadata = MetaData()
table = Table(
    "channels",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("ways", JSON, key="settings", nullable=False),
)


class SettingsStore:
    """Implements handlers.channel_settings.SettingsStore. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """What holds there; nothing is set where nobody set anything.

        Settings that cannot be read may have been strict, so the strictest hold until somebody sets them again.
        """
        wanted = select(cast(table.c.settings, Text)).where(table.c.team == team, table.c.channel == channel)

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
        new = insert(table).values(
            team=team, channel=channel, settings=json.loads(stored_shapes.CHANNEL_SETTINGS.write(settings))
        )
        change = new.on_conflict_do_update(
            index_elements=["team", "channel"], set_={"settings": new.excluded.settings}
        )
        await self._database.run(lambda connection: connection.execute(change))

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The channels for which something is set."""
        wanted = select(table.c.channel).where(table.c.team == team).order_by(table.c.channel).limit(most)

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(wanted)).all()

        return [row.channel for row in await self._database.run(find)]
