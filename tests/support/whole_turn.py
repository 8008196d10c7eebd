"""Whole turns without servers: real handlers, service, client and SDK; what VirusTotal answers and Slack hears is in memory."""

# ruff: noqa: ARG002 - the arguments of the protocols that are implemented

import itertools
import json
import random
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.storage.cases import Cases
from bot.storage.history import History
from bot.storage.replies import StoredReplies
from bot.terminal import lines
from handlers.admission import Directory, Languages, RecentSettings
from handlers.case import Outcome
from handlers.deps import Deps
from handlers.people import Policy, WatchRules
from handlers.request import (
    AnswerRequest,
    CardRequest,
    HomeRequest,
    LookupRequest,
    ModalRequest,
    Origin,
    RenewalRequest,
    UploadRequest,
    Verb,
)
from handlers.turns import watch_batch
from handlers.turns.buttons import STORED_WITHIN, NotStoredYet
from handlers.turns.dispatch import HANDLERS
from tests.support.memory_storage import (
    MemoryCards,
    MemoryCases,
    MemoryChannels,
    MemoryHistory,
    MemoryPeople,
    MemoryReplies,
)
from tests.support.turn_oracles import KEY
from tests.support.vt_client import EICAR
from tests.support.vt_service import no_pause
from vt.actions import BY_KEY
from vt.client import Client
from vt.coalescing import MaxAges
from vt.evidence import Thresholds
from vt.files.disk import Disk
from vt.files.provider import Roots
from vt.files.transfer import Places
from vt.indicators import read
from vt.lookup import Lookup
from vt.service import Service
from vt.steps import ENDPOINTS

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HOOK = "https://hooks.slack.test/commands/1"
TOLD = ("U2", "U3", "C1", "D1")
"""The ids that Slack has named to the bot."""
MOST_CARDS = 50


class SlackSession:
    """In place of aiohttp's session: takes every call, and keeps what people would see."""

    closed = False

    def __init__(self):
        self.shown = []
        """(kind, payload): "message", "modal", "home" or "file"."""

    def post(self, url, *, data, **_):
        """A large file is sent from disk."""
        return self.request("POST", url, data=data.read())

    def request(self, verb, url, **arguments):
        sent = _payload(arguments)
        method = url.rpartition("/")[2]
        if isinstance(sent, bytes):
            self.shown.append(("file", sent))
            return _Reply("OK")
        if "view" in sent:
            view = json.loads(sent["view"]) if isinstance(sent["view"], str) else sent["view"]
            self.shown.append((view["type"], view))
        elif method.startswith("chat.") or url == HOOK:
            self.shown.append(("message", _message(sent)))
        return _Reply(
            {
                "ok": True,
                "channel": _channel(method),
                "ts": "1.1",
                "upload_url": "https://up/",
                "file_id": "F1",
                "files": [{"id": "F1"}],
            }
        )


def _payload(arguments):
    data = arguments.get("json") or arguments.get("params") or arguments.get("data") or {}
    if isinstance(data, str):
        return json.loads(data)
    return data


def _message(sent):
    blocks = sent.get("blocks") or []
    return {"text": sent.get("text"), "blocks": json.loads(blocks) if isinstance(blocks, str) else blocks}


def _channel(method):
    return {"id": "D1", "name": "general"} if method.startswith("conversations.") else "C1"


class _Reply:
    """What Slack answers, as aiohttp would hand it over."""

    status, headers = 200, {}

    def __init__(self, body):
        self._body = body
        self.content_type = "text/plain" if isinstance(body, str) else "application/json"

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        """Nothing to close."""

    async def json(self):
        return self._body

    async def text(self):
        return self._body if isinstance(self._body, str) else "ok"

    async def read(self):
        return b""


class Unlimited:
    """A quota that never ends."""

    async def take(self, calls=1, ask=None): ...

    async def leave(self, case_id): ...

    async def worked(self): ...

    async def refused(self, seconds=None, ask=None): ...

    async def left(self):
        return {"minute": (1, 4), "day": (1, 500), "month": (1, 15500)}


@dataclass
class Storage:
    """Where a world keeps what it stores."""

    store: object
    replies: object
    history: object
    cards: object

    @classmethod
    def in_memory(cls):
        cases = MemoryCases()
        return cls(cases, MemoryReplies(), MemoryHistory(), MemoryCards(cases))

    @classmethod
    def in_postgresql(cls, database, number):
        """`number` keeps the replies of one turn from those of another."""
        cases = Cases(database)
        return cls(cases, StoredReplies(database, f"{number}:"), History(database), MemoryCards(cases))


