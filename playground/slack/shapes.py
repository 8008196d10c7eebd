"""Small checks that a JSON value has a shape; the tables of schema.py are made of them.

A check takes a value and its place and yields one sentence for each fault.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any, str], Iterator[str]]


def chars(most: int | None = None, least: int = 0) -> Check:
    """Text of so many characters."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{place}: text is wanted"
        elif len(value) < least:
            yield f"{place}: {len(value)} characters, at least {least} are wanted"
        elif most is not None and len(value) > most:
            yield f"{place}: {len(value)} characters, {most} at most"

    return check


def flag(value: Any, place: str) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield f"{place}: true or false is wanted"


def number(least: float | None = None, most: float | None = None) -> Check:
    """A number within bounds."""

    def check(value: Any, place: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{place}: a number is wanted"
        elif least is not None and value < least:
            yield f"{place}: {value}, {least} at least"
        elif most is not None and value > most:
            yield f"{place}: {value}, {most} at most"

    return check


def one_of(*values: Any) -> Check:
    """One of a few constants."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not any(type(value) is type(known) and value == known for known in values):  # True is not 1
            yield f"{place}: {value!r:.60} is none of {', '.join(map(str, values))}"

    return check


def many(each: Check, most: int | None = None, least: int = 0) -> Check:
    """A list of so many, each of one shape."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{place}: a list is wanted"
            return
        if len(value) < least:
            yield f"{place}: {len(value)} items, at least {least} are wanted"
        if most is not None and len(value) > most:
            yield f"{place}: {len(value)} items, {most} at most"
        for position, item in enumerate(value):
            yield from each(item, f"{place}[{position}]")

    return check


def fields(needs: Mapping[str, Check], takes: Mapping[str, Check] | None = None) -> Check:
    """An object that has all of `needs`, may have some of `takes`, and nothing else."""
    known = {**needs, **(takes or {})}

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place}: an object is wanted"
            return
        yield from (f"{place}: {name} is missing" for name in needs if name not in value)
        for name, inner in value.items():
            if name in known:
                yield from known[name](inner, f"{place}.{name}")
            else:
                yield f"{place}: there is no field {name!r:.60}"

    return check


def typed(kind: str, needs: Mapping[str, Check], *takes: Mapping[str, Check]) -> Check:
    """An object of this `type`; `takes` are groups of optional fields."""
    return fields({"type": one_of(kind), **needs}, {name: c for group in takes for name, c in group.items()})


def exactly_one(names: Collection[str], then: Check) -> Check:
    """The shape `then`, in which exactly one of these fields stands."""

    def check(value: Any, place: str) -> Iterator[str]:
        yield from then(value, place)
        if isinstance(value, dict) and sum(name in value for name in names) != 1:
            yield f"{place}: exactly one of {', '.join(names)} is wanted"

    return check


def any_of(names: Collection[str], then: Check) -> Check:
    """The shape `then`, in which at least one of these fields stands."""

    def check(value: Any, place: str) -> Iterator[str]:
        yield from then(value, place)
        if isinstance(value, dict) and not any(name in value for name in names):
            yield f"{place}: one of {', '.join(names)} is wanted"

    return check


def by_type(table: Mapping[str, Check], *allowed: str) -> Check:
    """The shape that the object's `type` names, out of the allowed ones (all, when none is named)."""

    def check(value: Any, place: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in table or (allowed and kind not in allowed):
            yield f"{place}: {kind!r:.60} is not possible here"
        else:
            yield from table[kind](value, place)

    return check
