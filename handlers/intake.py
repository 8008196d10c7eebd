"""The one way in: a request is kept before it is acknowledged; what cannot be kept is said at once."""

from handlers import text
from handlers.deps import Request, Store, StoreDown


async def take(request: Request, store: Store) -> str:
    """Keep a request; the same delivery again changes nothing. Returns what to tell the asker: "" when it is kept."""
    try:
        await store.accept(request)
    except StoreDown:
        return text.CANNOT_TAKE
    return ""