class NoRefusedBlocks:
    """Forgets what was refused."""

    known = ()

    def kinds(self, _team):
        """None."""
        return frozenset()

    async def remember(self, _team, _kinds):
        """Forgotten."""


@dataclass
class World:
    """One bot, the VirusTotal that it asks, and the Slack that it speaks to."""

    client: Client
    web: AsyncWebClient
    session: SlackSession
    handlers: dict = field(default_factory=lambda: dict(HANDLERS))
    """By verb: what a job does."""
    endpoints: dict = field(default_factory=lambda: dict(ENDPOINTS))
    """By action: what its steps ask VirusTotal."""
    replies: dict = field(default_factory=dict)
    """VirusTotal's replies, as bytes by resource; that for "" answers whatever else is asked."""
    receipt: bytes = b"{}"
    """VirusTotal's reply to an upload."""
    deliveries: dict = field(default_factory=dict)
    """How a reply arrives that is the only one of a response, by resource, where that is not as plain JSON."""
    doubles: dict = field(default_factory=dict)
    """Second entries about a resource, by resource: they are in every batch that the first one is in."""
    alone: set = field(default_factory=set)
    """Resources that were asked for by themselves; what answers them need not name them."""
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - not a secret
    """Decides in which order VirusTotal answers, and what it says twice."""
    now: datetime = START
    sha256: str = ""
    """Of the file that is read."""
    stored: Storage = field(default_factory=Storage.in_memory)
    ids: object = field(default_factory=lambda: map(str, itertools.count(1)))

    def renew(self, stored=None, chance=None):
        """Everything is forgotten but the parts."""
        self.session.shown.clear()
        self.alone.clear()
        self.chance = chance or self.chance
        self.now = START
        self.stored = stored or Storage.in_memory()
        self.deps = self._deps()

    def clock(self):
        return self.now

    def reply(self, request):
        """What VirusTotal answers: one object, or for several resources a list in any order.

        Sometimes a list has an entry twice, lacks one, or has one that nobody asked for.
        """
        if request.url.path == "/file/scan":
            return httpx.Response(200, stream=httpx.ByteStream(self.receipt))
        fields = dict(parse_qsl(request.url.query.decode() or request.content.decode()))
        named = next((fields[key] for key in ("ip", "domain", "resource", "url") if key in fields), "")
        asked = re.split(r"[,\n]", named)
        known = [self.replies[one] for one in asked if one in self.replies]
        if len(asked) == 1:
            self.alone.add(named)
        if len(known) > 1:
            body = self._batch(known, [self.doubles[one] for one in asked if one in self.doubles])
            return httpx.Response(200, stream=httpx.ByteStream(body))
        if named in self.deliveries:
            return self.deliveries[named].response()
        return httpx.Response(200, stream=httpx.ByteStream(known[0] if known else self.replies[""]))

    def _batch(self, known, doubles):
        change = self.chance.random()
        if change < 0.1:
            known = [*known, self.chance.choice(known)]
        elif change < 0.2:
            known = self.chance.sample(known, len(known) - 1)
        elif change < 0.25:
            known = [*known, self.replies[""]]
        entries = [*known, *doubles]
        return b"[" + b",".join(self.chance.sample(entries, len(entries))) + b"]"

    def _deps(self):
        channels, places = MemoryChannels(self.clock), _places(self)
        directory = Directory(self.web, MemoryPeople(), self.clock)
        stored = self.stored
        service = Service(
            self.client,
            places=places,
            clock=self.clock,
            cache=stored.replies,
            endpoints=self.endpoints,
            max_ages=MaxAges(timedelta(hours=1), timedelta(hours=1)),
        )
        return Deps(
            store=stored.store,
            history=stored.history,
            replies=stored.replies,
            cards=stored.cards,
            modals=None,
            channel_settings=RecentSettings(channels, self.clock),
            watches=channels,
            rules=WatchRules(),
            logins=None,
            directory=directory,
            languages=Languages(directory, channels),
            policy=Policy(),
            service=service,
            automatic=service,
            slack=self.web,
            refused_blocks=NoRefusedBlocks(),
            clock=self.clock,
            new_id=lambda: next(self.ids),
            thresholds=Thresholds(),
            draw=_not_drawn,
            quota_left=Unlimited().left,
            leave_queue=Unlimited().leave,
        )

    # What people do ------------------------------------------------------------------------------------

    async def asks(self, samples):
        """Look these up, and go on until there is an answer or VirusTotal was asked twice. Returns the case's id."""
        lookups = tuple(_lookup(sample) for sample in samples)
        name = await self.does(LookupRequest, lookups=lookups, response_url=HOOK)
        if (await self.stored.store.case(name)).outcome is Outcome.OPEN:
            self.now += timedelta(minutes=5)
            await self.turn(name)
        return name

    async def uploads(self, about):
        """Agree to the upload of the answer's file, also of one that is known, and wait.

        Returns the ids of the cases: the question's and, unless it cannot be uploaded, the upload's.
        """
        offered = await self._clicks(Verb.OFFER_UPLOAD, about)
        name = await self._clicks(Verb.UPLOAD, offered)
        for _ in range(2):
            if (await self.stored.store.case(name)).outcome is Outcome.OPEN:
                self.now += timedelta(minutes=5)
                await self.turn(name)
        cases = [await self.stored.store.case(one) for one in (offered, name)]
        return [case.request.id for case in cases if case.lookups]

    async def _clicks(self, verb, about):
        return await self.does(UploadRequest, verb=verb, about=about, response_url=HOOK)

    async def does(self, kind, *, response_url=None, **fields):
        name = next(self.ids)
        origin = Origin(team="T1", user="U2", channel="C1", response_url=response_url)
        await self.stored.store.accept(
            kind(id=name, delivery=f"d{name}", at=self.now, origin=origin, **fields)
        )
        await self.turn(name)
        return name

    async def turn(self, name):
        """One turn of a stored request; another when the answer that it is about has not ended, as it is pressed here."""
        case = await self.stored.store.case(name)
        try:
            await self.handlers[case.request.verb](case, self.deps)
        except NotStoredYet:
            self.now += STORED_WITHIN
            await self.handlers[case.request.verb](case, self.deps)

    async def opens(self, verb, about, part=""):
        await self.does(ModalRequest, verb=verb, about=about, view="V1", modal="M1", part=part)

    async def presses(self, verb, about):
        kind = AnswerRequest if verb in (Verb.JSON, Verb.CSV, Verb.SHARE, Verb.HIDE) else RenewalRequest
        return await self.does(kind, verb=verb, about=about, response_url=HOOK)

    async def opens_home(self):
        await self.does(HomeRequest, verb=Verb.HOME)

    async def posts(self, samples, user="U2"):
        """The same in a watched channel. Returns the cards that this posted or changed."""
        name = next(self.ids)
        self.now += timedelta(seconds=1)
        at = f"{self.now.timestamp():.6f}"
        origin = Origin(
            entry_point="watch", team="T1", user=user, channel="C1", thread=at, message=at, public=True
        )
        lookups = tuple(_lookup(sample) for sample in samples)
        request = CardRequest(id=name, delivery=f"d{name}", at=self.now, origin=origin, lookups=lookups)
        await self.stored.cards.add(request)
        await watch_batch.run_batch(self.deps)
        changed = await self.stored.cards.due(MOST_CARDS)  # an earlier card, which counts this message
        if changed:
            await watch_batch.run_batch(self.deps)
        return changed or [await self.stored.cards.card(name)]

    def in_terminal(self, message):
        """What a terminal shows of a message."""
        return "\n".join(line.plain for line in lines(message["blocks"], message["text"]))


