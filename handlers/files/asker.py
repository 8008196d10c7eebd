"""Whose an answer's files are: of whoever asked first, through every answer that was renewed from its buttons."""

from handlers.request import Case, Origin
from vt.lookup import Lookup


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


def following(case: Case, about: Case, lookups: tuple[Lookup, ...]) -> Case:
    """With those lookups, in place of that answer: its files stay theirs who asked first."""
    return case.model_copy(update={"lookups": lookups, "first": first(about)})
