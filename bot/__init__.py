"""The process: settings, database, jobs, HTTP and Socket Mode, the command line. Here is what keeps its memory small."""

import ctypes
import gc
import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's mallopt, from its malloc.h."""
LARGE = 128 * 1024
"""Bytes that are given back to the machine when they are freed: what glibc begins with."""
GARBAGE_THRESHOLDS = (10_000, 10, 10)
"""How many more objects there are, and collections of the young and of the older ones, before the next collection."""


class _HiddenImports(MetaPathFinder):
    """Hides packages that structlog and httpx import wherever they are installed, while those two are imported.

    structlog wants them for tracebacks with the values of variables, which the bot's logs never show, and for greenlets;
    httpx for a command line of its own. A bot at work does without those 7 MB: only the commands for a terminal
    import rich (bot/terminal.py).
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - importlib's
        """Raises ModuleNotFoundError for a package that is hidden now; all others are left to the next finder."""
        importers: Any = [sys.modules[one].__spec__ for one in ("structlog", "httpx") if one in sys.modules]
        if name in ("rich", "click", "greenlet") and any(one._initializing for one in importers):  # noqa: SLF001 - nothing public says so
            raise ModuleNotFoundError(name=name)


sys.meta_path.insert(0, _HiddenImports())


def tune_malloc() -> None:
    """Have glibc keep one heap for all threads, which wait for Python's lock anyway, and give back what is freed.

    By itself it keeps ever more of it, 3 MB after 600 commands. Where there is another C library, nothing is set.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, LARGE), (M_MMAP_THRESHOLD, LARGE)):
            mallopt(parameter, value)


def tune_garbage_collector() -> None:
    """Exempt what was made at the start: it stays until the end, and looking through it would cost a tenth of all CPU time.

    Nearly everything else is freed without the collector, so it also runs less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
