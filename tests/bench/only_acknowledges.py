"""A bolt app that only acknowledges, with bolt's own server and settings: what the bot is measured beside."""

import sys

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.bench.load import SECRET

port, api_url = sys.argv[1:]
app = AsyncApp(signing_secret=SECRET, client=AsyncWebClient(token="xoxb-bench", base_url=api_url))


@app.command("/vt")
async def typed(ack):
    """Acknowledge."""
    await ack()


app.start(int(port))
