"""The versions of stored shapes: which one is written, and how every other one is read. Pure.

A stored object names its version under "version". Version 1 did not: its objects have no such key, and while a shape is
at version 1 none is written, because processes of the release before refuse keys that they do not know and may share
the database during a rolling restart.

To change a shape: add a function to its `upgrades` that turns an object of the last version into one of the next, and
never change the functions before it. tests/bot/test_older_rows.py reads rows that older releases wrote.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from handlers.case import Case, Outcome, Shape, Stored, Unreadable, UnreadableCase, unreadable
from handlers.request import ChannelSettings, EntryPoint, InfoRequest, Modal, Origin, Request, Verb
from handlers.watch import CardOverrides, CardProgress
from vt.lookup import Lookup

T = TypeVar("T")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a pair, or all of one: how JSON spells what is beyond 16 bits."""

# Upgrades from version 1, in which all verbs shared one set of fields ----------------------------------
#
# During a rolling restart, processes of both versions share one database. Those of version 1 cannot read what this
# version writes, so they get none of its jobs (bot/queue/jobs.py). What they wrote goes through these functions.

_ABOUT = "submit rescan recheck anyway upload offer json csv share hide hurry allow leave"
_FIELDS: Mapping[str, frozenset[str]] = {
    "look-up": frozenset({"lookups", "people", "share", "fresh"}),
    "card": frozenset({"lookups"}),
    **dict.fromkeys(_ABOUT.split(), frozenset({"about"})),
    **dict.fromkeys(("details", "why", "comments", "price"), frozenset({"about", "view", "modal", "part"})),
    "settings": frozenset({"view", "modal"}),
    "change": frozenset({"settings"}),
    "form": frozenset({"modal"}),
    "home": frozenset({"check_key"}),
    "say": frozenset({"sentence"}),
    **dict.fromkeys(("watch", "ignore"), frozenset({"arguments"})),
}
"""The fields of a request by verb, besides those that every request has."""
_MODAL_FIELDS: Mapping[str, frozenset[str]] = {
    "form": frozenset({"text", "found", "lookups"}),
    "look-up": frozenset({"lookups", "people"}),
    **dict.fromkeys(("details", "why", "comments", "price"), frozenset({"about"})),
}
_V1_FIELDS = frozenset(
    ["lookups", "people", "share", "about", "view", "modal", "part", "ways", "note", "said", "fresh"]
)
_V1_MODAL_FIELDS = frozenset(["about", "text", "found", "lookups", "people"])


