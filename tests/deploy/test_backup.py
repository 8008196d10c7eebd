"""A backup by pg_dump, restored into another database: nothing that was accepted is lost."""

import asyncio
import subprocess

import psycopg
import pytest

from bot.postgres import account, programs
from playground.virustotal import faults
from tests.support.app_fixture import ANA, GENERAL, address
from tests.support.processes import grounds

pytestmark = pytest.mark.slow


def postgres_program(name, *arguments):
    """One of PostgreSQL's own programs, of the version that the bot brings."""
    done = subprocess.run(  # noqa: S603 - the wheel's own
        [programs() / name, *arguments], capture_output=True, text=True, check=False, **account()
    )
    assert done.returncode == 0, done.stderr


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


AUDIT = "SELECT id, outcome, what::text FROM audit ORDER BY at"


async def test_a_backup_is_restored(database, new_database, new_state, tmp_path):
    """The audit trail is the same, a request that was waiting is answered, an old answer's buttons work, the quota is known."""
    dump = new_state() / "vtbot.dump"
    dump.parent.chmod(0o777)
    async with grounds(database, tmp_path) as place:
        first = await place.bot()
        answered = await (await place.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")).answer()
        place.virustotal.faults.always("ip-address/report", faults.status(503))
        waiting = await place.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.2")
        message = await waiting.answer()
        assert await first.stopped() == 0
        postgres_program("pg_dump", "--format=custom", f"--file={dump}", database)

        restored = new_database("template0")
        postgres_program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={restored}", dump)
        assert rows(restored, AUDIT) == rows(database, AUDIT)
        assert rows(restored, "SELECT use FROM quotas") == rows(database, "SELECT use FROM quotas")

        place.virustotal.faults.clear()
        await place.bot(DATABASE_URL=address(restored))
        async with asyncio.timeout(60):
            while rows(restored, "SELECT FROM cases WHERE outcome = 'open'"):  # noqa: ASYNC110 - the database is asked
                await asyncio.sleep(0.1)
        assert "CLEAN" in "\n".join(place.slack.shown(place.slack.state.messages[message.key]))
        await place.slack.presses(ANA, answered, "JSON")
        async with asyncio.timeout(30):
            while not place.slack.files("@ana") or rows(restored, "SELECT FROM cases WHERE outcome = 'open'"):  # noqa: ASYNC110 - the workspace and the database are asked
                await asyncio.sleep(0.1)
    assert [outcome for _, outcome, _ in rows(restored, AUDIT)] == ["answered"] * 3
