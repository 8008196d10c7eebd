"""What fills the modals about an answer: each turn finds the answer, and shows the part that was asked for."""

from collections.abc import Sequence

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.views import View

from handlers import text
from handlers.deps import Case, Deps, Outcome
from handlers.posting import NotPosted, send_file
from handlers.text import modals
from handlers.turns import comments
from handlers.turns.answers import answered, end, findings
from handlers.views import details_layout, exports
from handlers.views.details import details
from handlers.views.rescan_cost import price
from handlers.views.why import why
from vt.errors import KeyRefused, QuotaSpent, VTError
from vt.models import Comments
from vt.verdict import Finding

CLOSED = frozenset({"not_found", "view_not_found"})
"""Slack's words for a modal that is no longer open."""
REFUSED = frozenset({"invalid_arguments", "invalid_blocks", "view_too_large"})
"""Slack's words for blocks that it does not take."""


async def show_details(case: Case, deps: Deps) -> None:
    """Fields, engines, samples, resolutions, subdomains."""
    if about := await _about(case, deps):
        found = findings(about, deps.clock())
        await _fill(
            case, details(found, case.request.modal, details_layout.place(case.request.part)), found, deps
        )
        await end(case, deps)


async def show_why(case: Case, deps: Deps) -> None:
    """The rule, what it counted, and other thresholds."""
    if about := await _about(case, deps):
        now = deps.clock()
        shown = why(about.lookups, case.request.modal, details_layout.place(case.request.part), now)
        await _fill(case, shown, findings(about, now), deps)
        await end(case, deps)


async def show_price(case: Case, deps: Deps) -> None:
    """What a rescan would cost."""
    if about := await _about(case, deps):
        found = findings(about, deps.clock())
        left = await deps.quota_left()
        private = deps.service.client.kind == "private"
        await _fill(case, price(found, case.request.modal, left, private_key=private), found, deps)
        await end(case, deps)


async def show_comments(case: Case, deps: Deps) -> None:
    """What VirusTotal's community wrote; asked for only now, since each page costs a call."""
    about = await _about(case, deps)
    if about is None:
        return
    now = deps.clock()
    found = findings(about, now)
    finding, here = details_layout.at(found, details_layout.place(case.request.part))
    later = None
    try:
        said: Comments | str | None = await comments.asked(finding, str(here.page or ""), deps)
    except QuotaSpent as spent:
        said, later = modals.not_asked_yet(text.seconds(spent.retry_at, now)), spent.retry_at
    except KeyRefused:
        said = modals.COMMENTS_REFUSED
    except VTError as error:
        said = text.error(error)
    still_open = await _fill(case, comments.comments(found, case.request.modal, here, said), found, deps)
    if later and still_open:
        await deps.store.again(case.request.id, later)
    else:
        await end(case, deps)


async def _about(case: Case, deps: Deps) -> Case | None:
    """The answer; when it is no longer kept, the modal says so."""
    about = await answered(case, deps)
    if about is None:
        verb = case.request.verb
        await update(
            case, details_layout.sentence(modals.TITLES[verb], case.request.modal, verb, text.GONE), deps
        )
        await end(case, deps, Outcome.REFUSED)
    return about


async def _fill(case: Case, view: View, found: Sequence[Finding], deps: Deps) -> bool:
    """Show it; when Slack does not take it, say so, and hand over the JSON. False: nobody looks any more."""
    refused = await update(case, view, deps)
    if refused in REFUSED:
        verb = case.request.verb
        plain = details_layout.sentence(modals.TITLES[verb], case.request.modal, verb, modals.NOT_TAKEN)
        await update(case, plain, deps)
        await send_file(case, exports.as_json(found), deps)
    return refused not in CLOSED


async def update(case: Case, view: View, deps: Deps) -> str:
    """Slack's word for why not: "" when it is shown. Raises NotPosted when it is worth another try."""
    try:
        await deps.slack.views_update(view_id=case.request.view, view=view.to_dict())
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        if word in CLOSED | REFUSED:
            return word
        raise NotPosted(word) from error
    except SlackClientError as error:
        raise NotPosted from error
    return ""
