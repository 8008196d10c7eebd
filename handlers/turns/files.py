"""A click on "Upload": whether it counts, and what becomes of the message that carried the button."""

from collections.abc import Iterable

from handlers.deps import Case, Deps
from handlers.files import consent, permission, progress
from handlers.files.ownership import following
from handlers.files.permission import Refusal
from handlers.posting import RESPONSE_URL_USES, reply
from handlers.request import UploadRequest
from handlers.text import files as files_text
from handlers.turns.answers import decline, end, message, sharer, visible_answer
from handlers.turns.lookup import advance
from handlers.views import answer
from vt.client import DIRECT_UPLOAD
from vt.lookup import Lookup


async def upload(case: Case[UploadRequest], deps: Deps) -> None:
    """Upload what was agreed to, and wait for what comes of it."""
    begun = case if case.lookups else await _begun(case, deps)
    if begun:
        await advance(begun, deps)


async def offer(case: Case[UploadRequest], deps: Deps) -> None:
    """Ask whether files that VirusTotal knows are to be uploaded all the same, in their message."""
    about = await visible_answer(case, deps)
    refused = await permission.denied(about, case, deps)
    if about is None or refused:
        await _decline(case, refused, deps)
        return
    lookups = consent.offered(about.lookups, deps.clock(), deps.never_upload)
    put = await permission.put(_in_its_place(case, about, lookups), deps)
    await end(await reply(put, await message(put, deps), deps), deps)


def _in_its_place(case: Case, about: Case, lookups: tuple[Lookup, ...]) -> Case:
    """With those lookups, in the message of that answer."""
    where = {"channel": about.channel, "ts": about.ts, "shared_by": sharer(about)}
    return following(case, about, lookups).model_copy(update=where)


async def _begun(case: Case[UploadRequest], deps: Deps) -> Case | None:
    """The answer's lookups with what was agreed to, in its message. None: the click does not count, and was told why."""
    about = await deps.store.case(case.request.about)
    refused = await permission.refusal(about, case, deps)
    if about is None or refused:
        await _decline(case, refused, deps)
        return None
    files = consent.waiting(about.lookups)
    lookups = consent.agreed(about.lookups)
    begun = _in_its_place(case, about, lookups)
    moves = _takes_long(files) and not begun.channel and not case.request.origin.public
    if moves:
        # A response_url has five uses: what takes long is told of in a message of the bot's own.
        begun = await reply(begun, answer.note(files_text.FOLLOW), deps, final=False)
        begun = begun.model_copy(update={"posts": RESPONSE_URL_USES})
    return await reply(begun, progress.message((file, 0) for file in files), deps, final=moves)


async def _decline(case: Case, refused: Refusal | None, deps: Deps) -> None:
    why = refused or Refusal.GONE
    await decline(case, permission.SAID[why].to(deps.audience), why.value, deps)


def _takes_long(files: Iterable[Lookup]) -> bool:
    return sum(file.size or 0 for file in files) > DIRECT_UPLOAD
