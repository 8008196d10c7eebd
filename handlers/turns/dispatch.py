"""Dispatch: a job takes the next turn of its request by the handler of its verb, and ends a request that has failed."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from handlers import instances
from handlers.case import UNREADABLE, Case, Outcome, StoreDown, UnreadableCase
from handlers.deps import Deps, PostingDeps
from handlers.people import InstanceRefused
from handlers.posting import end, reply
from handlers.request import EntryPoint, ModalRequest, RenewalRequest, UploadRequest, Verb
from handlers.slack_errors import CannotPost, MissingScope, NotInstalled, NotPosted, TokenRefused
from handlers.text import about as about_text
from handlers.text.language import language
from handlers.turns import about, buttons, lookup, modals, report, watch_cards, watch_commands
from handlers.views import messages
from vt.quota import asking

log = structlog.get_logger()


UNINSTALLED = "uninstalled"
INSTANCE = "instance"
"""In the audit trail, for why a request has failed or was refused."""


async def take(case_id: str, deps: Deps) -> None:
    """Take the next turn of a request. Whatever this raises, the job tries it again; `give_up` follows the last try."""
    await _go_on(case_id, deps, _take)


async def give_up(case_id: str, deps: Deps) -> None:
    """After the last try: tell the asker that there is no answer, and end the request.

    Raises NotPosted and StoreDown: then it is to be called again.
    """
    await _go_on(case_id, deps, _give_up, is_last_try=True)


async def _go_on(
    case_id: str, deps: Deps, step: Callable[[Case, Deps], Awaitable[None]], *, is_last_try: bool = False
) -> None:
    """Do the step for a request that has not ended, with Slack as its workspace sees it.

    A request that cannot be read, or whose workspace has removed the app, is ended instead.
    """
    try:
        try:
            case = await deps.store.case(case_id)
        except UnreadableCase as unreadable:
            here = await deps.for_team(unreadable.salvaged.request.origin.team)
            await _end_unreadable(unreadable, here, is_last_try=is_last_try)
            return
        if case and case.outcome is Outcome.OPEN:
            if deps.installations:
                deps = await deps.for_team(case.request.origin.team)
            await step(case, deps)
    except NotInstalled:
        await deps.store.fail(case_id, UNINSTALLED)


async def _take(case: Case, deps: Deps) -> None:
    origin, case_id = case.request.origin, case.request.id
    if deps.token_refused() and not origin.response_url:
        raise TokenRefused  # before calls to VirusTotal are spent on an answer that nobody could be given
    spoken = await deps.languages.of_answer(case)
    with asking(case_id, f"{origin.team}/{origin.user}") as spent, language(spoken):
        try:
            await _answer(case, deps)
        except MissingScope as missing:
            await _fail(case_id, deps, missing)
        except buttons.NotStoredYet:
            await deps.store.again(case_id, deps.clock() + timedelta(seconds=1))
        except CannotPost:
            await _fail(case_id, deps)
        finally:
            if spent.calls:
                await deps.store.spent(case_id, spent.calls)


async def _answer(case: Case[Any], deps: Deps) -> None:
    """Do what was asked, with the instance of VirusTotal that is to be asked."""
    try:
        if deps.instances or case.instance:
            case, deps = await instances.chosen(case, deps)
        await HANDLERS[case.request.verb](case, deps)
    except InstanceRefused as refused:
        await _refuse(case, refused, deps)


async def _refuse(case: Case[Any], refused: InstanceRefused, deps: Deps) -> None:
    """Tell the asker why no instance of VirusTotal answers, and which they may use. What is stored stays as it is."""
    told = about_text.instance_refused(refused, deps.audience)
    if isinstance(case.request, ModalRequest):
        await modals.fill_with_sentence(case, told, deps)
    elif isinstance(case.request, RenewalRequest | UploadRequest) and not case.lookups:
        await buttons.decline(case, told, INSTANCE, deps)
    else:
        await end(await reply(case, messages.note(told), deps), deps, Outcome.REFUSED)


async def _give_up(case: Case, deps: Deps) -> None:
    case_id = case.request.id
    try:
        with language(await deps.languages.of_answer(case)):
            failed = messages.note(about_text.FAILED.to(deps.audience.about(case_id)))
            await end(await reply(case, failed, deps), deps, Outcome.FAILED)
    except (CannotPost, MissingScope):
        await _fail(case_id, deps)
    except (NotPosted, StoreDown):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it would be the same at the next call
        log.warning("giving_up_broke", case=case_id, error=type(error).__name__)
        await deps.store.fail(case_id, "broken")


async def _fail(case_id: str, deps: Deps, missing: MissingScope | None = None) -> None:
    """End a request that cannot be answered: no other try can succeed. What was found is kept.

    `missing`: the asker is told which scope the app lacks, where that can be told.
    """
    case = await deps.store.case(case_id)
    if case is None:
        return
    if missing:
        sentence = about_text.missing_scope(missing.scope, deps.audience.about(case_id))
        try:
            case = await reply(case, messages.note(sentence), deps)
        except (MissingScope, CannotPost) as error:
            log.warning("asker_not_told", case=case_id, needed=missing.scope, error=str(error))
    await end(case, deps, Outcome.FAILED)


async def _end_unreadable(
    unreadable: UnreadableCase, deps: PostingDeps, *, is_last_try: bool = False
) -> None:
    """Tell the asker, and end the request. Does nothing when it has ended before.

    What a later release wrote is left to it until the last try. Raises UnreadableCase then, NotPosted when Slack may
    take the sentence at another time, and StoreDown.
    """
    salvaged = unreadable.salvaged
    if salvaged.outcome is not Outcome.OPEN:
        return
    if unreadable.is_newer and not is_last_try:
        raise unreadable
    told = False
    if salvaged.request.origin.entry_point is not EntryPoint.WATCH:
        try:
            with language(await deps.languages.of_answer(salvaged)):
                sentence = about_text.UNREADABLE_REQUEST.to(deps.audience.about(unreadable.case_id))
                await reply(salvaged, messages.note(sentence), deps)
            told = True
        except (StoreDown, TokenRefused):
            raise
        except Exception as error:
            if not is_last_try and not isinstance(error, CannotPost):
                raise
    log.error("case_unreadable", case=unreadable.case_id, reason=unreadable.reason, asker_told=told)
    await deps.store.fail(unreadable.case_id, UNREADABLE)


HANDLERS: Mapping[Verb, Callable[[Case[Any], Deps], Awaitable[None]]] = {
    Verb.LOOK_UP: lookup.look_up,
    Verb.SUBMIT: buttons.renew,
    Verb.UPLOAD: buttons.upload,
    Verb.OFFER_UPLOAD: buttons.offer,
    Verb.JSON: buttons.export,
    Verb.CSV: buttons.export,
    Verb.REPORT: report.draw_report,
    Verb.PICTURE: report.draw_finding,
    Verb.SHARE: buttons.share,
    Verb.HIDE: buttons.hide,
    Verb.RESCAN: buttons.renew,
    Verb.RECHECK: buttons.renew,
    Verb.DETAILS: modals.show_details,
    Verb.WHY: modals.show_why,
    Verb.COMMENTS: modals.show_comments,
    Verb.RESCAN_COST: modals.show_rescan_cost,
    Verb.SETTINGS: about.show_settings,
    Verb.CHANGE_SETTINGS: about.change_settings,
    Verb.HOME: about.show_home,
    Verb.ALLOW_OWN_URL: buttons.renew,
    Verb.WATCH: watch_commands.watch,
    Verb.IGNORE: watch_commands.ignore,
    Verb.JOIN: watch_commands.join_new_channel,
    Verb.SHOW_CARD: watch_cards.show_card,
    Verb.PRIORITISE: watch_cards.prioritise,
    Verb.ALLOW_URL: watch_cards.answer_url_question,
    Verb.DECLINE_URL: watch_cards.answer_url_question,
    Verb.PING: about.ping,
    Verb.QUOTA: about.quota,
    Verb.HELP: about.show_help,
    Verb.SAY: about.say,
    Verb.FORM: about.offer_form,
}
