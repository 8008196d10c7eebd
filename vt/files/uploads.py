"""Files that somebody agreed to have uploaded: each content is sent once, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from vt import errors, polling, reply_cache, setbacks
from vt.errors import VTError
from vt.files.transfer import Carrier, Told
from vt.lookup import Lookup
from vt.notes import Note
from vt.reply_cache import Memory
from vt.scan_ids import SAME_SCAN

Board = Mapping[int, Lookup]
"""Lookups by their place among all."""


def by_content(board: Sequence[Lookup], uploads: Sequence[int]) -> list[Board]:
    """Files with the same content together, of those that somebody agreed to."""
    groups: dict[object, dict[int, Lookup]] = {}
    for index in uploads:
        lookup = board[index]
        groups.setdefault(lookup.value if lookup.may_upload else index, {})[index] = lookup
    return list(groups.values())


class Sending:
    """Uploads, whoever asked for them."""

    def __init__(self, carrier: Carrier, replies: Memory, clock: Callable[[], datetime]) -> None:
        self._carrier = carrier
        self._replies = replies
        self._clock = clock
        self._under_way: set[str] = set()
        self._receipts: dict[str, tuple[reply_cache.Raw, datetime]] = {}

    async def send(self, same: Board, told: Told) -> Board:
        """Send one of several files with the same content, for all of them; one that nobody agreed to is asked about."""
        first = next(iter(same.values()))
        content = first.value
        if not first.may_upload:
            return await self._send(same, told)
        now = self._clock()
        if receipt := self._receipt(content, now):
            return {index: one.queued(receipt, now) for index, one in same.items()}
        if content in self._under_way:
            return {index: one.but(begun=None).later(now) for index, one in same.items()}
        self._under_way.add(content)
        try:
            return await self._send(same, told)
        finally:
            self._under_way.discard(content)

    async def _send(self, same: Board, told: Told) -> Board:
        (index, first), whole = next(iter(same.items())), False

        def heard(one: Lookup, sent: int) -> None:
            nonlocal whole
            whole = sent == one.size
            told(one, sent)

        try:
            outcome = await self._carrier.upload(first, heard)
        except (errors.FileFault, errors.HostFault) as fault:
            return {index: setbacks.of(first.but(begun=None), fault, self._clock())}
        except VTError as error:
            now = self._clock()
            return {each: setbacks.of_upload(one, error, now, whole=whole) for each, one in same.items()}
        return {index: first.kept(outcome)} if isinstance(outcome, Note) else await self._taken(same, outcome)

    def _receipt(self, content: str, now: datetime) -> reply_cache.Raw | None:
        """Of what another request sent a moment ago: VirusTotal would take the same again for the same analysis."""
        self._receipts = {name: one for name, one in self._receipts.items() if now - one[1] < SAME_SCAN}
        return self._receipts[content][0] if content in self._receipts else None

    async def _taken(self, same: Board, receipt: reply_cache.Raw) -> Board:
        """Whoever asks for the hash from now on waits for this analysis too."""
        now, queued = self._clock(), {**receipt, "response_code": polling.QUEUED}
        self._receipts[next(iter(same.values())).value] = (receipt, now)
        await self._replies.put({reply_cache.key(one): queued for one in same.values()}, now)
        return {index: one.queued(receipt, now) for index, one in same.items()}