def upgrade_request(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A request of version 1 in the form of version 2. One of version 2 is returned as it is."""
    if not _is_v1(stored.get("origin")):
        return dict(stored)
    verb = str(stored.get("verb"))
    renamed = {
        "settings": stored.get("ways"),
        "sentence": stored.get("note"),
        "arguments": stored.get("said"),
        "check_key": stored.get("part") == "check",
    }
    # The id of the modal was in both fields of an offered form; older rows have it in `about` only.
    modal = {"modal": stored.get("about")} if verb == "form" else {}
    known = {**stored, **modal, **renamed, "origin": upgrade_origin(stored["origin"])}
    dropped = (_V1_FIELDS | renamed.keys()) - _FIELDS.get(verb, frozenset())
    return {name: value for name, value in known.items() if name not in dropped}


def upgrade_modal(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A modal of version 1 in the form of version 2. One of version 2 is returned as it is."""
    if not _is_v1(stored.get("origin")):
        return dict(stored)
    dropped = _V1_MODAL_FIELDS - _MODAL_FIELDS.get(str(stored.get("verb")), frozenset())
    found = [
        {("written" if name == "asked" else name): value for name, value in one.items()}
        for one in stored.get("found", ())
    ]
    known = {**stored, "found": found, "origin": upgrade_origin(stored["origin"])}
    return {name: value for name, value in known.items() if name not in dropped}


def upgrade_progress(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The progress of a case of version 1, which holds an origin too, in the form of version 2."""
    first = stored.get("first")
    return {**stored, "first": upgrade_origin(first)} if first and _is_v1(first) else dict(stored)


def upgrade_origin(stored: Mapping[str, Any]) -> dict[str, Any]:
    """An origin of version 1, which called the entry point `way`."""
    return {("entry_point" if name == "way" else name): value for name, value in stored.items()}


def unchanged(stored: Mapping[str, Any]) -> dict[str, Any]:
    """For a version that only brought verbs, or fields with a default, such as the instance."""
    return dict(stored)


def forget_language(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from when English was the only language, which nobody chose: they follow the operator's now."""
    return {name: value for name, value in stored.items() if name != "language"}


def forget_instance(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from when there was only VT_API_KEY's instance, which nobody chose: they follow the operator's now."""
    return {name: value for name, value in stored.items() if name != "instance"}


def _is_v1(origin: object) -> bool:
    return isinstance(origin, Mapping) and "way" in origin


# The shapes, and the rows that hold them ---------------------------------------------------------------

REQUEST: Shape[Request] = Shape(
    "request", TypeAdapter(Request), (upgrade_request, unchanged, unchanged, unchanged, unchanged, unchanged)
)
PROGRESS: Shape[Case] = Shape("progress", TypeAdapter(Case), (upgrade_progress, unchanged, unchanged))
MODAL: Shape[Modal] = Shape("modal", TypeAdapter(Modal), (upgrade_modal, unchanged, unchanged))
OVERRIDES: Shape[CardOverrides] = Shape("card overrides", TypeAdapter(CardOverrides))
CARD_PROGRESS: Shape[CardProgress] = Shape("card progress", TypeAdapter(CardProgress))
CHANNEL_SETTINGS: Shape[ChannelSettings] = Shape(
    "channel settings", TypeAdapter(ChannelSettings), (unchanged, forget_language, unchanged, forget_instance)
)
LOOKUPS: TypeAdapter[tuple[Lookup, ...]] = TypeAdapter(tuple[Lookup, ...])
"""Each lookup names its own version: see `upgrade` in vt/lookup.py."""


def parsed(text: str | None) -> object:
    """JSON text from the database, parsed. Raises Unreadable.

    PostgreSQL accepts what Python does not: numbers of any length, any depth, and halves of surrogate pairs, which
    could be neither stored again nor sent.
    """
    try:
        found = json.loads(text or "")
        if text and _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"JSON: {type(error).__name__}") from None
    return found


def read_lookups(stored: object) -> tuple[Lookup, ...]:
    """The lookups that a card is to be about. Raises Unreadable."""
    try:
        return LOOKUPS.validate_python(stored)
    except ValidationError as error:
        raise unreadable("lookups", error) from None


def read_case(row: Mapping[str, Any]) -> Case:
    """A case from its row, whose `request` and `progress` are JSON text. Raises UnreadableCase."""
    try:
        return _case(row)
    except Unreadable as why:
        raise UnreadableCase(salvage(row), why) from None


def _case(row: Mapping[str, Any]) -> Case:
    request = REQUEST.read(parsed(row["request"]))
    if request.id != row["id"]:
        raise Unreadable("request: the id of another one")
    progress = PROGRESS.upgraded(parsed(row["progress"]))
    # The column is what ends a case whose progress could not be read.
    return PROGRESS.validated({**progress, "request": request, "outcome": row["outcome"]})


def salvage(row: Mapping[str, Any]) -> Case:
    """What can be read of a case's row when the whole cannot: its columns, and of its JSON whatever is sound.

    What was asked is lost, so a request of the simplest kind takes its place.
    """
    request, progress = _object(row["request"]), _object(row["progress"])
    posts, channel, ts, posting = (progress.get(name) for name in ("posts", "channel", "ts", "posting"))
    posted = isinstance(channel, str) and isinstance(ts, str)
    origin = _origin(request, row)
    stand_in = InfoRequest(
        id=row["id"], delivery=row["delivery"], verb=Verb.HELP, at=row["created"], origin=origin
    )
    return Case(
        request=stand_in,
        outcome=row["outcome"] if row["outcome"] in set(Outcome) else Outcome.OPEN,
        posts=posts if type(posts) is int and posts >= 0 else 0,
        channel=channel if posted else None,
        ts=ts if posted else None,
        posting=posting if isinstance(posting, str) else None,
    )


def _object(text: str) -> Stored:
    try:
        found = parsed(text)
    except Unreadable:
        return {}
    return found if isinstance(found, dict) else {}


def _origin(request: Stored, row: Mapping[str, Any]) -> Origin:
    """Where the answer goes, as the request says; else, by its columns, to the asker's direct messages."""
    with suppress(Unreadable):
        request = REQUEST.upgraded(request)
    stored = request.get("origin")
    if isinstance(stored, dict):
        with suppress(ValidationError):
            return Origin.model_validate(
                {name: stored[name] for name in stored if name in Origin.model_fields}
            )
    entry = EntryPoint.WATCH if row["verb"] == "card" else EntryPoint.COMMAND
    return Origin(entry_point=entry, team=row["team"], user=row["asker"], channel=row["asker"])
