"""Files on their way: found, read for their hash, and carried to VirusTotal in constant memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from vt import errors
from vt.client import Client, Raw
from vt.files import MATCHES, Files, Pinned, Source
from vt.files.places import Places
from vt.files.upload_policy import Never
from vt.lookup import Lookup
from vt.notes import Note

READ_AT_ONCE = 4
"""Files of one place that are read at the same time."""

Told = Callable[[Lookup, int], None]
"""Hears how many bytes of a file were read for its hash, or handed over, so far."""
Found = Callable[[Mapping[int, Lookup]], None]
"""Hears what became of lookups, by their place among all."""
Key = tuple[str, str, str]


def unheard(_lookup: Lookup, _sent: int) -> None:
    """Nobody wants to know."""


class Carrier:
    """Between the places where files are, and VirusTotal."""

    def __init__(self, client: Client, places: Places, never: Never) -> None:
        self._client = client
        self._places = places
        self._never = never

    async def expanded(self, lookups: Sequence[Lookup]) -> tuple[Lookup, ...]:
        """With the files in place of paths with `*` and `?`, each once; a path that cannot be had has its reason.

        At most MATCHES in all: a pattern that would exceed them fails.
        """
        found: dict[Key, Lookup] = {}
        left = len(lookups)
        for lookup in lookups:
            left -= 1
            ones = await self._found(lookup)
            if len(ones) > 1 and len(found.keys() | map(_key, ones)) + left > MATCHES:
                ones = [lookup.failed(errors.TooManyFiles(lookup.asked, MATCHES))]
            for one in ones:
                found.setdefault(_key(one), one)
        return tuple(found.values())

    async def _found(self, lookup: Lookup) -> list[Lookup]:
        if not lookup.is_path or not {"*", "?"} & set(lookup.asked):
            return [lookup]
        try:
            async with self._places.at(lookup.place) as files:
                return [lookup.but(asked=path) for path in await files.find(lookup.asked)]
        except (errors.FileFault, errors.HostFault) as fault:
            return [lookup.failed(fault)]

    async def read(self, place: str, lookups: Mapping[int, Lookup], told: Told, found: Found) -> None:
        """Files of one place: each is found with its hash once it was read, or with the reason why there is none."""
        room = asyncio.Semaphore(READ_AT_ONCE)

        async def hash_one(files: Files, index: int, lookup: Lookup) -> None:
            async with room:
                found({index: await _hashed(files, lookup, told)})

        try:
            async with self._places.at(place) as files:
                await asyncio.gather(*(hash_one(files, *item) for item in lookups.items()))
        except errors.HostFault as fault:
            found({index: lookup.failed(fault) for index, lookup in lookups.items()})

    async def upload(self, lookup: Lookup, told: Told) -> Raw | Note:
        """The receipt, or the note that says why it was not uploaded. Raises a VTError."""
        async with self._places.at(lookup.place) as files:
            source = await files.open(lookup.asked)
            if refused := await self._never.refuses(source):
                return refused
            if not lookup.may_upload:
                return Note.TO_AGREE
            if source.size != lookup.size:
                raise errors.Changed(lookup.asked)
            # What is uploaded is what was hashed, or the upload is never complete.
            pieces = _followed(Pinned(source, lookup.value), lookup, told)
            return await self._client.upload(source.name, source.size, pieces)


def _key(lookup: Lookup) -> Key:
    return lookup.action, lookup.place, lookup.asked


async def _hashed(files: Files, lookup: Lookup, told: Told) -> Lookup:
    try:
        source = await files.open(lookup.asked)
        sized = lookup.but(size=source.size, asked=source.name if _nameless(lookup) else lookup.asked)
        return sized.hashed(await files.digest(source, lambda read: told(sized, read)), source.size)
    except (errors.FileFault, errors.HostFault) as fault:
        return lookup.failed(fault)


def _nameless(lookup: Lookup) -> bool:
    """Was it asked for by nothing but where it is kept? Whoever keeps it knows what it is called."""
    return lookup.asked == lookup.place.partition(":")[2]


async def _followed(source: Source, lookup: Lookup, told: Told) -> AsyncGenerator[bytes, None]:
    sent = 0
    async with aclosing(source.chunks()) as blocks:
        async for block in blocks:
            yield block
            sent += len(block)
            told(lookup, sent)
