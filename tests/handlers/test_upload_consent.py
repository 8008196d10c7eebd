"""A file that VirusTotal does not know: the question, who may answer it and until when, and what follows."""

import asyncio
import hashlib

import psycopg
import pytest

from playground.virustotal import faults
from tests.handlers.test_faults import slow_to_store
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

CONTENT = b"never seen before"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def sample(tmp_path):
    file = tmp_path / "invoice.bin"
    file.write_bytes(CONTENT)
    return file


def upload_app(database, folder, queue_seconds=10, mode="http", **environ):
    sandbox = {"invent": False, "queue_seconds": queue_seconds}
    return at_work(database, mode=mode, sandbox=sandbox, FILE_ROOTS=str(folder), **environ)


async def later(app, **time):
    """Let time pass once the next turn was put off."""
    async with asyncio.timeout(60), await psycopg.AsyncConnection.connect(app.database) as connection:
        put_off = "SELECT FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NOT NULL"
        while not (await connection.execute(put_off)).rowcount:  # noqa: ASYNC110 - the database is asked
            await asyncio.sleep(0.02)
    await app.passes(**time)


async def test_an_unknown_file_is_asked_about_and_then_goes_to_a_verdict_in_the_same_message(
    database, sample
):
    """UNKNOWN with the question; after the button: upload, queue, verdict, and never a second message."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        shown = app.now(answer)
        assert shown.startswith("⚪ UNKNOWN")
        for told in (
            "invoice.bin",
            "17 bytes",
            SHA256,
            "the bot's machine",
            "other companies",
            "Only @ana can press this, until ",
        ):
            assert told in shown
        assert not app.virustotal.calls_to("file/scan")
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        await later(app, seconds=20)
        await app.slack.until(lambda: " engines" in app.now(answer))
        assert [call.endpoint for call in app.virustotal.calls] == [
            "file/report", "file/report", "file/scan", "file/report",
        ]  # fmt: skip
        assert len(app.slack.messages(GENERAL, ANA)) == 1


async def test_a_known_file_is_never_asked_about(database, tmp_path):
    """Its report is the answer."""
    file = tmp_path / "eicar.com"
    file.write_bytes(rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    async with upload_app(database, tmp_path) as app:
        answer = await app.asks(f"/vt scan-file {file}")
        assert app.now(answer).startswith("🔴 RISKY")
        assert "Upload" not in [button.label for button in app.slack.buttons(answer)]


async def test_a_name_with_what_slack_escapes_is_found_however_it_is_asked_for(database, tmp_path):
    """Commands and messages come with entities, a form's fields do not."""
    (tmp_path / "a&b <c>.bin").write_bytes(b"one")
    (tmp_path / "a&amp;b.bin").write_bytes(b"another")
    async with upload_app(database, tmp_path) as app:
        line = f"scan-file {tmp_path}/a&b <c>.bin, {tmp_path}/a&amp;b.bin"
        assert "2 UNKNOWN" in app.now(await app.asks(f"/vt {line}"))
        said = await app.slack.says(ANA, GENERAL, f"@vt {line}")
        await app.slack.until(lambda: "2 UNKNOWN" in thread_of(app, said))
        await app.slack.types(ANA, GENERAL, "/vt form")
        [view] = app.slack.views(ANA)
        view = app.slack.fills(ANA, view, {"path": line.removeprefix("scan-file ")})
        assert not (await app.slack.submits(ANA, view)).errors
        await app.idle()
        assert "2 UNKNOWN" in app.now(app.slack.messages(GENERAL, ANA)[-1])


def thread_of(app, exchange):
    """What stands under a message."""
    below = [one for one in app.slack.messages(GENERAL) if one.thread_ts == exchange.said.ts]
    return "\n".join(map(app.now, below))


async def test_consent_expires_after_ten_minutes(database, sample):
    """An old question is not a consent: nothing is uploaded, and it says so."""
    async with upload_app(database, sample.parent, mode="socket") as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        await app.passes(minutes=11)
        await app.slack.presses(ANA, answer, "Upload")
        await app.idle()
        assert "that button has expired" in app.slack.messages(GENERAL, ANA)[-1].text
        assert not app.virustotal.calls_to("file/scan")


