"""Types for the fields of VirusTotal's replies, which read every format that was seen over the years.

A value that is missing, null or of an unexpected type becomes None or empty, and a broken entry of a list is left out.
There is one exception: a list that a verdict rests on must be a list. Reading anything else as an empty list would call
something clean that nobody could read.
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
"""The largest number of any field (an AS number). Larger ones cannot be VirusTotal's."""
MAX_ENGINES = 10_000
"""The largest count of engines. VirusTotal has about 100."""
MOST = 10_000
"""Entries of a list that are read. VirusTotal sends at most 1000."""
COMPACT = 14
"""The number of digits of YYYYMMDDHHMMSS."""


def number(value: object) -> int | None:
    """A count, rank or AS number, sent as an int, a float or digits. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = int(value)
    except (ValueError, OverflowError):
        return None
    is_whole = isinstance(value, str) or read == value
    return read if is_whole and 0 <= read <= LARGEST else None


def engine_count(value: object) -> int | None:
    """How many engines: like `number`, but never more than VirusTotal could have."""
    read = number(value)
    return read if read is None or read <= MAX_ENGINES else None


def moment(value: object) -> datetime | None:
    """A time (UTC) from any format seen: YYYY-MM-DD HH:MM:SS, YYYYMMDD[HHMMSS], or seconds since 1970.

    VirusTotal's times are in UTC without saying so. None for anything that is not a time ("None", "-", null).
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
    """Null becomes empty. More entries than VirusTotal sends are an error, before validating them costs time."""
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
Count = Annotated[int | None, BeforeValidator(engine_count)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]
Several = Annotated[tuple[OnErrorOmit[T], ...], WrapValidator(_or_empty)]
Proof = Annotated[tuple[OnErrorOmit[T], ...], BeforeValidator(evidence)]
"""A list that a verdict rests on: null is empty, anything else that is not a list is an error."""
Named = Annotated[dict[str, OnErrorOmit[T]], BeforeValidator(lambda value: evidence(value) or {})]
"""Like Proof, for an object whose keys are names."""
