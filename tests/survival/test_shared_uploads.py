"""Equal files that two replicas are about to send at the same moment are sent once, whoever of them dies."""

import asyncio

import psycopg

from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN, GENERAL
from tests.support.processes import grounds
from tests.survival.test_shared_calls import Balancer, are_answered, shown

FILES = 12
SETTINGS = {"UPLOAD_POLICY": "allow"}
SANDBOX = {"invent": False, "queue_seconds": 1}


async def replicas(place):
    """Two, which name VirusTotal differently, so that it is known which of them calls. Deliveries go to both in turn."""
    place.slack.dispatcher.ack_timeout = 60  # on a busy machine too, each command is taken
    place.slack.forgives(Rule.LATE)
    first = await place.bot()
    second = await place.bot(VT_API_URL=place.virustotal.url.replace("127.0.0.1", "localhost"))
    addresses = [f"http://127.0.0.1:{one.ports[-1]}/slack/events" for one in (first, second)]
    place.slack.target = Balancer(addresses)
    return {"127.0.0.1": first, "localhost": second}


async def ask(place, folder):
    """As many people's commands, each about a file of its own with the same content."""
    paths = [folder / f"{number}.bin" for number in range(FILES)]
    for path in paths:
        path.write_bytes(b"the same in all of them")
    people = (ANA, BEN)
    exchanges = await asyncio.gather(
        *(place.slack.types(people[n % 2], GENERAL, f"/vt scan-file {path}") for n, path in enumerate(paths))
    )
    assert {exchange.status for exchange in exchanges} == {200}


def sent(place):
    """The uploads that VirusTotal has read to their end."""
    return [call for call in place.virustotal.calls_to("file/scan") if call.upload]


def verdicts(place):
    """How many messages say what VirusTotal found."""
    return sum("CLEAN" in message.text for message in place.slack.messages(GENERAL) if message.bot_id)


async def test_sent_at_the_same_moment(database, tmp_path):
    """Twelve equal files over two processes are one upload, whose analysis all of them await.

    Those that wait do so in the queue: no connection is held meanwhile, and others are answered.
    """
    async with grounds(database, tmp_path, sandbox=SANDBOX, FILE_ROOTS=str(tmp_path), **SETTINGS) as place:
        is_sent, go_on = asyncio.Event(), asyncio.Event()

        async def hold(_, reply):
            is_sent.set()
            await go_on.wait()
            return await reply()

        place.virustotal.faults.add("file/scan", hold)
        await replicas(place)
        await ask(place, tmp_path)
        await is_sent.wait()
        exchange = await place.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")
        assert "NOT CHECKED" not in shown(place, await exchange.answer())
        with psycopg.connect(database, autocommit=True) as connection:
            held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            assert connection.execute(held).fetchone() == (0,)
        go_on.set()
        await are_answered(database, FILES + 1, seconds=300)
        assert len(sent(place)) == 1
        assert verdicts(place) == FILES
        assert place.slack.faults == []


async def killed(database, folder, *, arrives):
    """The process that sends is killed; VirusTotal gets the file from it, or does not."""
    folder.mkdir()
    async with grounds(database, folder, sandbox=SANDBOX, FILE_ROOTS=str(folder), **SETTINGS) as place:
        started = await replicas(place)

        async def kill(request, reply):
            started[request.url.host].kill()
            await asyncio.sleep(1)
            return await reply() if arrives else None

        place.virustotal.faults.add("file/scan", kill)
        await ask(place, folder)
        await are_answered(database, FILES, seconds=300)
        assert len(sent(place)) == (1 if arrives else 2)
        assert verdicts(place) == FILES
        assert place.slack.faults == []


async def test_the_sender_is_killed(new_database, tmp_path):
    """The others ask VirusTotal whether it has the file, and send it only if it has not: it has it once at the end."""
    await asyncio.gather(
        killed(new_database(), tmp_path / "arrived", arrives=True),
        killed(new_database(), tmp_path / "lost", arrives=False),
    )
