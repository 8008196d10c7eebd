"""Storage in memory for turns by the thousand: the stored shapes as JSON text, refused where PostgreSQL would refuse it."""

# ruff: noqa: ARG002 - the arguments of the protocols that are implemented

import json
from collections import defaultdict
from contextlib import asynccontextmanager

from handlers.case import Case, Outcome, Sighting
from handlers.people import Person, Role
from handlers.request import ChannelSettings
from handlers.stored_shapes import CARD_PROGRESS, LOOKUPS, PROGRESS, REQUEST, parsed, read_case, read_lookups
from handlers.watch import Card, CardOverrides, Duplicate, Mode, Watch
from vt.coalescing import Claims
from vt.codec import PackedReply, Packer
from vt.files.transfer import Upload


class Refused(Exception):
    """PostgreSQL would not take it."""


def taken(text):
    """The text as PostgreSQL returns it. Raises Refused for a NUL, and for half of a surrogate pair."""
    try:
        text.encode()
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except ValueError as error:
        raise Refused(type(error).__name__) from None
    if "\0" in text:
        raise Refused("NUL")
    return text


class MemoryCases:
    """The Store of handlers."""

    def __init__(self):
        self.rows = {}
        self.replies = {}
        self.packer = Packer()

    async def accept(self, request):
        fixed = {"id": request.id, "delivery": request.delivery, "created": request.at}
        fixed |= {"team": request.origin.team, "asker": request.origin.user, "verb": request.verb.value}
        self.rows[request.id] = fixed | {"request": taken(REQUEST.write(request))}
        await self.save(Case(request=request))
        return True

    async def case(self, request_id):
        row = self.rows.get(request_id)
        return row and self._with_replies(read_case(row))

    def _with_replies(self, case):
        lookups = [
            one.evolve(raw=self.packer.attached(one.raw, self.replies[one.raw.digest]))
            if isinstance(one.raw, PackedReply)
            else one
            for one in case.lookups
        ]
        return case.model_copy(update={"lookups": tuple(lookups)})

    async def save(self, case):
        packed = [one.raw for one in case.lookups if isinstance(one.raw, PackedReply)]
        self.replies |= {raw.digest: raw.compressed for raw in packed if raw.digest not in self.replies}
        progress = taken(PROGRESS.write(case, exclude={"request"}))
        self.rows[case.request.id] |= {"outcome": case.outcome.value, "progress": progress}

    async def decline(self, case, why):
        await self.save(case.model_copy(update={"outcome": Outcome.REFUSED}))

    async def fail(self, request_id, why):
        self.rows[request_id]["outcome"] = Outcome.FAILED.value

    async def spent(self, request_id, calls):
        """The calls are not counted."""

    async def again(self, request_id, at, *, outage=False):
        """The next turn is taken when the test wants it."""

    async def ping(self):
        """It is always there."""


class NullCache:
    """A ReplyCache that stores no replies, for a single process. It remembers uploads."""

    def __init__(self):
        self.uploads = {}

    @asynccontextmanager
    async def claimed(self, lookup):
        if known := self.uploads.get(lookup.value):
            yield Upload(is_own=False, receipt=known.receipt)
            return
        upload = self.uploads[lookup.value] = Upload()
        try:
            yield upload
        finally:
            if not upload.receipt:
                del self.uploads[lookup.value]

    async def recall(self, keys, within):
        return {}

    async def claim(self, wanted, within, claimant, *, automatic):
        return Claims(own=frozenset(one.key for one in wanted))

    async def gather(self, wanted, *, automatic):
        """Nobody else makes calls."""

    async def waiting(self, batch):
        return 0, 0.0

    async def fill(self, batch, room, claimant, own=()):
        return ()

    async def release(self, keys, claimant):
        """Nothing was claimed."""

    async def await_batch(self, case_id, wanted, seconds, *, automatic):
        """Nobody else makes calls."""

    async def put(self, raws, at, *, unknown=(), others=False):
        """Nothing is stored."""


