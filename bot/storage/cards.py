"""Cards in answer to messages in watched channels: their table, and the CardStore of handlers.

A card is a case without a job of its own: batches work on all cards that are due. One batch runs, and one waits.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.connections import Connection
from bot.database import Database, fetched
from bot.queue import jobs
from bot.storage.cases import COLUMNS, CaseReplies, Cases, keep
from bot.storage.slack import watch
from handlers import stored_shapes
from handlers.case import Unreadable, UnreadableCase
from handlers.event_payloads import MessageEvent
from handlers.request import Request
from handlers.watch import (
    BATCH_DELAY,
    DUPLICATE_WINDOW,
    NAME_RULE_LIFETIME,
    Card,
    CardOverrides,
    Duplicate,
    Mode,
    posted_at,
)
from vt.codec import Packer
from vt.lookup import Lookup

# Columns keep the names that they were made with: `heard` is the last event, `wishes` the overrides, `manners` the progress.
_LAST_EVENT = """
    SELECT heard AS last_event FROM watch_cards WHERE team = %(team)s AND channel = %(channel)s AND message = %(message)s FOR UPDATE
"""
_NEW = """
    INSERT INTO watch_cards (case_id, team, channel, message, heard, wanted, wishes, version, manners, due)
    VALUES (%(case_id)s, %(team)s, %(channel)s, %(message)s, %(heard)s, %(wanted)s::json, '{}', 1, '{}', %(due)s)
"""
_EDITED = """
    UPDATE watch_cards SET heard = %(heard)s, wanted = %(wanted)s::json, due = %(due)s, version = version + 1
    WHERE team = %(team)s AND channel = %(channel)s AND message = %(message)s
"""
_OVERRIDES = "SELECT wishes AS overrides FROM watch_cards WHERE case_id = %(case_id)s FOR UPDATE"
_OVERRIDE = "UPDATE watch_cards SET wishes = %(wishes)s::json WHERE case_id = %(case_id)s"
# The higher version keeps a batch that is at work on a card from storing that the card is done.
_DUE_NOW = "UPDATE watch_cards SET version = version + 1, due = %(now)s WHERE case_id = ANY(%(case_ids)s)"
_POSTPONE = "UPDATE watch_cards SET due = %(due)s WHERE case_id = %(case_id)s"
_SAVE = """
    UPDATE watch_cards SET manners = %(progress)s::json, posted = %(posted)s,
                           due = CASE WHEN version = %(version)s THEN %(due)s ELSE due END
    WHERE case_id = %(case_id)s
"""
_WAKE = """
    UPDATE watch_cards SET version = version + 1, due = %(now)s WHERE due > %(now)s AND due <= %(latest)s RETURNING true
"""  # the version: as in _DUE_NOW
_COUNT = """
    SELECT count(*) AS cards FROM watch_cards WHERE team = %(team)s AND channel = %(channel)s AND posted > %(start)s
"""
_CARDS = f"""
    SELECT {COLUMNS}, wanted::text AS wanted, wishes::text AS card_overrides, manners::text AS card_progress,
           version, posted
    FROM cases JOIN watch_cards ON cases.id = watch_cards.case_id
"""  # noqa: S608 - constants
_OF_CASE = f"{_CARDS} WHERE case_id = %(case_id)s"
_OF_MESSAGE = f"""
    {_CARDS}
    WHERE watch_cards.team = %(team)s AND watch_cards.channel = %(channel)s AND message = %(message)s
"""
_DUE = f"{_CARDS} WHERE due <= %(now)s ORDER BY message LIMIT %(most)s"
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
_SUCCESSORS = (
    "SELECT case_id FROM watch_seen WHERE value = %(value)s AND answered_by = %(case_id)s ORDER BY at"
)
_OLDEST, _NEWEST = f"{_SUCCESSORS} LIMIT 1", f"{_SUCCESSORS} DESC LIMIT 1"
_SUCCEED = """
    UPDATE watch_seen SET answered_by = %(successor)s WHERE value = %(value)s AND answered_by = %(case_id)s
"""
_TAKE_OVER = "UPDATE watch_seen SET answered_by = %(mine)s WHERE case_id = %(mine)s AND value = %(value)s"
_DUPLICATES = """
    SELECT value, person, at FROM watch_seen WHERE answered_by = %(mine)s AND case_id <> %(mine)s ORDER BY at
