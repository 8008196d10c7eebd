"""Logging as it was, for tests that run a command of the bot's in their own process."""

import logging
from contextlib import contextmanager

import structlog

from bot.observability import QUIET


@contextmanager
def restored_logging():
    """What a command sets up for its process does not outlive it."""
    levels = {name: logging.getLogger(name).level for name in QUIET}
    try:
        yield
    finally:
        structlog.reset_defaults()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