class MemoryReplies(NullCache):
    """The cache of replies, as vt.service and handlers see it."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    async def recall(self, keys, within):
        known = {key: self.kept[key] for key in keys if key in self.kept}
        return {key: (json.loads(raw), at) for key, (raw, at) in known.items() if at > within.known}

    async def claim(self, wanted, within, *_, **__):
        found = await self.recall([one.key for one in wanted], within)
        return Claims(found, frozenset(one.key for one in wanted if one.key not in found))

    async def get(self, keys, newer_than):
        known = {key: self.kept[key] for key in keys if key in self.kept}
        return {key: json.loads(raw) for key, (raw, at) in known.items() if at > newer_than}

    async def put(self, raws, at, **_):
        self.kept |= {key: (taken(json.dumps(dict(raw))), at) for key, raw in raws.items()}


class MemoryHistory:
    """The History of handlers."""

    def __init__(self):
        self.rows = defaultdict(list)

    async def remember(self, case_id, origin, sightings, now):
        rows = [taken(one.model_copy(update={"at": now}).model_dump_json()) for one in sightings]
        self.rows[origin.user][:0] = rows

    def of_instance(self, _name):
        return self

    async def summaries(self, origin, subjects, before):
        return {}

    async def latest(self, team, user, most=20):
        return [Sighting.model_validate_json(row) for row in self.rows[user][:most]]


class MemoryPeople:
    """The DirectoryCache of handlers: everybody is a member and an admin."""

    async def person(self, team, user, newer_than):
        return Person(user, "ana", Role.MEMBER, admin=True)

    async def channel_name(self, team, channel, newer_than):
        return "general"


class MemoryChannels:
    """The settings of channels, and which of them are watched: nothing is set, and all are."""

    def __init__(self, clock):
        self._clock = clock

    async def get(self, team, channel):
        return ChannelSettings()

    async def recent(self, team, channel):
        return ChannelSettings()

    async def changed_channels(self, team, most):
        return []

    async def channel(self, team, channel):
        return Watch(Mode.ALL, "U2", self._clock())

    async def ignored(self, team, channel):
        return []


class MemoryCards:
    """The CardStore of handlers, with one channel: who posted something first is answered, the others are counted there."""

    def __init__(self, cases):
        self._cases = cases
        self._rows = {}
        self._owners = {}
        self._duplicates = defaultdict(list)

    async def add(self, request):
        await self._cases.accept(request)
        wanted = taken(LOOKUPS.dump_json(request.lookups).decode())
        self._rows[request.id] = {"wanted": wanted, "progress": "{}", "posted": None, "due": True}

    async def card(self, case_id):
        row = self._rows[case_id]
        progress = CARD_PROGRESS.read(parsed(row["progress"]))
        case = await self._cases.case(case_id)
        lookups = read_lookups(parsed(row["wanted"]))
        return Card(case, lookups, CardOverrides(), progress, version=1, posted=row["posted"])

    async def due(self, most):
        return [await self.card(name) for name, row in self._rows.items() if row["due"]][:most]

    async def save(self, card, due):
        """The next turn is taken when the test wants it."""
        progress = taken(CARD_PROGRESS.write(card.progress, exclude_defaults=True))
        self._rows[card.case.request.id] |= {"progress": progress, "posted": card.posted, "due": False}

    async def dedupe(self, card, keys):
        mine = card.case.request
        for key in keys:
            owner = self._owners.setdefault(key, mine.id)
            known = [one for one in self._duplicates[owner] if (one.key, one.at) == (key, mine.at)]
            if owner != mine.id and not known:
                self._duplicates[owner].append(Duplicate(key, mine.origin.user, mine.at))
                self._rows[owner]["due"] = True
        return {key: self._owners[key] for key in keys}

    async def release(self, card, *, to_others):
        """Nobody else is answered."""

    async def duplicates(self, card):
        return self._duplicates[card.case.request.id]

    async def count_since(self, team, channel, start):
        return 0

    async def schedule_batch(self):
        """There is one batch."""
