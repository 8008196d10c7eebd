"""How errors and lookups are stored as JSON, and how those of older versions are read. Pure.

Version 1 of a lookup had no `version` and other field names, and it stored errors by class name. Version 2 had no rule for
hosts: the documented one was the only one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter

from vt.errors import UnrecognisedError, VTError

Stored = Mapping[str, Any]

VERSION = 3
"""Of a lookup. A change of its fields needs a new version and a step in `upgrade`."""
_RENAMED_IN_2 = {
    "asked": "input",
    "agreed": "consented_sha256",
    "anew": "reanalyse_after",
    "begun": "upload_started",
    "broken": "failed_uploads",
    "since": "waiting_since",
    "tries": "attempts",
    "trouble": "error",
}


def upgrade(lookup: Stored) -> dict[str, Any]:
    """A lookup of an older version in the form of version 3. Anything else is returned as it is."""
    if "version" not in lookup and "asked" in lookup:
        lookup = _from_1(lookup)
    return _from_2(lookup) if lookup.get("version") == 2 else dict(lookup)  # noqa: PLR2004


def _from_1(lookup: Stored) -> dict[str, Any]:
    upgraded = {_RENAMED_IN_2.get(name, name): value for name, value in lookup.items()}
    error = upgraded.get("error")
    if isinstance(error, Mapping):
        upgraded["error"] = {"code": _code(error), "data": error.get("data", {})}
    return {**upgraded, "version": 2}


def _from_2(lookup: Stored) -> dict[str, Any]:
    """What was answered by the documented rule stays so when its answer is shown again."""
    return {**lookup, "version": 3, "criteria": {"rule": "documented"}}


def pack(error: VTError) -> dict[str, Any]:
    """An error as JSON: its code and its fields."""
    data = {field.name: getattr(error, field.name) for field in _fields(type(error))}
    return {"code": error.code, "data": TypeAdapter(dict[str, Any]).dump_python(data, mode="json")}


def unpack(stored: Stored) -> VTError:
    """The error that was stored; UnrecognisedError when this version cannot read it. Never raises."""
    code = _code(stored)
    kind = next((kind for kind in tree() if kind.code == code), None)
    if kind is None:
        return UnrecognisedError(code)
    try:
        data = dict(stored.get("data") or {})
        known = {field.name: field.type for field in _fields(kind) if field.name in data}
        return kind(**{name: TypeAdapter(known[name]).validate_python(data[name]) for name in known})
    except (TypeError, ValueError):  # a field is missing, or not of its type
        return UnrecognisedError(code)


def tree(root: type[VTError] = VTError) -> Iterator[type[VTError]]:
    """The class and all its subclasses, the class first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def _code(stored: Stored) -> str:
    """An error's code. In version 1 it is the class name under "error", hyphenated: QuotaSpent is "quota-spent"."""
    name = str(stored.get("error", ""))
    return str(stored.get("code") or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())


def _fields(kind: type[VTError]) -> tuple[Any, ...]:
    return fields(kind) if is_dataclass(kind) else ()
