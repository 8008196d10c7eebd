"""Watched channels: how they are watched, what is ignored there, and which card answers what was posted there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from bot.connections import Connection
from bot.database import Database, fetched
from handlers.watch import (
    ALL_CHANNELS,
    DUPLICATE_WINDOW,
    THROTTLE_PERIOD,
    Card,
    Duplicate,
    Ignored,
    Mode,
    Watch,
    posted_at,
)

log = structlog.get_logger()

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
_SEEN = "SELECT case_id, value, answered_by FROM watch_seen WHERE case_id = %(mine)s"
_ANSWERING = """
    SELECT case_id FROM watch_seen
    WHERE team = %(team)s AND channel = %(channel)s AND value = %(value)s AND answered_by = case_id
      AND case_id <> %(mine)s AND at > %(after)s AND at < %(before)s
    ORDER BY at DESC LIMIT 1
"""
_ENTER = """
    INSERT INTO watch_seen (case_id, value, team, channel, person, at, answered_by)
    VALUES (%(mine)s, %(value)s, %(team)s, %(channel)s, %(person)s, %(at)s, %(owner)s)
"""
_FORGET = "DELETE FROM watch_seen WHERE case_id = %(mine)s OR answered_by = %(mine)s"
_NO_LONGER = "DELETE FROM watch_seen WHERE case_id = %(case_id)s AND value = %(value)s"
_OLDEST = """
    SELECT case_id FROM watch_seen WHERE value = %(value)s AND answered_by = %(case_id)s ORDER BY at LIMIT 1
"""
_NEWEST = """
    SELECT case_id FROM watch_seen WHERE value = %(value)s AND answered_by = %(case_id)s ORDER BY at DESC LIMIT 1
"""
_SUCCEED = """
    UPDATE watch_seen SET answered_by = %(successor)s WHERE value = %(value)s AND answered_by = %(case_id)s
"""
_TAKE_OVER = "UPDATE watch_seen SET answered_by = %(mine)s WHERE case_id = %(mine)s AND value = %(value)s"
_DUPLICATES = """
    SELECT value, person, at FROM watch_seen WHERE answered_by = %(mine)s AND case_id <> %(mine)s ORDER BY at
"""


class WatchStore:
    """Implements handlers.watch.WatchStore. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""
        return await self._database.run(lambda connection: watch(connection, team, channel))

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel. The breaker is closed again."""
        row = {"mode": mode.value, "person": person, "since": self._clock()}
        await self._rows(_SWITCH, {"team": team, "channel": channel, **row})

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Open the breaker. False: it was open."""
        now = self._clock()
        times = {"until": until, "now": now, "latest": now + 2 * THROTTLE_PERIOD}
        return bool(await self._rows(_PAUSE, {"team": team, "channel": channel, **times}))

    async def ignored(self, team: str, channel: str) -> Sequence[Ignored]:
        """What is left alone there now, by value."""
        places = [ALL_CHANNELS, channel]
        rows = await self._rows(_IGNORED, {"team": team, "channels": places, "now": self._clock()})
        return [Ignored(row.value, row.channel, row.person, row.until, row.reason) for row in rows]

    async def ignore(self, team: str, one: Ignored) -> None:
        """Leave something alone."""
        row = {"until": one.until, "reason": one.reason, "person": one.person, "at": self._clock()}
        await self._rows(_IGNORE, {"team": team, "channel": one.channel, "value": one.value, **row})

    async def unignore(self, team: str, channel: str, value: str) -> bool:
        """No longer leave it alone. False: nobody did."""
        return bool(await self._rows(_UNIGNORE, {"team": team, "channel": channel, "value": value}))

    async def prune(self, older_than: datetime) -> None:
        """Delete what was to be left alone until then at most."""
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


# What was posted where, and which card answers it ---------------------------------------------------------


async def dedupe(
    connection: Connection, card: Card, keys: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Who answers for each key, and the cases whose cards have changed by it. Within a transaction."""
    mine = card.case.request.id
    rows = await fetched(connection, _SEEN, {"mine": mine})
    concerned: list[str] = []
    for row in rows:
        if row.value not in keys:
            concerned += await _give_back(connection, row)
    owners = {row.value: row.answered_by for row in rows if row.value in keys}
    for key in keys:
        if key not in owners:
            owners[key] = await _answering(connection, card, key) or mine
            await _enter(connection, card, key, owners[key])
            concerned += [owners[key]] if owners[key] != mine else []
    return owners, concerned


async def _answering(connection: Connection, card: Card, key: str) -> str | None:
    """The case that answered for it last in the card's channel, within the window before or after it."""
    origin = card.case.request.origin
    wanted = {
        "team": origin.team,
        "channel": origin.channel,
        "value": key,
        "mine": card.case.request.id,
        "after": posted_at(card) - DUPLICATE_WINDOW,
        "before": posted_at(card) + DUPLICATE_WINDOW,
    }
    rows = await fetched(connection, _ANSWERING, wanted)
    return str(rows[0].case_id) if rows else None


async def _enter(connection: Connection, card: Card, key: str, owner: str) -> None:
    origin = card.case.request.origin
    row = {
        "mine": card.case.request.id,
        "value": key,
        "team": origin.team,
        "channel": origin.channel,
        "person": origin.user,
        "at": posted_at(card),
        "owner": owner,
    }
    await connection.execute(_ENTER, row)


async def release(connection: Connection, card: Card) -> Sequence[str]:
    """The card does not answer anything any more: whoever posted each value last is answered instead. The changed cases."""
    rows = await fetched(connection, _SEEN, {"mine": card.case.request.id})
    changed: list[str] = []
    for row in rows:
        changed += await _give_back(connection, row, newest=True)
    return changed


async def forget(connection: Connection, card: Card) -> None:
    """Nobody is answered by the card: neither its message nor those that posted the same. The next one begins anew."""
    await connection.execute(_FORGET, {"mine": card.case.request.id})


async def _give_back(connection: Connection, row: Any, *, newest: bool = False) -> Sequence[str]:
    """The message no longer holds it: whoever posted it next, or last, is answered instead, or one is counted less."""
    this = {"case_id": row.case_id, "value": row.value}
    await connection.execute(_NO_LONGER, this)
    if row.answered_by != row.case_id:
        return [str(row.answered_by)]
    successors = await fetched(connection, _NEWEST if newest else _OLDEST, this)
    if not successors:
        return []
    successor = str(successors[0].case_id)
    await connection.execute(_SUCCEED, {**this, "successor": successor})
    return [successor]


async def take_over(connection: Connection, card: Card, key: str) -> None:
    """From now on this card answers for it."""
    await connection.execute(_TAKE_OVER, {"mine": card.case.request.id, "value": key})


async def duplicates_of(connection: Connection, card: Card) -> list[Duplicate]:
    """Who else posted what the card answers, the oldest first."""
    rows = await fetched(connection, _DUPLICATES, {"mine": card.case.request.id})
    return [Duplicate(row.value, row.person, row.at) for row in rows]
