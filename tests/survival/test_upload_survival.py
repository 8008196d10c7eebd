"""kill -9 in each phase of an upload: nothing is uploaded twice, and no answer is lost."""

import asyncio
from collections import Counter

from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import grounds


class Uploads:
    """Ana's files, one for each phase, and the messages that are about them."""

    def __init__(self, place, bot, folder):
        self.place, self.bot, self.folder = place, bot, folder
        self.messages = {}

    def file(self, name):
        path = self.folder / f"{name}.bin"
        path.write_bytes(name.encode() * 100)
        return path

    async def asks(self, name, content=None):
        path = self.file(name)
        if content:
            path.write_bytes(content)
        exchange = await self.place.slack.types(ANA, GENERAL, f"/vt scan-file {path}")
        assert exchange.status == 200

    async def reads(self, name, words, seconds=120):
        """Until the message about it says so."""

        def found():
            for message in self.place.slack.messages(GENERAL, ANA):
                text = "\n".join(self.place.slack.shown(message))
                if f"{name}.bin" in text and words in text:
                    self.messages[name] = message
                    return True
            return False

        await self.place.slack.until(found, timeout=seconds)

    async def is_asked(self, name):
        await self.reads(name, "Upload it to VirusTotal?")

    async def agrees(self, name):
        """Whether that was acknowledged."""
        return (await self.place.slack.presses(ANA, self.messages[name], "Upload")).status == 200

    def dies_over(self, endpoint):
        """The next such call is its last: VirusTotal takes it, the bot never hears of it."""

        async def kill(_, reply):
            self.bot.kill()
            return await reply()

        self.place.virustotal.faults.add(endpoint, kill)

    async def revived(self):
        await self.bot.ended()
        await self.place.up(self.bot)


async def test_killed_in_every_phase_each_file_is_uploaded_once_and_answered(database, tmp_path):
    """One bot in three lives; at the end every file has its verdict, in one message, after one upload that arrived."""
    sandbox = {"invent": False, "queue_seconds": 1}
    async with grounds(database, tmp_path, sandbox=sandbox, FILE_ROOTS=str(tmp_path)) as place:
        uploads = Uploads(place, await place.bot(), tmp_path)

        # One waits for its analysis, one was only just taken, one is being asked for.
        await uploads.asks("queued")
        await uploads.is_asked("queued")
        await uploads.agrees("queued")
        await uploads.reads("queued", "PENDING")
        uploads.dies_over("file/report")
        await asyncio.gather(uploads.asks("taken"), uploads.asks("hashed"))
        await uploads.revived()

        # VirusTotal has one that the bot does not know it has; the other was only just agreed to.
        await asyncio.gather(uploads.is_asked("taken"), uploads.is_asked("hashed"))
        uploads.dies_over("file/scan")
        taken = await asyncio.gather(uploads.agrees("taken"), uploads.agrees("hashed"))
        await uploads.revived()
        for name, was_taken in zip(("taken", "hashed"), taken, strict=True):
            assert was_taken or await uploads.agrees(name)

        await asyncio.gather(*(uploads.reads(name, " engines") for name in ("queued", "taken", "hashed")))
        arrived = Counter(call.upload.name for call in place.virustotal.calls_to("file/scan") if call.upload)
        assert arrived == {"queued.bin": 1, "taken.bin": 1, "hashed.bin": 1}
        assert len(place.slack.messages(GENERAL, ANA)) == len(arrived)
