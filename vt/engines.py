"""The engines that detect something, the best known first: what they call it."""

from dataclasses import dataclass
from datetime import datetime

from vt.models import FileReport, UrlReport

WELL_KNOWN = (
    "Microsoft",
    "Kaspersky",
    "ESET-NOD32",
    "BitDefender",
    "Sophos",
    "Symantec",
    "TrendMicro",
    "McAfee",
    "Avast",
    "Avira",
    "F-Secure",
    "Fortinet",
    "Malwarebytes",
    "DrWeb",
    "ClamAV",
    "Google Safebrowsing",
    "Netcraft",
    "Phishtank",
    "OpenPhish",
    "URLhaus",
)
"""Engines whose names for things people know, best known first; the last five look at URLs only."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An engine that detects, what it calls it, and when the engine was last updated (files only)."""

    engine: str
    result: str | None
    update: datetime | None


def detecting(report: object) -> tuple[Detection, ...]:
    """The engines that detect, the best known first, the others as in the reply. None detects a host."""
    if not isinstance(report, FileReport | UrlReport):
        return ()
    found = (
        Detection(name, engine.result, engine.update)
        for name, engine in report.scans.items()
        if engine.detected
    )
    return tuple(sorted(found, key=lambda one: _rank(one.engine)))


def _rank(engine: str) -> int:
    return WELL_KNOWN.index(engine) if engine in WELL_KNOWN else len(WELL_KNOWN)
