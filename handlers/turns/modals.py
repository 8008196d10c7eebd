"""What fills the modals about an answer: its details, why it says so, comments, and what a rescan would cost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from slack_sdk.models.views import View

from handlers.case import Case, Outcome, Sighting
from handlers.deps import ModalDeps, PostingDeps
from handlers.files import send_json
from handlers.instances import for_answer, for_reading
from handlers.posting import Sent, end, judged, send_with_fallback
from handlers.request import ModalRequest, SettingsRequest
from handlers.slack_errors import NotPosted, call
from handlers.text import about as about_text
from handlers.text import errors as errors_text
from handlers.text import modals as modals_text
from handlers.text.format import seconds
from handlers.text.language import line
from handlers.turns.buttons import visible_answer
from handlers.views import details, layout, rich_text
from handlers.views.layout import Position, Reading, sentence
from handlers.views.rich_text import Message
from vt.client import SUBMISSIONS_A_CALL
from vt.errors import KeyRefused, QuotaSpent, VTError
from vt.models import Comments, read
from vt.verdict import Finding, has_comments

CLOSED = frozenset({"not_found", "view_not_found"})
"""Slack's error codes for a modal that is no longer open."""
COMMENTS_CACHED = timedelta(minutes=10)
"""For this long a page of comments is not asked for again, however often it is opened."""


async def show_details(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with fields, engines, samples, resolutions or subdomains."""
    if about := await _answer(case, deps):
        deps = for_reading(deps, about)
        now = deps.clock()
        found = await judged(about, now)
        subjects = {Sighting.of(one).subject for one in found}
        records = await deps.history.summaries(about.request.origin, subjects, about.request.at)
        reading = Reading(now, deps.audience, records)
        view = details.details(found, case.request.modal, _position(case), reading)
        await _fill(case, view, found, deps)
        await end(case, deps)


async def show_why(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with the rule, what it counted, and other thresholds."""
    if about := await _answer(case, deps):
        now = deps.clock()
        view = details.why(about.lookups, case.request.modal, _position(case), Reading(now, deps.audience))
        await _fill(case, view, await judged(about, now), deps)
        await end(case, deps)


async def show_rescan_cost(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with what a rescan would cost."""
    if about := await _answer(case, deps):
        deps = await for_answer(deps, about, case.request.origin)
        found = await judged(about, deps.clock())
        view = details.rescan_cost(
            found,
            case.request.modal,
            await deps.quota_left(),
            private_key=deps.service.client.kind == "private",
            batch_size=SUBMISSIONS_A_CALL,
        )
        await _fill(case, view, found, deps)
        await end(case, deps)


async def show_comments(case: Case[ModalRequest], deps: ModalDeps) -> None:
    """Fill the modal with a page of comments. While the quota is spent it says so, and is filled later if still open."""
    about = await _answer(case, deps)
    if about is None:
        return
    deps = await for_answer(deps, about, case.request.origin)
    case = case.model_copy(update={"instance": about.instance})
    now = deps.clock()
    found = await judged(about, now)
    finding, position = layout.select(found, _position(case))
    comments, later = await _comments_or_reason(finding, position, case, deps)
    view = details.comments(found, case.request.modal, position, comments)
    is_open = await _fill(case, view, found, deps)
    if later and is_open:
        await deps.store.again(case.request.id, later)
    else:
        await end(case, deps)


async def _comments_or_reason(
    finding: Finding, position: Position, case: Case, deps: ModalDeps
) -> tuple[Comments | str | None, datetime | None]:
    """A page of comments, or the sentence why there is none; and when to try again, if that helps."""
    try:
        return await fetch_comments(finding, str(position.page or ""), deps), None
    except QuotaSpent as error:
        pause = seconds(error.retry_at, deps.clock())
        return line(modals_text.NOT_ASKED_YET, pause=pause), error.retry_at
    except KeyRefused:
        return modals_text.COMMENTS_REFUSED, None
    except VTError as error:
        return errors_text.error(error, deps.audience.about(case.request.id)), None


async def fetch_comments(finding: Finding, before: str, deps: ModalDeps) -> Comments | None:
    """A page of comments, from the cache or for one call; None for what VirusTotal keeps none on.

    `before` is a date as %Y%m%d%H%M%S, or "" for the newest page. Raises VTError, StoreDown; KeyRefused without a call
    for a public key, to which VirusTotal does not give them.
    """
    if not has_comments(finding) or finding.indicator is None:
        return None
    if deps.service.client.kind == "public":
        raise KeyRefused
    resource = finding.indicator.value
    key = f"comments:{sha256(resource.encode()).hexdigest()}:{before}"
    cached = await deps.replies.get([key], deps.clock() - COMMENTS_CACHED)
    comments = cached.get(key)
    if comments is None:
        comments = await deps.service.client.comments(resource, before)
        await deps.replies.put({key: comments}, deps.clock())
    return read(Comments, comments)


def _position(case: Case[ModalRequest]) -> Position:
    return layout.parse_position(case.request.part)


async def _answer(case: Case[ModalRequest], deps: ModalDeps) -> Case | None:
    """The answer that the modal is about; when it is no longer kept, the modal says so and the request ends."""
    about = await visible_answer(case, deps)
    if about is None:
        await fill_with_sentence(case, about_text.GONE, deps)
    return about


async def fill_with_sentence(case: Case[ModalRequest], line: str, deps: PostingDeps) -> None:
    """Say why the modal cannot be filled, and end the request. Raises NotPosted, StoreDown."""
    verb = case.request.verb
    await update(case, sentence(modals_text.TITLES[verb], case.request.modal, verb, line), deps)
    await end(case, deps, Outcome.REFUSED)


async def _fill(case: Case[ModalRequest], view: View, found: Sequence[Finding], deps: ModalDeps) -> bool:
    """Show a view. When Slack refuses it, send the JSON instead. False: the modal was closed."""
    shown = await update(case, view, deps)
    if shown and shown.plain:
        await send_json(case, found, deps)
    return shown is not None


async def update(
    case: Case[ModalRequest | SettingsRequest],
    view: View,
    deps: PostingDeps,
    instead: str = modals_text.NOT_TAKEN,
) -> Sent[Any] | None:
    """Replace the content of a request's modal; None when it is closed. `instead`: see `show_view`.

    Raises NotPosted, StoreDown.
    """
    team, view_id = case.request.origin.team, case.request.view
    try:
        return await show_view(deps.slack.views_update, view, team, deps, instead=instead, view_id=view_id)
    except NotPosted as error:
        if str(error) in CLOSED:
            return None
        raise


async def show_view(
    method: Any, view: View, team: str, deps: PostingDeps, *, instead: str, **where: Any
) -> Sent[Any]:
    """Update or publish a view as `send_with_fallback` sends a message. `instead`: the sentence that is left when Slack refuses all blocks.

    Raises NotPosted, StoreDown.
    """
    shown = rich_text.rendered_view(view)

    async def attempt(tried: Message) -> Any:
        blocks = tried.blocks or rich_text.rendered([rich_text.sentence(instead)])
        return await call(method, view={**shown, "blocks": list(blocks)}, **where)

    return await send_with_fallback(Message(instead, tuple(shown["blocks"])), team, deps, attempt)
