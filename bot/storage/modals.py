"""The modals that are open, kept: the table, and what handlers ask of it."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import JSON, Column, DateTime, Index, MetaData, Table, Text, cast, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers import stored_shapes
from handlers.case import Modal, Unreadable

log = structlog.get_logger()

metadata = MetaData()
modals = Table(
    "modals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("modal", JSON, nullable=False),
    Index("modals_by_age", "created"),
)
_KEEP = text("""
    INSERT INTO modals (id, delivery, created, modal) VALUES (:id, :delivery, :created, CAST(:modal AS json))
    ON CONFLICT (delivery) DO NOTHING RETURNING id
""")


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

        async def insert(connection: AsyncConnection) -> bool:
            return (await connection.execute(_KEEP, row)).first() is not None

        return await self._database.run(insert)

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none with that id, or what it was for cannot be read."""

        async def find(connection: AsyncConnection) -> Any:
            return await connection.scalar(select(cast(modals.c.modal, Text)).where(modals.c.id == modal_id))

        stored = await self._database.run(find)
        if stored is None:
            return None
        try:
            return stored_shapes.MODAL.read(stored_shapes.parsed(stored))
        except Unreadable as unreadable:
            log.warning("modal_unreadable", modal=modal_id, reason=str(unreadable))
            return None

    async def prune(self, older_than: datetime) -> None:
        """Forget those that were opened before that time."""
        old = delete(modals).where(modals.c.created < older_than)
        await self._database.run(lambda connection: connection.execute(old))
