"""Traces by OpenTelemetry, if an endpoint for them is set: deliveries, turns, calls, and statements by their kind.

All spans of a request are one trace, whose id follows from the request's: turns in other processes, or after a restart,
belong to it without anything being stored. A span holds names that the code chose, a status, and the request's id; no
indicator, text, address, token or key.

Spans are kept until their delivery or turn ends, since a delivery's request gets its id only when it is stored. Without
an endpoint nothing of OpenTelemetry is imported.
"""

import asyncio
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import aiohttp
import structlog

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXTRA = "traces"
"""The extra that brings OpenTelemetry: pip install 'vtbot[traces]'."""
CLOSING_SECONDS = 3.0
"""For the last spans, when the bot stops."""
DELIVERY, TURN = "delivery", "turn"
MOST_SPANS = 1_000
"""Kept for one delivery or turn; the rest is left out."""

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Span:
    """A piece of work, in nanoseconds since 1970."""

    name: str
    parent: "Span | None" = None
    case_id: str | None = None
    """Of the request, for a delivery or a turn."""
    attributes: dict[str, str | int] = field(default_factory=dict)
    inner: list["Span"] = field(default_factory=list)
    """What was done in it; for deliveries and turns."""
    start: int = field(default_factory=time.time_ns)
    end: int = 0
    error: str = ""
    """The type of what was raised."""


_CURRENT: ContextVar[Span | None] = ContextVar("span", default=None)
ROOT: ContextVar[Span | None] = ContextVar("root", default=None)
"""The delivery or turn that is under way, if it is traced. A delivery gets the id of the request that it becomes."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Marks what is traced: nothing, as it is made. Then no code of ours runs for it."""

    delivery: Callable[[], AbstractContextManager[object]] = nullcontext
    """A delivery of Slack's, until it is acknowledged."""
    turn: Callable[[str], AbstractContextManager[object]] = nullcontext
    """A turn of the request with this id."""
    span: Callable[[str], AbstractContextManager[object]] = nullcontext
    """A part of the delivery or turn that is under way, by a name that the code chose. Yields its Span, if it is traced."""
    response_urls: Callable[[str], list[aiohttp.TraceConfig]] = lambda _api: []
    """For the HTTP session for Slack: requests that do not go to its API, which has spans of its own."""


class Exporter(Protocol):
    """Sends spans away."""

    def send(self, root: Span) -> None:
        """Send a delivery or turn with its parts. Neither raises nor waits."""


class Spans:
    """Traces, and hands what has ended to an exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    @property
    def tracing(self) -> Tracing:
        """Marks what is traced."""
        return Tracing(
            partial(self._root, DELIVERY), partial(self._root, TURN), self.span, self.response_urls
        )

    @contextmanager
    def _root(self, name: str, case_id: str | None = None) -> Iterator[None]:
        root = Span(name, case_id=case_id)
        before = ROOT.set(root)
        try:
            with _timed(root):
                yield
        finally:
            ROOT.reset(before)
            self._exporter.send(root)

    @contextmanager
    def span(self, name: str) -> Iterator[Span | None]:
        """A part of the delivery or turn that is under way."""
        root = ROOT.get()
        if root is None or root.end or len(root.inner) >= MOST_SPANS:
            yield None
            return
        span = Span(name, _CURRENT.get())
        root.inner.append(span)
        with _timed(span):
            yield span

    def response_urls(self, api: str) -> list[aiohttp.TraceConfig]:
        """Requests that do not go to Slack's `api`: uses of a response_url, uploads and downloads."""

        async def ended(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
            if not str(params.url).startswith(api):
                with self.span("Slack, other than its API") as span:
                    if span:
                        span.attributes["http.response.status_code"] = params.response.status

        config = aiohttp.TraceConfig()
        config.on_request_end.append(ended)
        return [config]


@contextmanager
def _timed(span: Span) -> Iterator[None]:
    before = _CURRENT.set(span)
    try:
        yield
    except BaseException as error:
        span.error = type(error).__name__
        raise
    finally:
        _CURRENT.reset(before)
        span.end = time.time_ns()


@asynccontextmanager
async def tracing(environ: Mapping[str, str]) -> AsyncIterator[Tracing]:
    """Tracing as OpenTelemetry's own variables configure it; none if they name no endpoint, or its packages are missing."""
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(environ.get(name) for name in ENDPOINTS):
        yield Tracing()
        return
    try:
        exporter = _OpenTelemetry()
    except ImportError:
        log.warning("traces_off", why=f"the extra {EXTRA!r} of vtbot is not installed")
        yield Tracing()
        return
    try:
        yield Spans(exporter).tracing
    finally:
        await exporter.close()


class _OpenTelemetry:
    """Sends spans in a thread of its own, by OTLP over HTTP. What cannot be sent is dropped. Raises ImportError."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        resource = Resource.create()
        if str(resource.attributes.get("service.name")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "vtbot"}))
        self._ids = _ids()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=self._ids)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("vtbot")

    def send(self, root: Span) -> None:
        """Hand a delivery or turn with its parts to the thread."""
        with suppress(Exception):  # whatever it is, the bot works on
            self._send(root)

    def _send(self, root: Span) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.sampling import Decision  # noqa: PLC0415 - the same

        digest = hashlib.sha256((root.case_id or secrets.token_hex()).encode()).digest()
        self._ids.trace, self._ids.span = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
        context = None
        if root.name == TURN:
            sampled = self._provider.sampler.should_sample(None, self._ids.trace, TURN).decision
            flags = trace.TraceFlags(int(sampled is Decision.RECORD_AND_SAMPLE))
            delivery = trace.SpanContext(self._ids.trace, self._ids.span, is_remote=True, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(delivery))
            self._ids.span = None
        if root.case_id:
            root.attributes["vtbot.request"] = root.case_id
        known: dict[Span | None, Any] = {}
        for span in (root, *root.inner):
            above = known.get(span.parent) or known.get(root)
            within = trace.set_span_in_context(above) if above else context
            kind = trace.SpanKind.CLIENT if span.parent else trace.SpanKind.SERVER
            made = self._tracer.start_span(
                span.name, context=within, kind=kind, attributes=span.attributes, start_time=span.start
            )
            known[span] = made
            if span.error:
                made.set_attribute("error.type", span.error)
                made.set_status(trace.StatusCode.ERROR)
        for span in (*root.inner, root):
            known[span].end(end_time=span.end or root.end)

    async def close(self) -> None:
        """Send what is left, for as long as CLOSING_SECONDS."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSING_SECONDS)


def _ids() -> Any:
    """Makes ids: those that were set, once each, else random ones."""
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - an extra

    class Ids(RandomIdGenerator):
        trace: int | None = None
        span: int | None = None

        def generate_trace_id(self) -> int:
            return self.trace or super().generate_trace_id()

        def generate_span_id(self) -> int:
            given, self.span = self.span, None
            return given or super().generate_span_id()

    return Ids()
