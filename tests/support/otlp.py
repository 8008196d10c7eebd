"""A receiver of OTLP over HTTP, which decodes the spans that arrive."""

import gzip
from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """Spans as they arrive, and everything that came with them as text."""

    def __init__(self):
        self.url = ""
        self.spans = []
        self.text = ""

    async def take(self, request):
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        received = ExportTraceServiceRequest.FromString(body)
        self.text += str(received)
        for of_resource in received.resource_spans:
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans
        return web.Response(headers={"Content-Type": "application/x-protobuf"})

    def named(self, name):
        """Those whose name begins so."""
        return [span for span in self.spans if span.name.startswith(name)]


@asynccontextmanager
async def otlp_receiver():
    """One that listens."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/v1/traces", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
