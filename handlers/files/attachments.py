"""Files that are attached to a message or put into a form, as lookups. Pure: they are fetched when they are read."""

from collections.abc import Iterable, Mapping
from typing import Any

from vt.actions import FILE
from vt.lookup import Lookup

SLACK = "slack"
"""The kind of place that a file kept by Slack has; its name is the file's id."""


def lookups(files: Iterable[Mapping[str, Any]] | None, threshold: int) -> tuple[Lookup, ...]:
    """One for each of Slack's file objects, by name; one of another workspace (a mere id) is called by its id.

    Names are kept apart, since the JSON result has one entry for each.
    """
    found: dict[str, Lookup] = {}
    for file in files or ():
        key, name = str(file.get("id") or ""), called(file)
        asked = f"{name} ({key})" if name in found else name or key
        if key:
            found[asked] = Lookup.of_file(asked, FILE, threshold, place=f"{SLACK}:{key}")
    return tuple(found.values())


def called(file: Mapping[str, Any]) -> str:
    """Its name as it can be stored: half a surrogate pair is no character. "" when Slack does not say."""
    return str(file.get("name") or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
