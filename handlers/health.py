"""Is everything answering? Each part is asked once and timed."""

import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from slack_sdk.errors import SlackClientError

from handlers import text
from handlers.deps import StoreDown
from handlers.text import about
from handlers.text.format import Audience
from vt.errors import VTError

Probe = Callable[[], Awaitable[object]]


async def health(probes: Mapping[str, Probe], audience: Audience) -> dict[str, tuple[float, str]]:
    """By part: the seconds that its probe took, and the sentence for what is wrong with it, or ""."""
    return {name: await _run(probe, audience) for name, probe in probes.items()}


async def _run(probe: Probe, audience: Audience) -> tuple[float, str]:
    start = time.perf_counter()
    problem: str = ""
    try:
        await probe()
    except VTError as error:
        problem = text.error(error, audience)
    except (StoreDown, SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        problem = about.silent(type(error).__name__, audience)
    return time.perf_counter() - start, problem
