"""An answer renewed from its buttons: unknown URLs submitted, what is known analysed anew, everything asked once more."""

from collections.abc import Callable, Mapping

from handlers.answered import answered, findings
from handlers.around import rescannable, submittable
from handlers.deps import Case, Deps, Verb
from vt.lookup import Lookup
from vt.verdict import Finding

Renewal = Callable[[Lookup, Finding, Deps], Lookup]


async def renewed(case: Case, deps: Deps) -> Case:
    """With the answer's lookups to be taken up again; with none when the answer may not be seen, or is gone."""
    about = await answered(case, deps)
    if about is None or (case.request.verb is Verb.SUBMIT and deps.submit == "deny"):
        return case
    if case.request.verb is Verb.ANYWAY and case.request.origin.user != about.request.origin.user:
        return case  # the secret is the asker's
    found = zip(about.lookups, findings(about, deps.clock()), strict=True)
    renewal = RENEWALS[case.request.verb]
    lookups = tuple(renewal(one, finding, deps) for one, finding in found)
    return case.model_copy(update={"lookups": lookups, "shared_by": _shared_by(case, about)})


def _shared_by(case: Case, about: Case) -> str | None:
    """Who had shared the message that is replaced."""
    was_private = about.request.origin.response_url is not None
    return (
        about.shared_by or about.request.origin.user if case.request.origin.public and was_private else None
    )


def _submitted(lookup: Lookup, finding: Finding, _: Deps) -> Lookup:
    return lookup.submitted_on_request() if submittable(finding) else lookup


def _rescanned(lookup: Lookup, finding: Finding, deps: Deps) -> Lookup:
    private = deps.service.client.kind == "private"
    return lookup.rescanned_on_request() if rescannable(finding, private_key=private) else lookup


def _rechecked(lookup: Lookup, _: Finding, __: Deps) -> Lookup:
    return lookup.asked_again()


def _allowed(lookup: Lookup, _: Finding, __: Deps) -> Lookup:
    return lookup.allowed()


RENEWALS: Mapping[Verb, Renewal] = {
    Verb.SUBMIT: _submitted,
    Verb.RESCAN: _rescanned,
    Verb.RECHECK: _rechecked,
    Verb.ANYWAY: _allowed,
}
