"""An incident of 300 messages in a watched channel: VirusTotal calls, beside one call for each indicator that was posted."""

import asyncio
import tempfile
from pathlib import Path

from psycopg.conninfo import make_conninfo

from bot.postgres import Server
from bot.startup import prepare


def measure():
    """Lines to read, one for each kind of key."""
    for kind in ("public", "private"):
        with tempfile.TemporaryDirectory() as folder, Server(Path(folder)).used() as url:
            conninfo = make_conninfo(url)
            prepare(conninfo)
            yield asyncio.run(_replayed(conninfo, kind))


async def _replayed(database, kind):
    from tests.support.incident import at_incident  # noqa: PLC0415 - needed here alone
    from tests.survival.test_watch_replay import ALL_AT_ONCE, Replay  # noqa: PLC0415 - the same

    async with at_incident(database, VT_KEY_KIND=kind, **ALL_AT_ONCE) as incident:
        replay = Replay(incident.slack)
        await replay.post(0, len(replay.lines))
        await incident.quiet(300)
        replay.check()
        posted = [one.value for line in replay.lines for one in line.indicators]
        cards = sum(bool(replay.cards(message)) for message in replay.messages)
        calls = len(incident.virustotal.calls)
        return (
            f"watch, {kind} key: {len(replay.lines)} messages, {len(posted)} indicators, {len(set(posted))} different: "
            f"{cards} cards, {calls} calls to VirusTotal ({calls / len(posted):.0%} of one for each indicator)"
        )
