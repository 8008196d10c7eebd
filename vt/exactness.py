"""Whether everything that a verdict rests on can be read exactly. Pure.

models.py reads as much of a reply as it can, which is right for what is shown and for what proves a danger. "Clean" is
another matter: it must not rest on a number that is missing its type, out of range or contradicted, nor on a list of
which an entry was left out. So these stricter models of the same replies accept the documented types and nothing else.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vt.coercion import MAX_ENGINES
from vt.models import URL_ENTRY, FileReport, HostReport, Reply, UrlReport

_Count = Annotated[int, Field(ge=0, le=MAX_ENGINES)]


class _Strict(BaseModel):
    """Types are not converted: "5", 5.0 and true are no counts. Fields that no verdict rests on are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Counts(_Strict):
    positives: _Count | None = None
    total: _Count | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.positives and self.total is not None and self.positives > self.total:
            raise ValueError
        return self


class _Engine(_Strict):
    detected: bool


class _EngineReport(_Counts):
    scans: dict[str, _Engine] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # Shortened replies name fewer engines than `total`, never more. A total of 0 means that no engine looked.
        if self.total and len(self.scans or ()) > self.total:
            raise ValueError
        return self


class _Undetected(_Counts):
    """Something that engines looked at and none flags, or that no engine looked at: then both numbers are missing."""

    @model_validator(mode="after")
    def _unflagged(self) -> Self:
        if self.positives or (self.positives is None and self.total):
            raise ValueError
        return self


def _listed(value: object) -> object:
    """An entry of `undetected_urls`, which is a list of five."""
    return dict(zip(URL_ENTRY, value, strict=False)) if isinstance(value, list) else value


_Detected = list[_Counts] | None
_Unflagged = list[_Undetected] | None


class _HostReport(_Strict):
    detected_urls: _Detected = None
    detected_downloaded_samples: _Detected = None
    detected_communicating_samples: _Detected = None
    detected_referrer_samples: _Detected = None
    undetected_urls: list[Annotated[_Undetected, BeforeValidator(_listed)]] | None = None
    undetected_downloaded_samples: _Unflagged = None
    undetected_communicating_samples: _Unflagged = None
    undetected_referrer_samples: _Unflagged = None


def is_exact(report: Reply, raw: dict[str, Any]) -> bool:
    """Can everything that a verdict on `raw` rests on be read exactly? `report` is what was read of it.

    What is missing is no fault here: it is for the verdict to say what cannot do without it.
    """
    if isinstance(report, HostReport):
        return _fits(_HostReport, raw)
    return not isinstance(report, FileReport | UrlReport) or _fits(_EngineReport, raw)


def _fits(model: type[_Strict], raw: dict[str, Any]) -> bool:
    try:
        model.model_validate(raw)
    except ValidationError:
        return False
    return True
