"""What the bot is measured beside: bolt apps with bolt's own server and settings, which store nothing.

One only acknowledges. The other, given VirusTotal's address, also asks it and answers with one line.
"""

import sys

import httpx
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.bench.load import SECRET

port, api_url, *virustotal = sys.argv[1:]
app = AsyncApp(signing_secret=SECRET, client=AsyncWebClient(token="xoxb-bench", base_url=api_url))
clients = []


@app.command("/vt")
async def typed(ack, command, respond):
    """Acknowledge; then, if there is a VirusTotal, ask and answer."""
    await ack()
    if virustotal:
        address = command["text"].split()[-1]
        clients[:] = clients or [httpx.AsyncClient(base_url=virustotal[0], timeout=60)]
        reply = await clients[0].get("ip-address/report", params={"ip": address, "apikey": "bench"})
        flagged = [one["url"] for one in reply.json().get("detected_urls", ())]
        line = f"{address}: {len(flagged)} URLs there are flagged"
        await respond(text=line, blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": line}}])


app.start(int(port))
