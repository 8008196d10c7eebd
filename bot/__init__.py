"""The process: settings, database, jobs, HTTP and Socket Mode, the command line. Everything is wired here."""

import sys
from importlib.abc import MetaPathFinder
from typing import Any


class _OptionalImports(MetaPathFinder):
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


sys.meta_path.insert(0, _OptionalImports())
