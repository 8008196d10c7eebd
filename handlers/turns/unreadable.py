"""A stored request that this version cannot read: its asker is told that there is no answer, and it is ended."""

import structlog

from handlers import text
from handlers.deps import Case, PostingDeps, StoreDown, Verb
from handlers.posting import CannotPost, reply
from handlers.request import EntryPoint, InfoRequest
from handlers.unreadable import Salvaged, UnreadableCase
from handlers.views import answer

WHY = "unreadable"
"""In the audit trail, for why a request has failed."""

log = structlog.get_logger()


async def end_unreadable(unreadable: UnreadableCase, deps: PostingDeps, *, is_last_try: bool = False) -> None:
    """Tell the asker, and end the request. Does nothing when it has ended before.

    What a later release wrote is left to it until the last try. Raises UnreadableCase then, NotPosted when Slack may
    take the sentence at another time, and StoreDown.
    """
    if not unreadable.salvaged.is_open:
        return
    if unreadable.is_newer and not is_last_try:
        raise unreadable
    told = False
    sentence = text.UNREADABLE_REQUEST.to(deps.audience.about(unreadable.case_id))
    if unreadable.salvaged.origin.entry_point is not EntryPoint.WATCH:
        try:
            await reply(_stand_in(unreadable.salvaged), answer.note(sentence), deps)
            told = True
        except StoreDown:
            raise
        except Exception as error:
            if not is_last_try and not isinstance(error, CannotPost):
                raise
    log.error("case_unreadable", case=unreadable.case_id, reason=unreadable.reason, asker_told=told)
    await deps.store.fail(unreadable.case_id, WHY)


def _stand_in(salvaged: Salvaged) -> Case:
    """A case that can be answered in place of the one that cannot be read."""
    request = InfoRequest(
        id=salvaged.case_id,
        delivery=salvaged.delivery,
        verb=Verb.HELP,
        at=salvaged.at,
        origin=salvaged.origin,
    )
    return Case(
        request=request,
        posts=salvaged.posts,
        channel=salvaged.channel,
        ts=salvaged.ts,
        posting=salvaged.posting,
    )
