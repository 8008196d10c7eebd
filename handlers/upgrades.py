"""Upgrades of stored requests, cases and modals from version 1, in which all verbs shared one set of fields. Pure.

During a rolling restart, processes of both versions share one database. Those of version 1 cannot read what this version
writes, so they get none of its jobs (bot/queue/jobs.py). What they wrote goes through these functions.

They stay as they are when the shapes change again: the next version gets functions of its own, applied after these.
"""

from collections.abc import Mapping
from typing import Any

Stored = Mapping[str, Any]

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


def upgrade_request(stored: Stored) -> dict[str, Any]:
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


def upgrade_modal(stored: Stored) -> dict[str, Any]:
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


def upgrade_progress(stored: Stored) -> dict[str, Any]:
    """The progress of a case of version 1, which holds an origin too, in the form of version 2."""
    first = stored.get("first")
    return {**stored, "first": upgrade_origin(first)} if first and _is_v1(first) else dict(stored)


def upgrade_origin(stored: Stored) -> dict[str, Any]:
    """An origin of version 1, which called the entry point `way`."""
    return {("entry_point" if name == "way" else name): value for name, value in stored.items()}


def _is_v1(origin: object) -> bool:
    return isinstance(origin, Mapping) and "way" in origin
