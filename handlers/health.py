"""Is everything answering? Each part is asked once and timed."""

import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from slack_sdk.errors import SlackClientError

from handlers import text
from handlers.deps import StoreDown
from handlers.text import about
from handlers.text.audience import Audience
from vt.errors import VTError

Probe = Callable[[], Awaitable[object]]


async def health(probes: Mapping[str, Probe], audience: Audience) -> dict[str, tuple[float, str]]:
    """By part: the seconds it took, and what is wrong with it ("" when nothing is)."""
    return {name: await _timed(probe, audience) for name, probe in probes.items()}


async def _timed(probe: Probe, audience: Audience) -> tuple[float, str]:
    start = time.perf_counter()
    fault: str = ""
    try:
        await probe()
    except VTError as error:
        fault = text.error(error, audience)
    except (StoreDown, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        fault = about.silent(type(error).__name__, audience)
    return time.perf_counter() - start, fault
