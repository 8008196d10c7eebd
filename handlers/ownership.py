"""Who owns an answer: the person who asked first, through every answer that was renewed from its buttons.

Only the owner can have files read or uploaded, or a URL with a secret looked up. Pure.
"""

from typing import TypeVar

from handlers.case import Case
from handlers.request import Origin
from vt.lookup import Lookup
from vt.verdict import Note

C = TypeVar("C", bound=Case)


def first_origin(case: Case) -> Origin:
    """Who asked first, and where."""
    return case.first or case.request.origin


def is_owner(click: Case, about: Case) -> bool:
    """Whether the person who pressed a button is the one who asked first."""
    mine, owner = click.request.origin, first_origin(about)
    return (mine.team, mine.user) == (owner.team, owner.user)


def as_renewal(case: C, about: Case, lookups: tuple[Lookup, ...]) -> C:
    """The case with these lookups, as a renewal of the answer `about`: the owner of that answer owns this one too.

    A question about the same uploads keeps the time when it was first asked, however often it is shown again.
    """
    is_same_question = _open_questions(lookups) == _open_questions(about.lookups)
    update = {"first": first_origin(about), "asked_at": about.asked_at if is_same_question else None}
    return case.model_copy(update={"lookups": lookups, **update})


def _open_questions(lookups: tuple[Lookup, ...]) -> list[Lookup]:
    return [lookup for lookup in lookups if lookup.note is Note.NEEDS_CONSENT]