async def test_another_persons_click_does_not_count_and_the_askers_still_does(database, sample):
    """Who asked for the file is who answers for it."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample} --share")
        await app.slack.presses(BEN, answer, "Upload")
        await app.idle()
        assert "only the person who asked" in app.slack.messages(GENERAL, BEN)[-1].text
        assert not app.virustotal.calls_to("file/scan")
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        assert len(app.virustotal.calls_to("file/scan")) == 1


async def test_a_file_that_changed_since_it_was_agreed_to_is_not_uploaded(database, sample):
    """Consent is for a content: another one of the same size is never completely sent."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        sample.write_bytes(b"something else 17"[: len(CONTENT)])
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "changed while I was reading it" in app.now(answer))
        assert not await stored(app)


async def stored(app):
    """What arrived complete at VirusTotal."""
    return [call for call in app.virustotal.calls_to("file/scan") if call.upload]


async def test_every_upload_has_somebody_who_agreed_on_record(database, sample):
    """No upload POST without a row that says who agreed to which content."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        async with await psycopg.AsyncConnection.connect(database) as connection:
            rows = await connection.execute("SELECT asker, progress FROM cases WHERE verb = 'upload'")
            [(asker, progress)] = await rows.fetchall()
        assert asker == app.slack.person(ANA).id
        assert [lookup["consented_sha256"] for lookup in progress["lookups"]] == [SHA256]


async def test_two_clicks_are_one_upload(database, sample):
    """However often it is pressed."""
    async with upload_app(database, sample.parent, queue_seconds=0) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        for _ in range(3):
            await app.slack.presses(ANA, answer, "Upload")
        await later(app, seconds=20)
        await app.idle()
        assert len(app.virustotal.calls_to("file/scan")) == 1


@pytest.mark.parametrize("policy", ["allow", "deny"])
async def test_the_settings_may_decide_for_everybody(database, sample, policy):
    """allow: uploaded without a question. deny: UNKNOWN, no button, and it says why."""
    async with upload_app(database, sample.parent, UPLOAD_POLICY=policy) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        if policy == "allow":
            assert "PENDING" in app.now(answer)
            assert len(app.virustotal.calls_to("file/scan")) == 1
        else:
            assert "switched off" in app.now(answer)
            assert not app.virustotal.calls_to("file/scan")
        assert "Upload" not in [button.label for button in app.slack.buttons(answer)]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("server.PEM", b"x", "may contain secrets"),
        ("id_rsa.bak", b"x", "may contain secrets"),
        ("prod.env", b"x", "may contain secrets"),
        ("notes.txt", b"hello\n-----BEGIN OPENSSH PRIVATE KEY-----\n", "contains a private key"),
        ("vault.bin", b"\x03\xd9\xa2\x9ag\xfbK\xb5...", "contains a private key"),
    ],
)
@pytest.mark.parametrize("policy", ["allow", "confirm"])
async def test_secrets_are_never_uploaded_whoever_agrees(database, tmp_path, name, content, why, policy):
    """By name or by how they begin; the hash alone is looked up."""
    (tmp_path / name).write_bytes(content)
    async with upload_app(database, tmp_path, UPLOAD_POLICY=policy) as app:
        answer = await app.asks(f"/vt scan-file {tmp_path / name}")
        assert why in app.now(answer)
        assert "Upload" not in [button.label for button in app.slack.buttons(answer)]
        assert [call.endpoint for call in app.virustotal.calls] == ["file/report"]


async def test_a_pattern_is_all_its_files_in_one_answer_and_one_question(database, tmp_path):
    """`*` within the root: a summary, and one button for those that are unknown."""
    for number in range(3):
        (tmp_path / f"new {number}.bin").write_bytes(b"%d" % number)
    (tmp_path / "other.txt").write_bytes(b"other")
    async with upload_app(database, tmp_path) as app:
        answer = await app.asks(f"/vt scan-file {tmp_path}/new ?.bin, {tmp_path}/absent")
        shown = app.now(answer)
        assert "⚪ 3 UNKNOWN · ⛔ 1 NOT CHECKED" in shown
        assert "other.txt" not in shown
        await app.slack.presses(ANA, answer, "Upload 3 files")
        await app.slack.until(lambda: "⏳ 3 PENDING" in app.now(answer))
        assert len(app.virustotal.calls_to("file/scan")) == 3


async def test_an_upload_that_broke_is_not_repeated_before_the_hash_was_asked(database, sample):
    """The POST may have arrived."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        app.virustotal.faults.add("file/scan", faults.reset())
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "interrupted and may have arrived" in app.now(answer))
        await later(app, seconds=30)
        await app.slack.until(lambda: "being analysed" in app.now(answer))
        kinds = [call.endpoint for call in app.virustotal.calls]
        assert kinds == ["file/report", "file/report", "file/scan", "file/report", "file/scan"]


