"""As little of Slack as an answer needs: who somebody is, and the response_urls, each with the time it was used."""

import asyncio
import time
from contextlib import asynccontextmanager

from aiohttp import web


class MinimalSlack:
    """Where answers arrive."""

    def __init__(self):
        self.url = ""
        self.answered = {}
        """By the command's number: when its verdict came."""
        self.last = {}
        """By the command's number: when its response_url was last used."""
        self._news = asyncio.Event()

    async def all_of(self, numbers, seconds):
        """Wait until these are answered; how many are."""
        try:
            async with asyncio.timeout(seconds):
                while not numbers <= self.answered.keys():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return len(numbers & self.answered.keys())

    async def _api(self, request):
        user = (await request.post()).get("user") or request.query.get("user")
        replies = {
            "auth.test": {"user_id": "U0VT", "team_id": "T0BENCH", "bot_id": "B0VT"},
            "users.info": {"user": {"id": user, "team_id": "T0BENCH", "name": "somebody", "profile": {}}},
        }
        return web.json_response({"ok": True, **replies.get(request.match_info["method"], {})})

    async def _hook(self, request):
        text = (await request.json())["text"]
        self.last[int(request.match_info["number"])] = time.perf_counter()
        if "NOT CHECKED" not in text:
            self.answered.setdefault(int(request.match_info["number"]), time.perf_counter())
            self._news.set()
        return web.json_response({"ok": True})


@asynccontextmanager
async def minimal_slack():
    """One that listens."""
    found = MinimalSlack()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", found._api)
    app.router.add_post("/hooks/{number}", found._hook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()
