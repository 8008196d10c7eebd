"""An answer renewed from its buttons: unknown URLs submitted, what is known analysed anew, everything asked once more."""

from collections.abc import Callable, Mapping

from handlers.deps import Case, Deps, Verb
from handlers.files.ownership import asked_first, following
from handlers.turns.answers import answered, findings
from handlers.views.answer_layout import rescannable, submittable
from vt.lookup import Lookup, Step
from vt.verdict import Finding, Note

Renewal = Callable[[Lookup, Finding, Deps], Lookup]


async def renewed(case: Case, deps: Deps) -> Case:
    """With the answer's lookups to be taken up again; with none when the answer may not be seen, or is gone.

    Whoever sees an answer may have it checked again, but files are read for nobody but the one who asked for them first:
    for anybody else they keep their hashes, and are not opened.
    """
    about = await answered(case, deps)
    if about is None or (case.request.verb is Verb.SUBMIT and deps.submit == "deny"):
        return case
    if case.request.verb is Verb.ANYWAY and not asked_first(case, about):
        return case  # the secret is the asker's
    found = zip(about.lookups, findings(about, deps.clock()), strict=True)
    renewal = _renewal(case, about)
    lookups = tuple(renewal(one, finding, deps) for one, finding in found)
    case = following(case, about, lookups)
    return case.model_copy(update={"shared_by": _shared_by(case, about)})


def _renewal(case: Case, about: Case) -> Renewal:
    by_another = case.request.verb is Verb.RECHECK and not asked_first(case, about)
    return _rechecked_by_hash if by_another else RENEWALS[case.request.verb]


def _shared_by(case: Case, about: Case) -> str | None:
    """Who had shared the message that is replaced."""
    before = about.request.origin
    was_private = before.response_url is not None and not before.public
    return about.shared_by or (before.user if case.request.origin.public and was_private else None)


def _submitted(lookup: Lookup, finding: Finding, _: Deps) -> Lookup:
    return lookup.submitted_on_request() if submittable(finding) else lookup


def _rescanned(lookup: Lookup, finding: Finding, deps: Deps) -> Lookup:
    private = deps.service.client.kind == "private"
    return lookup.rescanned_on_request() if rescannable(finding, private_key=private) else lookup


def _rechecked(lookup: Lookup, _: Finding, __: Deps) -> Lookup:
    return lookup.rechecked()


def _rechecked_by_hash(lookup: Lookup, _: Finding, __: Deps) -> Lookup:
    again = lookup.rechecked()
    if not lookup.is_file:
        return again
    if not lookup.value:
        return lookup.evolve(step=Step.DONE)
    return again.evolve(kind=lookup.kind, value=lookup.value, size=lookup.size, note=Note.HASH_ONLY)


def _allowed(lookup: Lookup, _: Finding, __: Deps) -> Lookup:
    return lookup.secret_allowed()


RENEWALS: Mapping[Verb, Renewal] = {
    Verb.SUBMIT: _submitted,
    Verb.RESCAN: _rescanned,
    Verb.RECHECK: _rechecked,
    Verb.ANYWAY: _allowed,
}