async def sets(app, policy):
    """The admin says what holds for uploads in #general, whatever else is still open."""

    def saved():
        return [one for one in app.slack.messages(GENERAL, "admin") if "Saved for this" in one.text]

    before = len(saved())
    await app.slack.types("admin", GENERAL, "/vt settings")
    await app.slack.until(lambda: "'uploads'" in str(app.slack.views("admin")[-1].blocks))
    view = app.slack.fills("admin", app.slack.views("admin")[-1], {"uploads": policy})
    await app.slack.submits("admin", view)
    await app.slack.until(lambda: len(saved()) > before)


@pytest.mark.parametrize(
    ("operators", "channels", "uploads", "words"),
    [
        ("confirm", "deny", 0, "switched off"),
        ("allow", "confirm", 0, "Upload it to VirusTotal?"),
        ("confirm", "allow", 0, "Upload it to VirusTotal?"),
        ("deny", "allow", 0, "switched off"),
        ("allow", "as-set", 1, "PENDING"),
    ],
)
async def test_a_channel_may_be_stricter_than_the_operator(
    database, sample, operators, channels, uploads, words
):
    """Of both settings the stricter one decides."""
    async with upload_app(database, sample.parent, UPLOAD_POLICY=operators) as app:
        await sets(app, channels)
        answer = await app.asks(f"/vt scan-file {sample}")
        await app.slack.until(lambda: words in app.now(answer))
        assert len(app.virustotal.calls_to("file/scan")) == uploads


