"""What was set for channels: the table, and what handlers ask of it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Column, MetaData, Row, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers.request import ChannelSettings

metadata = MetaData()
table = Table(
    "channels",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("ways", JSON, nullable=False),
)


class Channels:
    """The Channels of handlers. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ways(self, team: str, channel: str) -> ChannelSettings:
        """What holds there; nothing is set where nobody set anything."""
        wanted = select(table.c.ways).where(table.c.team == team, table.c.channel == channel)

        async def find(connection: AsyncConnection) -> Any:
            return await connection.scalar(wanted)

        return ChannelSettings.model_validate(await self._database.run(find) or {})

    async def change(self, team: str, channel: str, ways: ChannelSettings) -> None:
        """Have this hold there from now on."""
        new = insert(table).values(team=team, channel=channel, ways=ways.model_dump(mode="json"))
        change = new.on_conflict_do_update(
            index_elements=["team", "channel"], set_={"ways": new.excluded.ways}
        )
        await self._database.run(lambda connection: connection.execute(change))

    async def changed(self, team: str, most: int) -> list[str]:
        """The channels for which something is set."""
        wanted = select(table.c.channel).where(table.c.team == team).order_by(table.c.channel).limit(most)

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(wanted)).all()

        return [row.channel for row in await self._database.run(find)]