def _lookup(sample):
    row = BY_KEY[sample.action]
    if row.files:
        return Lookup.of_file("/srv/a.bin", row, row.threshold, "memory:x")
    return Lookup.of(read(sample.value), row, row.threshold)


async def _not_drawn(*_, **__):
    """Pictures are not looked at here."""
    return b""


def _places(world):
    @asynccontextmanager
    async def opened(_):
        yield _MemoryFiles(world.sha256)

    return Places(Disk(Roots(()), limit=1), kinds={"memory": opened})


@dataclass
class _MemoryFiles:
    """One file, with the content of the hash in mutated_bodies."""

    sha256: str
    path: str = "/srv/a.bin"
    name: str = "a.bin"
    size: int = len(EICAR)

    async def find(self, typed):
        return [typed]

    async def open(self, path):
        return self

    async def digest(self, source, on_read=None):
        return self.sha256

    async def chunks(self):
        yield EICAR


@asynccontextmanager
async def world(**parts):
    """`parts` replace parts of the world."""
    session = SlackSession()
    web = AsyncWebClient(token="xoxb-1", base_url="https://slack.test/api/", session=session)
    made = []
    # As a stream that is not read yet: of content that is, the client could read nothing.
    transport = httpx.MockTransport(lambda asked: made[0].reply(asked))  # noqa: PLW0108 - made later
    async with Client(
        SecretStr(KEY),
        url="http://vt.test/",
        quota=Unlimited(),
        kind="private",
        transport=transport,
        sleep=no_pause,
    ) as asked:
        made.append(World(asked, web, session, **parts))
        yield made[0]
