"""What an operator sees: metrics and logs. No secret and no text from outside gets into either."""

import logging
import sys
import traceback
from pathlib import PurePath

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

QUIET = ("httpx", "httpcore", "slack_bolt", "slack_sdk", "procrastinate", "paramiko", "aiohttp", "alembic")
"""Loggers that write URLs, payloads or job arguments below WARNING."""
LOUDER = {"slack_bolt": logging.ERROR, "paramiko": logging.CRITICAL}
"""Those that are quiet above WARNING too: paramiko writes down, with a traceback, whatever a stranger sends it."""


class Metrics:
    """Counters of this process, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.acknowledged = Histogram(
            "vtbot_acknowledge_seconds", "Time to acknowledge a request of Slack's", registry=registry
        )
        self.refused = Counter(
            "vtbot_refused_total", "Requests that were not Slack's", ["status"], registry=registry
        )
        self.turns = Histogram("vtbot_turn_seconds", "Time of one turn of a request", registry=registry)
        self.turns_failed = Counter(
            "vtbot_turns_failed_total", "Turns that were tried again", registry=registry
        )

    def page(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


def log_to_stderr(level: int = logging.INFO, *, colours: bool = True) -> None:
    """One line an event, as JSON unless someone is watching; libraries only from WARNING on.

    `colours`: for somebody who is watching.
    """
    watching = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=colours) if watching else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in QUIET:
        logging.getLogger(name).setLevel(LOUDER.get(name, logging.WARNING))


def place(error: BaseException) -> str:
    """Where it was raised, as file:line. Its text may hold what people sent, so that is not logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
