"""The process: settings, database, jobs, HTTP and Socket Mode, the command line. Everything is wired here."""

import sys

# structlog (for tracebacks with the values of variables, which the bot's logs never show) and httpx (for a command line of its
# own) load rich wherever it is installed. A bot at work does without those 5 MB: bot/terminal.py loads rich when it shows
# something.
if not {"rich", "structlog", "httpx"} & sys.modules.keys():
    sys.modules["rich"] = None  # type: ignore[assignment]  # as documented: a module that is not to be found
    import httpx  # noqa: F401
    import structlog  # noqa: F401

    del sys.modules["rich"]