"""


class Cards:
    """The CardStore of handlers. Every method raises StoreDown when the database cannot take it.

    `unknown`: whether to listen in channels that were never switched, since their names may be such as are watched.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        unknown: bool = False,
        packer: Packer | None = None,
    ) -> None:
        self._database = database
        self._replies = CaseReplies(database, packer or Packer())
        self._clock = clock
        self._unknown = unknown

    # Messages and what is asked of their cards -----------------------------------------------------------

    async def record(self, event: MessageEvent, wanted: Sequence[Lookup], request: Request) -> None:
        """Store a message, edit or deletion if its channel is watched, and schedule a batch. Raises StoreDown."""
        row = {
            "team": request.origin.team,
            "channel": event.channel,
            "message": event.ts,
            "heard": event.at,
            "wanted": _dumped(wanted),
            "due": self._clock(),
            "case_id": request.id,
        }

        async def stored(connection: Connection) -> None:
            known = await fetched(connection, _LAST_EVENT, row)
            if not known:
                if not wanted or not await self._is_watched(connection, request.origin.team, event.channel):
                    return
                if not await keep(connection, request, jobs.AUTOMATIC):
                    return
                await connection.execute(_NEW, row)
            elif known[0].last_event < event.at:
                await connection.execute(_EDITED, row)
            else:
                return  # Slack delivers events late and twice
            await connection.execute(jobs.NEXT_BATCH, {"seconds": BATCH_DELAY.total_seconds()})

        await self._database.run(stored, together=True)

    async def _is_watched(self, connection: Connection, team: str, channel: str) -> bool:
        """Whether a message there may get a card. What a channel's name decided is forgotten after a while."""
        found = await watch(connection, team, channel)
        if found is None or (found.is_derived and self._clock() - found.since > NAME_RULE_LIFETIME):
            return self._unknown
        return found.mode is not Mode.OFF and not found.is_paused(self._clock())

    async def override(self, case_id: str, overrides: CardOverrides) -> bool:
        """Add what somebody asked of a card, and schedule a batch. False: there is no such card. Raises StoreDown."""

        async def stored(connection: Connection) -> bool:
            known = await fetched(connection, _OVERRIDES, {"case_id": case_id})
            if not known:
                return False
            merged = known[0].overrides | overrides.model_dump(mode="json", exclude_defaults=True)
            await connection.execute(_OVERRIDE, {"case_id": case_id, "wishes": json.dumps(merged)})
            await self._due_now(connection, [case_id])
            await connection.execute(jobs.NEXT_BATCH, {"seconds": 0})
            return True

        return await self._database.run(stored, together=True)

    async def card(self, case_id: str) -> Card | None:
        """The card of a case. Raises StoreDown, UnreadableCase."""
        return await self._one(_OF_CASE, {"case_id": case_id})

    async def card_for_message(self, team: str, channel: str, message: str) -> Card | None:
        """The card in answer to the message with this timestamp. Raises StoreDown, UnreadableCase."""
        return await self._one(_OF_MESSAGE, {"team": team, "channel": channel, "message": message})

    async def _one(self, sql: str, which: Mapping[str, str]) -> Card | None:
        card = next(iter(await self._cards(sql, which)), None)
        if isinstance(card, UnreadableCase):
            raise card
        return card

    # Batches ---------------------------------------------------------------------------------------------

    async def due(self, most: int) -> list[Card | UnreadableCase]:
        """The cards to work on now, the oldest message first; in place of one that cannot be read, why."""
        return await self._cards(_DUE, {"now": self._clock(), "most": most})

    async def _cards(self, sql: str, which: Mapping[str, Any]) -> list[Card | UnreadableCase]:
        found = await self._database.rows_after_writes(sql, which)
        return [await self._card(row._asdict()) for row in found]

    async def _card(self, row: Mapping[str, Any]) -> Card | UnreadableCase:
        """A card, or why it cannot be read: one must not keep the others from being answered."""
        try:
            return Card(
                case=await self._replies.read_case(row),
                wanted=stored_shapes.read_lookups(stored_shapes.parsed(row["wanted"])),
                overrides=stored_shapes.OVERRIDES.read(stored_shapes.parsed(row["card_overrides"])),
                progress=stored_shapes.CARD_PROGRESS.read(stored_shapes.parsed(row["card_progress"])),
                version=row["version"],
                posted=row["posted"],
            )
        except UnreadableCase as unreadable:
            return unreadable
        except Unreadable as unreadable:
            return UnreadableCase(stored_shapes.salvage(row), unreadable)

    async def fail(self, case_id: str, why: str) -> None:
        """End a card that cannot be read. `why` goes to the audit trail. Raises StoreDown."""
        await self.postpone(case_id, None)
        await Cases(self._database).fail(case_id, why)

    async def postpone(self, case_id: str, due: datetime | None) -> None:
        """Have a card worked on at another time; None: no more. Raises StoreDown."""
        await self._database.rows_after_writes(_POSTPONE, {"case_id": case_id, "due": due})

    async def save(self, card: Card, due: datetime | None) -> None:
        """Store a card's progress and when it is due again; an edit or override in the meantime keeps it due."""
        row = {
            "case_id": card.case.request.id,
            "progress": stored_shapes.CARD_PROGRESS.write(card.progress, exclude_defaults=True),
            "posted": card.posted,
            "version": card.version,
            "due": due,
        }
        await self._database.rows_after_writes(_SAVE, row)

    async def wake(self, within: timedelta) -> None:
        """Have cards that are due within that time worked on now. Raises StoreDown."""
        now = self._clock()

        async def woken(connection: Connection) -> None:
            if await fetched(connection, _WAKE, {"now": now, "latest": now + within}):
                await connection.execute(jobs.NEXT_BATCH, {"seconds": 0})

        await self._database.run(woken, together=True)

    async def schedule_batch(self) -> None:
        """Schedule a batch for when the next card is due. Raises StoreDown."""
        [[first]] = await self._database.rows_after_writes("SELECT min(due) FROM watch_cards", {})
        if first:
            seconds = max(0.0, (first - self._clock()).total_seconds())
            await self._database.rows_after_writes(jobs.NEXT_BATCH, {"seconds": seconds})

    async def count_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and reactions were posted in the channel since then. Raises StoreDown."""
        where = {"team": team, "channel": channel, "start": start}
        [[count]] = await self._database.rows_after_writes(_COUNT, where)
        return int(count)

    # Duplicates ------------------------------------------------------------------------------------------

    async def dedupe(self, card: Card, keys: Sequence[str]) -> Mapping[str, str]:
        """For each key the id of the case whose card answers it in this channel: this one's, or an earlier one's.

        Cards that this changes become due. Raises StoreDown.
        """
        mine = card.case.request.id

        async def answering(connection: Connection) -> Mapping[str, str]:
            owners: dict[str, str] = {}
            changed: list[str] = []
            for row in await fetched(connection, _SEEN, {"mine": mine}):
                if row.value in keys:
                    owners[row.value] = row.answered_by
                else:
                    changed += await _give_back(connection, row)
            for key in keys:
                if key not in owners:
                    owners[key] = await _enter(connection, card, key)
                    changed += [owners[key]] if owners[key] != mine else []
            await self._due_now(connection, changed)
            return owners

        return await self._database.run(answering, together=True)

    async def release(self, card: Card, *, to_others: bool) -> None:
        """Let whoever posted each of the card's keys last be answered instead, or whoever posts it next. Raises StoreDown."""
        mine = {"mine": card.case.request.id}

        async def released(connection: Connection) -> None:
            if not to_others:
                await connection.execute(_FORGET, mine)
                return
            changed: list[str] = []
            for row in await fetched(connection, _SEEN, mine):
                changed += await _give_back(connection, row, newest=True)
            await self._due_now(connection, changed)

        await self._database.run(released, together=True)

    async def take_over(self, card: Card, key: str) -> None:
        """From now on this card answers a key that an earlier one answered. Raises StoreDown."""
        await self._database.rows_after_writes(_TAKE_OVER, {"mine": card.case.request.id, "value": key})

    async def duplicates(self, card: Card) -> Sequence[Duplicate]:
        """Who else posted what the card answers, the oldest first. Raises StoreDown."""
        rows = await self._database.rows_after_writes(_DUPLICATES, {"mine": card.case.request.id})
        return [Duplicate(row.value, row.person, row.at) for row in rows]

    async def _due_now(self, connection: Connection, case_ids: Sequence[str]) -> None:
        if case_ids:
            await connection.execute(_DUE_NOW, {"case_ids": case_ids, "now": self._clock()})


