"""Slack's side of a benchmark: commands, signed, over connections that stay open; and the clock that sends them."""

import asyncio
import hashlib
import hmac
import itertools
import time
from urllib.parse import urlencode

SECRET = "bench-signing-secret"
PEOPLE = 20


class Commands:
    """What people type: each command new, about an address of its own."""

    def __init__(self, hooks):
        self._hooks = hooks
        self._numbers = itertools.count(1)

    def next(self, text=""):
        """The number of a command, and its request. `text`: what is typed after /vt; none: about a new address."""
        number = next(self._numbers)
        form = {
            "command": "/vt",
            "text": text or f"scan-ip {20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.7",
            "team_id": "T0BENCH",
            "user_id": f"U0BENCH{number % PEOPLE:03d}",
            "channel_id": "C0BENCH",
            "trigger_id": f"{number}.bench.{time.time_ns()}",
            "response_url": f"{self._hooks}/{number}",
        }
        return number, signed(urlencode(form).encode())


def signed(body):
    """A request with this form to the address that Slack delivers to."""
    stamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    lines = [
        "POST /slack/events HTTP/1.1",
        "Host: bot",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        f"X-Slack-Request-Timestamp: {stamp}",
        f"X-Slack-Signature: v0={digest}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """Connections to one bot; as many as are needed at once."""

    def __init__(self, port):
        self._port = port
        self._free = []

    async def send(self, request):
        """Send it; when it was acknowledged (or refused), the status."""
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        )
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        self._free.append((reader, writer))
        return int(head[9:12])

    def hang_up(self):
        """Begin anew: a server may close what was idle for long."""
        while self._free:
            self._free.pop()[1].close()


async def by_the_clock(line, commands, rate, seconds):
    """So many a second, sent when their time has come, whether or not earlier ones came back: seconds of each.

    Counted from the time it should have been sent, so that a generator that is late does not flatter the bot.
    """
    line.hang_up()
    clock = asyncio.get_running_loop().time
    start = clock() + 0.1
    tasks = []

    async def one(due, request):
        status = await line.send(request)
        assert status == 200, status
        return clock() - due

    for number in range(rate * seconds):
        due = start + number / rate
        request = commands.next()[1]
        await asyncio.sleep(max(0.0, due - clock()))
        tasks.append(asyncio.create_task(one(due, request)))
    return await asyncio.gather(*tasks)


async def at_once(line, commands, count, total):
    """`count` people who each type the next command when the last one is acknowledged: seconds of each."""
    line.hang_up()
    clock = time.perf_counter
    left = iter(range(total))
    took = []

    async def person():
        for _ in left:
            request = commands.next()[1]
            start = clock()
            assert await line.send(request) == 200
            took.append(clock() - start)

    await asyncio.gather(*(person() for _ in range(count)))
    return took


def percentile(values, percent):
    """The value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]
