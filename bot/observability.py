"""What an operator sees: metrics and logs. No secret and no text from outside gets in."""

import logging
import re
import sys
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from structlog.typing import EventDict, Processor

from bot.tracing import Tracing
from vt.fair_queue import Priority

QUIET = ("httpx", "httpcore", "slack_bolt", "slack_sdk", "procrastinate", "paramiko", "aiohttp")
"""Loggers that write URLs, payloads or job arguments below WARNING."""
LOUDER = {"slack_bolt": logging.ERROR, "paramiko": logging.CRITICAL}
"""Those that are quiet above WARNING too: paramiko writes down, with a traceback, whatever a stranger sends it."""

log = structlog.get_logger()


QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)
"""A histogram's buckets, in seconds: Slack waits for three."""
SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
"""For what may wait for a quota or an analysis."""
OTHER = "other"


class Metrics:
    """Measurements of this process. A label has few values, which the code or the operator chose: none comes from outside."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing or Tracing()
        self._registry = registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        quick = partial(Histogram, registry=registry, buckets=QUICK)
        slow = partial(Histogram, registry=registry, buckets=SLOW)
        ProcessCollector(registry=registry)
        gauge("vtbot_info", "Always 1", ["version"]).labels(version("vtbot")).set(1)
        self.acknowledged = quick("vtbot_acknowledge_seconds", "From a delivery to its acknowledgement")
        self.refused = counter("vtbot_refused_total", "Requests that were not Slack's", ["status"])
        self.answers = slow("vtbot_answer_seconds", "From a delivery to its answer", ["action", "outcome"])
        self.turns = slow("vtbot_turn_seconds", "Time of one turn of a request")
        self.turns_failed = counter("vtbot_turns_failed_total", "Turns that were tried again")
        self.token_refused = gauge("vtbot_slack_token_refused", "1: Slack refuses a token", ["token"])
        self.slack = quick("vtbot_slack_seconds", "Time of a call to Slack, with its retries", ["method"])
        self.slack_errors = counter("vtbot_slack_errors_total", "Failed calls to Slack", ["method", "error"])
        labels = ["virustotal", "endpoint", "status"]
        self.virustotal = slow("vtbot_virustotal_seconds", "Until VirusTotal began to reply", labels)
        self.calls_saved = counter("vtbot_calls_saved_total", "Calls that were not needed", ["by"])
        self.database = quick("vtbot_database_seconds", "Time of a piece of work in the database")
        self.database_failures = counter("vtbot_database_failures_total", "Work that it did not do")
        self.database_up = gauge("vtbot_database_up", "1: the database answered a moment ago")
        labels = ["virustotal", "window"]
        self.quota_used = gauge("vtbot_quota_used_calls", "Calls of all processes in a window", labels)
        self.quota_left = gauge("vtbot_quota_left_calls", "Calls that are left in a window", labels)
        self.waiting = gauge("vtbot_waiting_calls", "Calls that requests wait for", ["priority"])
        self.jobs = gauge("vtbot_jobs", "Jobs of all processes", ["state", "priority"])
        self.delay = gauge(
            "vtbot_job_delay_seconds", "Since when the oldest waiting job is due", ["priority"]
        )

    def page(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)

    def show(
        self,
        quotas: Mapping[str, Mapping[str, tuple[int, int]]],
        waiting: Sequence[Mapping[Priority, int]],
        jobs: Iterable[tuple[str, str, int, float]],
    ) -> None:
        """Show what the database has just said. `quotas`: by instance, or by the host that is asked; `waiting`: by key."""
        self.database_up.set(1)
        for virustotal, windows in quotas.items():
            for window, (used, allowed) in windows.items():
                self.quota_used.labels(virustotal, window).set(used)
                if allowed:
                    self.quota_left.labels(virustotal, window).set(max(0, allowed - used))
        for rank in Priority:
            self.waiting.labels(rank.name.lower()).set(sum(calls[rank] for calls in waiting))
        self.jobs.clear()
        for priority in ("people", "automatic"):
            self.delay.labels(priority).set(0)
            for state in ("waiting", "scheduled", "running", "failed"):
                self.jobs.labels(state, priority).set(0)
        for state, priority, count, seconds in jobs:
            self.jobs.labels(state, priority).set(count)
            if state == "waiting":
                self.delay.labels(priority).set(seconds)

    def hide(self) -> None:
        """Remove what the database said before, which may be wrong now that it does not answer."""
        self.database_up.set(0)
        for gauge in (self.jobs, self.delay, self.quota_used, self.quota_left, self.waiting):
            gauge.clear()


class LogStream:
    """A stream for log lines. One that cannot be written, as on a full disk, is lost: it must not fail a request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, if that is possible. A closed stream raises ValueError."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def log_to_stderr(
    level: int = logging.INFO, *, colours: bool = True, secrets: Collection[SecretStr] = ()
) -> None:
    """Log one line an event, as JSON unless stderr is a terminal. Libraries are logged from WARNING on only.

    `colours`: on a terminal. `secrets`: values that are hidden wherever they occur.
    """
    stream = cast("TextIO", LogStream(sys.stderr))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=colours)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    last: list[Processor] = [_without_exception_text, Scrubber(secrets), renderer]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = (
        False  # a line that cannot be written is lost; by default a traceback is printed instead
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(LOUDER.get(name, logging.WARNING))


LONGEST_TEXT = 1_000
"""Characters of a value in a log line."""
MOST_FRAMES = 20
"""Frames of a traceback in a log line, the innermost ones."""
HIDDEN = "[hidden]"
_SECRET = re.compile(
    r"""
    \b(?:xox[a-z]|xapp)[.-][\w.%-]+                                     # Slack's tokens
    | \bv0=[0-9a-f]{64}\b                                              # its signature
    | (?<=://)[^\s/@"']+(?=@)                                          # user and password in an address
    | (?<=/commands/)[^\s"']+ | (?<=/services/)[^\s"']+ | (?<=/actions/)[^\s"']+   # a response_url, a webhook
    | (?<=\?)[^\s"'?]*=[^\s"'>]+                                       # the query of an address
    | (?:(?<=apikey)|(?<=api_key)|(?<=token)|(?<=password)|(?<=passphrase)|(?<=secret)|(?<=authorization))
      ["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?[^\s"',;&}]+           # a value after such a name
    | \b(?:bearer|basic)\s+[\w.+/=-]{8,}
    | -----BEGIN[\s\S]*
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Scrubber:
    """A processor of structlog that removes secrets and control characters from every text of an event."""

    def __init__(self, secrets: Collection[SecretStr]) -> None:
        values = {value for secret in secrets if len(value := secret.get_secret_value()) >= SHORTEST_SECRET}
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Change one event."""
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._clean(one) for one in value]
        if not isinstance(value, str):
            return value
        if self._values:
            value = self._values.sub(HIDDEN, value)
        value = _SECRET.sub(HIDDEN, value[: 10 * LONGEST_TEXT])
        printable = "".join(character if character.isprintable() else " " for character in value)
        return printable if len(printable) <= LONGEST_TEXT else printable[:LONGEST_TEXT] + "…"


SHORTEST_SECRET = 4
"""Characters: a shorter value would hide parts of ordinary words."""


def _without_exception_text(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The type of an exception and where it was raised instead of the whole traceback: its text may hold what people sent."""
    info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    error = sys.exception() if info is True else info
    if isinstance(info, tuple):
        error = info[1]
    if not isinstance(error, BaseException):
        return event
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    lines = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {**event, "error": type(error).__name__, "traceback": lines}


def place(error: BaseException) -> str:
    """Where it was raised, as file:line. Its text may hold what people sent, so that is not logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
