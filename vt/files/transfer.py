"""Moves files from the places where they are stored to VirusTotal: hashes them, and uploads what people agreed to.

Nothing here holds a whole file in memory. Lookups are addressed by their index in the request.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from vt import errors, polling, steps
from vt.client import Client
from vt.codec import Raw
from vt.errors import VTError
from vt.files import FileProvider, Source, VerifiedSource, hosts
from vt.files.disk import Disk
from vt.files.hosts import HOST, THIS_MACHINE, Host
from vt.files.provider import MAX_MATCHES, Opener, noop
from vt.lookup import Lookup, Step
from vt.models import Code
from vt.privacy import HEAD_BYTES, UploadDenylist
from vt.verdict import Note

READS_PER_PLACE = 4
"""Files of one place that are read at the same time."""
UPLOADS_AT_ONCE = 8
"""Uploads that are started together. All of them are marked as started, and none should have to wait much after that."""

Changes = Mapping[int, Lookup]
"""Lookups that changed, by index."""
OnProgress = Callable[[Lookup, int], None]
"""Called with a file's lookup and the number of bytes that were hashed, or uploaded, so far."""
Keep = Callable[[Iterable[Lookup], Raw, datetime], Awaitable[None]]
"""Caches a reply, which came at that time, for these lookups."""
OnChange = Callable[[Changes], None]
Work = Callable[[OnChange], Awaitable[None]]
"""One thing to do now. It reports each lookup as soon as its next state is known."""


@dataclass(slots=True)
class Upload:
    """What is known of a content that is about to be uploaded."""

    is_own: bool = True
    """Whoever asks is to send it."""
    receipt: Raw | None = None
    """VirusTotal has it already. Set by whoever has sent it."""
    upload_started: datetime | None = None
    """When somebody began to send it who has ended, so that nobody knows whether it arrived."""
    may_have_arrived: bool = True
    """Set to False by whoever is sure that VirusTotal has not got it."""


class Uploads(Protocol):
    """Which contents are being uploaded, and were, for all processes that share the VirusTotal key."""

    def claimed(self, lookup: Lookup) -> AbstractAsyncContextManager[Upload]:
        """The content is the caller's to send while the context is open, unless somebody else sends it or has sent it.

        What the caller has set by then is told to all who ask next.
        """


@dataclass(frozen=True, slots=True)
class Places:
    """Opens a place by its name. `kinds` adds places that are neither this machine nor a named server."""

    disk: Disk
    hosts: Mapping[str, Host] = field(default_factory=dict)
    kinds: Mapping[str, Opener] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, place: str) -> AsyncIterator[FileProvider]:
        """The files of a place, for as long as the context is open.

        Raises HostUnknown for a place that does not exist, and other HostFaults of a server.
        """
        kind, _, name = place.partition(":")
        if place == THIS_MACHINE:
            yield self.disk
        elif kind == HOST:
            host = hosts.with_stored_login(self.hosts, name)
            from vt.files import remote  # noqa: PLC0415 - paramiko takes 17 MB, which most bots never need

            async with remote.connect(host, self.disk.limit, self.disk.seconds) as server:
                yield server
        elif opener := self.kinds.get(kind):
            async with opener(name) as provider:
                yield provider
        else:
            raise errors.HostUnknown(name)


