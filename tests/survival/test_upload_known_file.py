"""kill -9 over the upload of a file that VirusTotal had before: its hash does not tell whether it arrived."""

from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import grounds
from tests.survival.test_upload_survival import Uploads


async def test_killed_over_the_upload_of_a_known_file_it_is_not_sent_twice(database, tmp_path):
    """By its hash VirusTotal shows only the old report: the next life waits for a newer one instead of sending again."""
    eicar = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    async with grounds(database, tmp_path, sandbox={"queue_seconds": 20}, FILE_ROOTS=str(tmp_path)) as place:
        uploads = Uploads(place, await place.bot(), tmp_path)
        await uploads.asks("known", eicar)
        await uploads.reads("known", "Scan date: 5 Feb 2019")
        await place.slack.presses(ANA, uploads.messages["known"], "more", "Upload anyway")
        await uploads.is_asked("known")
        uploads.dies_over("file/scan")
        was_taken = await uploads.agrees("known")
        await uploads.revived()
        assert was_taken or await uploads.agrees("known")
        await uploads.reads("known", "was interrupted and may have arrived")
        await uploads.reads("known", "RISKY")
        assert "Scan date: 5 Feb 2019" not in str(place.slack.shown(uploads.messages["known"]))
        assert len([call for call in place.virustotal.calls_to("file/scan") if call.upload]) == 1
        assert len(place.slack.messages(GENERAL, ANA)) == 1