async def _enter(connection: Connection, card: Card, key: str) -> str:
    """Note that the card's message has this key. Returns the id of the case that answers it.

    That is the last one in the channel whose message was posted at most DUPLICATE_WINDOW earlier or later, or else the card's own.
    """
    origin, at = card.case.request.origin, posted_at(card)
    row = {
        "mine": card.case.request.id,
        "value": key,
        "team": origin.team,
        "channel": origin.channel,
        "person": origin.user,
        "at": at,
        "after": at - DUPLICATE_WINDOW,
        "before": at + DUPLICATE_WINDOW,
    }
    found = await fetched(connection, _ANSWERING, row)
    owner = str(found[0].case_id) if found else card.case.request.id
    await connection.execute(_ENTER, row | {"owner": owner})
    return owner


async def _give_back(connection: Connection, row: Any, *, newest: bool = False) -> Sequence[str]:
    """The message no longer has this key. Returns the ids of the cases whose cards change by that.

    If its own card answered the key, the card of whoever posted it next, or last, answers from now on.
    """
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


def _dumped(lookups: Sequence[Lookup]) -> str:
    """Without what is as in a new lookup, but always with the version."""
    return json.dumps(
        [{"version": one.version} | json.loads(one.model_dump_json(exclude_defaults=True)) for one in lookups]
    )
