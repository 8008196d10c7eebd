"""The process: settings, database, jobs, HTTP and Socket Mode, the command line. Everything is wired here."""

import sys

# structlog (for tracebacks with the values of variables, which the bot's logs never show, and for greenlets) and httpx (for a
# command line of its own) load these wherever they are installed. A bot at work does without those 7 MB: bot/terminal.py loads
# rich when it shows something.
_UNUSED = {"rich", "click", "greenlet"}
if not ({"structlog", "httpx"} | _UNUSED) & sys.modules.keys():
    sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # as documented: they are not to be found
    import httpx  # noqa: F401
    import structlog  # noqa: F401

    for _name in _UNUSED:
        del sys.modules[_name]
