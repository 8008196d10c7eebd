"""What people ask of a card: to be looked up now, to be shown, or that a URL with a secret may be sent."""

from handlers.deps import Case, Deps, Outcome
from handlers.posting import post_ephemeral, reply
from handlers.text import watch
from handlers.turns.answers import end
from handlers.views import answer
from handlers.watch import Card, Wishes


async def hurry(case: Case, deps: Deps) -> None:
    """Look up what stopped at the reserve: from here on somebody asked for it."""
    about = await _about(case, deps)
    if about is None:
        await _gone(case, deps)
        return
    await deps.watching.wish(about.case.request.id, Wishes(hurried=True))
    await end(case, deps)


async def show(case: Case, deps: Deps) -> None:
    """The card of the message in whose thread the bot was mentioned; where there is none, what it can do."""
    origin = case.request.origin
    about = await deps.watching.on(origin.team, origin.channel, origin.thread or "")
    if about is None:
        await end(await reply(case, answer.guide(), deps), deps)
        return
    await deps.watching.wish(about.case.request.id, Wishes(shown=True))
    await end(case, deps)


async def allow(case: Case, deps: Deps) -> None:
    """The poster agrees to what they were asked about."""
    about = await _asked(case, deps)
    if about:
        await deps.watching.wish(about.case.request.id, Wishes(allowed=about.manners.asked))
        await end(await reply(case, answer.note(watch.ALLOWED), deps), deps)


async def leave(case: Case, deps: Deps) -> None:
    """The poster does not."""
    if await _asked(case, deps):
        await end(await reply(case, answer.note(watch.LEFT), deps), deps)


async def _asked(case: Case, deps: Deps) -> Card | None:
    """The card about which this very person was asked."""
    about = await _about(case, deps)
    if about is None or about.case.request.origin.user != case.request.origin.user:
        await _gone(case, deps)
        return None
    return about


async def _about(case: Case, deps: Deps) -> Card | None:
    """The card that the button belongs to, pressed in its own channel."""
    about = await deps.watching.card(case.request.about or "")
    mine = case.request.origin
    theirs = about.case.request.origin if about else None
    same = theirs and (mine.team, mine.channel) == (theirs.team, theirs.channel)
    return about if same else None


async def _gone(case: Case, deps: Deps) -> None:
    await post_ephemeral(case, watch.GONE, deps)
    await end(case, deps, Outcome.REFUSED)
