"""The formats that VirusTotal's values came in over the years, each read into one type, or into None.

Tolerance has one limit. What is missing, null or of a strange type becomes None or empty, and a broken entry
of a list is left out; but a list that a verdict rests on and that is no list at all is an error, since reading
it as empty would call something clean that nobody could read.
"""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    BeforeValidator,
    OnErrorOmit,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

LARGEST = 2**32 - 1
"""The largest number any field holds (an AS number); beyond it, a number is not one that VirusTotal sent."""
MOST = 10_000
"""Entries of a list; VirusTotal sends 1000 at most."""
COMPACT = 14
"""Digits of YYYYMMDDHHMMSS."""


def number(value: object) -> int | None:
    """A count, rank or AS number, which came as an int, a float or digits. None when it is none of these."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = int(value)
    except (ValueError, OverflowError):
        return None
    return read if 0 <= read <= LARGEST else None


def moment(value: object) -> datetime | None:
    """A time in UTC from any format seen: YYYY-MM-DD HH:MM:SS, YYYYMMDD[HHMMSS], seconds since 1970.

    VirusTotal's times are UTC and do not say so. None for what is no time ("None", "-", null).
    """
    try:
        if isinstance(value, str):
            return _written(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _written(text: str) -> datetime:
    iso = f"{text[:8]}T{text[8:]}" if len(text) == COMPACT and text.isdigit() else text
    read = datetime.fromisoformat(iso)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def evidence(value: object) -> object:
    """Null is no evidence; so much that VirusTotal cannot have sent it is an error, before it costs time."""
    if isinstance(value, list | dict) and len(value) > MOST:
        raise ValueError
    return value or ()


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _or_empty(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value[:MOST] if isinstance(value, list) else value)
    except ValidationError:
        return ()


T = TypeVar("T")
Text = Annotated[str | None, WrapValidator(_or_none)]
Number = Annotated[int | None, BeforeValidator(number)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]
Several = Annotated[tuple[OnErrorOmit[T], ...], WrapValidator(_or_empty)]
Proof = Annotated[tuple[OnErrorOmit[T], ...], BeforeValidator(evidence)]
"""A list that a verdict rests on: null is empty, something that is no list is an error."""
Named = Annotated[dict[str, OnErrorOmit[T]], BeforeValidator(lambda value: evidence(value) or {})]
"""The same, for an object whose keys are names."""
