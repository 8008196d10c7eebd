"""Whose an answer's files are: of whoever asked first, through every answer that was renewed from its buttons."""

from collections.abc import Iterable
from typing import TypeVar

from handlers.request import Case, Origin
from vt.lookup import Lookup
from vt.verdict import Note

C = TypeVar("C", bound=Case)


def first(case: Case) -> Origin:
    """Who asked for its files first, and where."""
    return case.first or case.request.origin


def origins(case: Case) -> tuple[Origin, Origin]:
    """Where its files were asked for first, and where this was asked."""
    return first(case), case.request.origin


def asked_first(click: Case, about: Case) -> bool:
    """Is who pressed the button the one who asked first? Nobody else has the files read or uploaded."""
    mine, theirs = click.request.origin, first(about)
    return (mine.team, mine.user) == (theirs.team, theirs.user)


def following(case: C, about: Case, lookups: tuple[Lookup, ...]) -> C:
    """With those lookups, in place of that answer: its files stay theirs who asked first.

    A question that is still the same was put when it was first put, however often it is shown.
    """
    same = unanswered(lookups) == unanswered(about.lookups)
    kept = {"first": first(about), "asked_at": about.asked_at if same else None}
    return case.model_copy(update={"lookups": lookups, **kept})


def unanswered(lookups: Iterable[Lookup]) -> list[Lookup]:
    """The files that are not in VirusTotal, or to be uploaded all the same, and nobody agreed yet."""
    return [lookup for lookup in lookups if lookup.note == Note.NEEDS_CONSENT]