async def test_what_may_have_arrived_is_not_sent_again_once_uploads_are_denied(database, sample):
    """It was agreed to, and broke; the admin's word counts for the second try."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        app.virustotal.faults.add("file/scan", faults.reset())
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "interrupted and may have arrived" in app.now(answer))
        await sets(app, "deny")
        await later(app, seconds=31)
        await app.slack.until(lambda: "switched off" in app.now(answer))
        assert len(app.virustotal.calls_to("file/scan")) == 1


async def test_a_policy_that_changed_between_question_and_click_counts(database, sample):
    """deny, set meanwhile, is deny."""
    async with upload_app(database, sample.parent) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        await sets(app, "deny")
        await app.slack.presses(ANA, answer, "Upload")
        await app.idle()
        assert "switched off" in app.slack.messages(GENERAL, ANA)[-1].text
        assert not app.virustotal.calls_to("file/scan")


async def test_checking_again_is_not_agreeing_again(database, sample):
    """The file has another content now: it is read anew, and asked about anew."""
    async with upload_app(database, sample.parent, queue_seconds=0) as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        await app.slack.presses(ANA, answer, "Upload")
        await later(app, seconds=20)
        await app.slack.until(lambda: " engines" in app.now(answer))
        sample.write_bytes(b"another content")
        await app.slack.presses(ANA, answer, "more", "Check again now")
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(answer))
        assert len(app.virustotal.calls_to("file/scan")) == 1


async def test_a_known_file_may_be_uploaded_anyway_once_somebody_agrees(database, tmp_path):
    """With a public key, which cannot rescan: the question, the upload, and the new analysis in the same message."""
    file = tmp_path / "eicar.com"
    file.write_bytes(rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    async with upload_app(database, tmp_path) as app:
        answer = await app.asks(f"/vt scan-file {file}")
        assert "Scan date: 5 Feb 2019" in app.now(answer)
        await app.slack.presses(ANA, answer, "more", "Upload anyway")
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(answer))
        assert not app.virustotal.calls_to("file/scan")
        await app.slack.presses(ANA, app.slack.state.messages[answer.key], "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        await later(app, seconds=20)
        await app.slack.until(lambda: "RISKY" in app.now(answer))
        assert "Scan date: 5 Feb 2019" not in app.now(answer)
        assert len(app.virustotal.calls_to("file/scan")) == 1


async def test_upload_anyway_is_pressed_before_the_answer_is_stored(database, tmp_path):
    """The press is not lost: the question comes as soon as the answer is stored."""
    file = tmp_path / "eicar.com"
    file.write_bytes(rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    async with upload_app(database, tmp_path) as app:
        with slow_to_store(database):
            answer = await app.asks(f"/vt scan-file {file}")
            await app.slack.presses(ANA, answer, "more", "Upload anyway")
            await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(answer))
            await app.idle()


async def test_a_known_file_may_be_rescanned_too_with_a_private_key(database, tmp_path):
    """Both ways to a new analysis are offered, and what the menu has no room for is a button beside it."""
    file = tmp_path / "eicar.com"
    file.write_bytes(rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    async with upload_app(database, tmp_path, VT_KEY_KIND="private") as app:
        answer = await app.asks(f"/vt scan-file {file}")
        labels = [button.label for button in app.slack.buttons(answer)]
        assert {"Rescan", "Upload anyway", "Check again now"} <= set(labels)
        await app.slack.presses(ANA, answer, "Check again now")
        await app.slack.until(lambda: len(app.virustotal.calls_to("file/report")) == 2)
        await app.idle()
        await app.slack.presses(ANA, app.slack.state.messages[answer.key], "more", "Upload anyway")
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(answer))


async def test_what_was_given_up_can_be_looked_at_again(database, sample):
    """After a day the waiting ends, said, with a button; the analysis that is there by then is found by its hash."""
    async with upload_app(database, sample.parent, queue_seconds=100_000, mode="socket") as app:
        answer = await app.asks(f"/vt scan-file {sample}")
        await app.slack.presses(ANA, answer, "Upload")
        await later(app, hours=25)
        await app.slack.until(lambda: app.slack.messages("@ana", ANA))
        [told] = app.slack.messages("@ana", ANA)
        assert "did not finish the new analysis within a day" in app.now(told)
        sample.unlink()
        await app.passes(hours=4)
        app.virustotal.calls.clear()
        await app.slack.presses(ANA, told, "Look again")
        await app.slack.until(lambda: " engines" in app.now(told))
        assert [call.endpoint for call in app.virustotal.calls] == ["file/report"]


async def test_nobody_is_asked_about_what_can_never_be_uploaded(database, tmp_path):
    """Upload anyway, of a known file whose name may be a secret's beside another one: only the other is asked about."""
    for name in ("eicar.com", "id_rsa"):
        (tmp_path / name).write_bytes(
            rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
        )
    async with upload_app(database, tmp_path) as app:
        alone = await app.asks(f"/vt scan-file {tmp_path}/id_rsa")
        await app.slack.presses(ANA, alone, "more", "Upload anyway")
        await app.slack.until(lambda: "may contain secrets" in app.now(alone))
        assert "Upload it to VirusTotal?" not in app.now(alone)
        both = await app.asks(f"/vt scan-file {tmp_path}/*")
        await app.slack.presses(ANA, both, "more", "Upload anyway")
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(both))
        assert "Never uploaded because of their name or content: id_rsa" in app.now(both)
