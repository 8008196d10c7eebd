"""What an operator sees: metrics and logs, and in both whether Slack accepts the tokens. No secret and no text from outside gets in."""

import logging
import re
import sys
import traceback
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from structlog.typing import EventDict, Processor

from handlers.slack_errors import DEAD_TOKEN, MISSING_SCOPE, TOKEN_ERRORS

QUIET = ("httpx", "httpcore", "slack_bolt", "slack_sdk", "procrastinate", "paramiko", "aiohttp", "alembic")
"""Loggers that write URLs, payloads or job arguments below WARNING."""
LOUDER = {"slack_bolt": logging.ERROR, "paramiko": logging.CRITICAL}
"""Those that are quiet above WARNING too: paramiko writes down, with a traceback, whatever a stranger sends it."""

log = structlog.get_logger()


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
        self.token_refused = Gauge(
            "vtbot_slack_token_refused", "1 while Slack does not accept a token", ["token"], registry=registry
        )
        self.slack_errors = Counter(
            "vtbot_slack_errors_total", "Calls that Slack refused", ["method", "error"], registry=registry
        )

    def page(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


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
    """One line an event, of libraries too, as JSON unless someone is watching; libraries only from WARNING on.

    `colours`: for somebody who is watching. `secrets`: values that are left out wherever they stand.
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
    """A processor that takes secrets out of every text of an event, and what would speak to a terminal."""

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


class Access:
    """Whether Slack accepts a token, by its latest replies, and which scopes it has granted."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        """`name`: of the token, in the log and in the metrics."""
        self._name = name
        self._metrics = metrics
        self._metrics.token_refused.labels(name).set(0)
        self.refused = ""
        """Slack's error code for why it does not accept the token; "" while it does."""
        self.granted: frozenset[str] | None = None
        """None until Slack has said."""

    def accept(self, headers: Mapping[str, str]) -> None:
        """A call was answered."""
        if "x-oauth-scopes" in headers:
            scopes = (scope.strip() for scope in headers["x-oauth-scopes"].split(","))
            self.granted = frozenset(filter(None, scopes))
        if self.refused:
            log.warning("slack_token_accepted", token=self._name, after=self.refused)
            self._set("")

    def fail(self, method: str, data: Mapping[str, Any]) -> None:
        """A call was refused. The log tells what only the operator can change; the metrics count every code."""
        code = str(data["error"])
        self._metrics.slack_errors.labels(method, code).inc()
        if code == MISSING_SCOPE:
            log.warning(
                "slack_missing_scope", method=method, error=code, needed=str(data.get("needed") or "")[:200]
            )
        elif code in TOKEN_ERRORS and not self.refused:
            is_whole_token = code in DEAD_TOKEN or method == "auth.test"
            log.error(
                "slack_token_refused", token=self._name, method=method, error=code, work_rests=is_whole_token
            )
            if is_whole_token:
                self._set(code)
        elif code not in TOKEN_ERRORS:
            log.info("slack_refused_call", method=method, error=code)

    def _set(self, code: str) -> None:
        self.refused = code
        self._metrics.token_refused.labels(self._name).set(int(bool(code)))