class FileTransfer:
    """Files between the places where they are stored and VirusTotal, for all requests of a process."""

    def __init__(
        self,
        client: Client,
        places: Places,
        *,
        denylist: UploadDenylist,
        keep: Keep,
        uploads: Uploads,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._places = places
        self._denylist = denylist
        self._keep = keep
        self._uploads = uploads
        self._clock = clock

    # Patterns --------------------------------------------------------------------------------------------

    async def expand(self, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
        """The lookups with every pattern (`*`, `?`) replaced by the files that it matches, each file once.

        A path that cannot be read becomes a lookup that failed with the reason. A pattern that would bring the request
        above MAX_MATCHES files fails as a whole; files that are named after it keep their slots.
        """
        found: dict[tuple[str, str, str], Lookup] = {}
        left = len(lookups)
        for lookup in lookups:
            left -= 1
            matches = await self._matches(lookup)
            if len(matches) > 1 and len(found.keys() | map(_key, matches)) + left > MAX_MATCHES:
                matches = [lookup.failed(errors.TooManyFiles(lookup.input, MAX_MATCHES))]
            for match in matches:
                found.setdefault(_key(match), match)
        return tuple(found.values())

    async def _matches(self, lookup: Lookup) -> list[Lookup]:
        if not lookup.is_path or not {"*", "?"} & set(lookup.input):
            return [lookup]
        try:
            async with self._places.open(lookup.place) as provider:
                return [lookup.evolve(input=path) for path in await provider.find(lookup.input)]
        except (errors.FileFault, errors.HostFault) as fault:
            return [lookup.failed(fault)]

    # What to do now --------------------------------------------------------------------------------------

    def next_steps(
        self, board: Sequence[Lookup], on_progress: OnProgress = noop
    ) -> tuple[list[Lookup], list[Work]]:
        """All lookups, with the uploads that start now marked as started, and the work to be done for the files.

        An upload is marked before its first byte is sent. Whoever stores the lookups before doing the work, and dies
        during an upload, finds the mark and asks VirusTotal whether the file arrived instead of sending it again.
        """
        now = self._clock()
        due = [index for index, lookup in enumerate(board) if lookup.is_file and lookup.due(now)]
        uploads = [index for index in due if board[index].step is Step.UPLOAD][:UPLOADS_AT_ONCE]
        marked = [
            lookup.upload_begins(now) if index in uploads else lookup for index, lookup in enumerate(board)
        ]
        unread = {index: marked[index] for index in due if not marked[index].value}
        places = {lookup.place for lookup in unread.values()}
        return marked, [
            *(partial(self._hash_all, place, unread, on_progress) for place in places),
            *(partial(self._upload_group, group, on_progress) for group in _by_content(marked, uploads)),
        ]

    # Hashing ---------------------------------------------------------------------------------------------

    async def _hash_all(
        self, place: str, unread: Changes, on_progress: OnProgress, on_change: OnChange
    ) -> None:
        """Hash the files of one place over one connection, READS_PER_PLACE at a time."""
        lookups = {index: lookup for index, lookup in unread.items() if lookup.place == place}
        slots = asyncio.Semaphore(READS_PER_PLACE)

        async def hash_one(provider: FileProvider, index: int, lookup: Lookup) -> None:
            async with slots:
                on_change({index: await _hash(provider, lookup, on_progress)})

        try:
            async with self._places.open(place) as provider:
                await asyncio.gather(*(hash_one(provider, *item) for item in lookups.items()))
        except errors.HostFault as fault:
            on_change({index: lookup.failed(fault) for index, lookup in lookups.items()})

    # Uploading -------------------------------------------------------------------------------------------

    async def _upload_group(self, group: Changes, on_progress: OnProgress, on_change: OnChange) -> None:
        """Upload the content of one or more files that is the same in all of them, once.

        The same content that another request uploaded a moment ago, in whichever process, is not sent again: its receipt
        serves here too. While another one is still uploading it, this one tries later.
        """
        first = next(iter(group.values()))
        if not first.may_upload:
            on_change(await self._upload_first(group, Upload(), on_progress))
            return
        async with self._uploads.claimed(first) as upload:
            if upload.is_own:
                changes = await self._upload_first(group, upload, on_progress)
            else:
                after = partial(
                    steps.after_claim,
                    receipt=upload.receipt,
                    upload_started=upload.upload_started,
                    now=self._clock(),
                )
                changes = {index: after(lookup) for index, lookup in group.items()}
        on_change(changes)

    async def _upload_first(self, group: Changes, upload: Upload, on_progress: OnProgress) -> Changes:
        """Upload the first file on behalf of all. What the reply or the error means for each of them."""
        index, first = next(iter(group.items()))
        is_complete = False

        def track(lookup: Lookup, sent: int) -> None:
            nonlocal is_complete
            is_complete = sent == lookup.size
            on_progress(lookup, sent)

        try:
            outcome = await self._send(first, track)
        except (errors.FileFault, errors.HostFault) as fault:
            # Only this file could not be read: the others of the group are tried in the next turn.
            upload.may_have_arrived = False
            return {index: polling.after_error(first.evolve(upload_started=None), fault, self._clock())}
        except VTError as error:
            now = self._clock()
            upload.may_have_arrived = is_complete and _is_uncertain(error)
            return {
                each: _after_upload_error(lookup, error, now, sent_whole=is_complete)
                for each, lookup in group.items()
            }
        if isinstance(outcome, Note):
            upload.may_have_arrived = False
            return {index: first.done(outcome)}
        upload.receipt = outcome
        now = self._clock()
        # Kept for everybody who looks up its hash from now on, too.
        await self._keep(group.values(), {**outcome, "response_code": Code.QUEUED.value}, now)
        return {each: polling.after_receipt(lookup, outcome, now) for each, lookup in group.items()}

    async def _send(self, lookup: Lookup, on_progress: OnProgress) -> Raw | Note:
        """VirusTotal's receipt, or the note that says why the file was not uploaded. Raises a VTError."""
        async with self._places.open(lookup.place) as provider:
            source = await provider.open(lookup.input)
            if forbidden := await self._forbidden(source):
                return forbidden
            if not lookup.may_upload:
                return Note.NEEDS_CONSENT
            if source.size != lookup.size:
                raise errors.Changed(lookup.input)
            chunks = _tracked(VerifiedSource(source, lookup.value), lookup, on_progress)
            return await self._client.upload(source.name, source.size, chunks)

    async def _forbidden(self, source: Source) -> Note | None:
        """Why the file must not be uploaded; None if it may be. Its beginning is read if its name does not decide."""
        if forbidden := self._denylist.by_name(source.name):
            return forbidden
        async with aclosing(source.chunks()) as chunks:
            first = await anext(chunks, b"")
        return self._denylist.by_content(first[:HEAD_BYTES])


def _key(lookup: Lookup) -> tuple[str, str, str]:
    return lookup.action.key, lookup.place, lookup.input


def _by_content(board: Sequence[Lookup], uploads: Iterable[int]) -> list[Changes]:
    """The lookups to be uploaded, grouped by content. One that nobody agreed to is a group of its own."""
    groups: dict[object, dict[int, Lookup]] = {}
    for index in uploads:
        lookup = board[index]
        groups.setdefault(lookup.value if lookup.may_upload else index, {})[index] = lookup
    return list(groups.values())


async def _hash(provider: FileProvider, lookup: Lookup, on_progress: OnProgress) -> Lookup:
    """The lookup with the file's size and SHA-256, or failed with the reason."""
    try:
        source = await provider.open(lookup.input)
        # A file of another Slack workspace is asked for by its id alone; its name is known once it is opened.
        is_unnamed = lookup.input == lookup.place.partition(":")[2]
        sized = lookup.evolve(size=source.size, input=source.name if is_unnamed else lookup.input)
        digest = await provider.digest(source, lambda read: on_progress(sized, read))
        return sized.hashed(digest, source.size)
    except (errors.FileFault, errors.HostFault) as fault:
        return lookup.failed(fault)


async def _tracked(source: Source, lookup: Lookup, on_progress: OnProgress) -> AsyncGenerator[bytes, None]:
    """The content; progress is reported after each chunk was consumed."""
    sent = 0
    async with aclosing(source.chunks()) as chunks:
        async for chunk in chunks:
            yield chunk
            sent += len(chunk)
            on_progress(lookup, sent)


def _is_uncertain(error: VTError) -> bool:
    """Whether VirusTotal may have taken an upload that was answered so, or not at all."""
    return isinstance(error, errors.NotAnswering | errors.Unreadable)


def _after_upload_error(lookup: Lookup, error: VTError, now: datetime, *, sent_whole: bool) -> Lookup:
    """An upload broke: without its last bytes it cannot have arrived, with them (`sent_whole`) it may have.

    Either way VirusTotal is asked for the file before it is sent again.
    """
    if not _is_uncertain(error):
        return polling.after_error(lookup.evolve(upload_started=None), error, now)
    if lookup.failed_uploads + 1 >= polling.MAX_BROKEN_UPLOADS:
        return lookup.evolve(upload_started=None).refused(error)
    if sent_whole:
        return polling.after_error(polling.interrupted(lookup), error, now)
    after = polling.after_error(
        lookup.evolve(upload_started=None, failed_uploads=lookup.failed_uploads + 1), error, now
    )
    return after if after.settled else after.evolve(step=Step.ASK)
