"""Whether a connection to the database still stands, found out without a question to the server.

A server that stops or ends a session says goodbye, unasked: then there is something to read where nothing should be.
A question each time (SQLAlchemy's pre-ping, psycopg_pool's check) is one more round trip for every statement.
"""

import select
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine


def stands(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Open, and nothing to be read from an idle connection. Costs no round trip."""
    try:
        socket = connection.pgconn.socket
    except psycopg.OperationalError:
        return False
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return not poll.poll(0)


def watched(engine: AsyncEngine) -> AsyncEngine:
    """Never hands out a connection that does not stand: all of them are made anew then."""

    def look(connection: Any, *_: Any) -> None:
        if not stands(connection.driver_connection):
            raise InvalidatePoolError

    event.listen(engine.sync_engine, "checkout", look)
    return engine


def pool(**options: Any) -> AsyncConnectionPool[Any]:
    """procrastinate's: each statement commits by itself, without a question before it and two commands around it."""
    return AsyncConnectionPool(**options | {"check": _check, "configure": _each_by_itself})


async def _each_by_itself(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


async def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    if not stands(connection):
        # The pool would keep it: it asks the connection whether it is broken, which has not read its goodbye.
        await connection.close()
        raise psycopg.OperationalError
