"""How long a question lives: ten minutes from when it was put, wherever it is shown again, and then it says so."""

from datetime import UTC, datetime

from handlers.case import Case
from handlers.request import LookupRequest, Origin
from handlers.text.files import lasts
from handlers.views import messages as uploads_view
from handlers.views.rich_text import Message
from tests.handlers.test_events import own
from tests.handlers.test_upload_askers import EICAR, labels, presses
from tests.handlers.test_upload_consent import sample, upload_app
from tests.support.app_fixture import ANA, BEN, GENERAL
from vt.actions import FILE
from vt.lookup import Lookup
from vt.verdict import Note

__all__ = ["sample"]


def uploads(app):
    return len(app.virustotal.calls_to("file/scan"))


async def test_a_question_that_had_to_wait_lives_from_when_it_was_put(database, tmp_path):
    """An unknown file beside one that is analysed for longer than a question lives."""
    for name in "ab":
        (tmp_path / f"{name}.bin").write_bytes(name.encode())
    async with upload_app(database, tmp_path, queue_seconds=900, mode="socket") as app:
        first = await app.asks(f"/vt scan-file {tmp_path}/b.bin")
        await app.slack.presses(ANA, first, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(first))
        posted = await app.asks(f"/vt scan-file {tmp_path}/a.bin, {tmp_path}/b.bin")
        for _ in range(5):
            await app.passes(minutes=4)
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(posted))
        await app.idle()
        before = uploads(app)
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload")
        await app.slack.until(lambda: uploads(app) > before)


async def test_another_file_that_is_to_be_uploaded_makes_it_a_new_question(database, tmp_path):
    """Upload anyway, of an answer with an unknown file that is older than ten minutes: both can be agreed to."""
    (tmp_path / "a.bin").write_bytes(b"unknown")
    (tmp_path / "eicar.com").write_bytes(EICAR)
    async with upload_app(database, tmp_path, mode="socket") as app:
        posted = await app.asks(f"/vt scan-file {tmp_path}/a.bin, {tmp_path}/eicar.com")
        await app.idle()
        await app.passes(minutes=11)
        await presses(app, ANA, posted, "more", "Upload anyway")
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload 2 files")
        await app.slack.until(lambda: uploads(app) == 2)


async def test_the_files_that_were_left_are_asked_about_anew(database, tmp_path):
    """Twelve unknown ones: the last two are asked about once ten are done, long after all were looked up."""
    for number in range(12):
        (tmp_path / f"{number}.bin").write_bytes(b"%d" % number)
    async with upload_app(database, tmp_path, queue_seconds=600, mode="socket") as app:
        posted = await app.asks(f"/vt scan-file {tmp_path}/*")
        await app.slack.presses(ANA, posted, "Upload 10 files")
        await app.slack.until(lambda: "10 PENDING" in app.now(posted))
        for _ in range(3):
            await app.passes(minutes=4)
        await app.slack.until(lambda: "these 2 files" in app.now(posted))
        await app.idle()
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload 2 files")
        await app.slack.until(lambda: uploads(app) == 12)


async def shown_again(app, posted):
    """Share an answer and make the copy private: returns how it is shown again."""
    await presses(app, ANA, posted, "Share")
    copy = next(one for one in app.slack.messages(GENERAL, BEN) if one.bot_id)
    await presses(app, ANA, copy, "Make private")
    return app.slack.messages(GENERAL, ANA)[-1]


async def test_a_question_is_not_put_anew_by_showing_it_again(database, sample):
    """Six minutes later it can still be answered where it is shown again, but not for ten minutes more."""
    async with upload_app(database, sample.parent, mode="socket") as app:
        posted = await app.asks(f"/vt scan-file {sample}")
        await app.idle()
        await app.passes(minutes=6)
        again = await shown_again(app, posted)
        assert "Upload" in labels(app, again)
        await app.passes(minutes=6)
        await presses(app, ANA, again, "Upload")
        assert "that button has expired" in app.slack.messages(GENERAL, ANA)[-1].text
        assert not uploads(app)


async def test_a_question_that_is_over_is_shown_without_a_button(database, sample):
    """It says that it is over and how to be asked again, which then is a new question."""
    async with upload_app(database, sample.parent, mode="socket") as app:
        posted = await app.asks(f"/vt scan-file {sample}")
        await app.idle()
        await app.passes(minutes=11)
        again = await shown_again(app, posted)
        assert "nobody agreed within 10 minutes" in app.now(again)
        assert "Upload" not in labels(app, again)
        await presses(app, ANA, again, "more", "Check again now")
        await app.slack.presses(ANA, app.slack.state.messages[again.key], "Upload")
        await app.slack.until(lambda: uploads(app) == 1)


def many(folder, known, unknown):
    """Files with long names, to be asked for together."""
    deep = folder / ("d" * 120)
    deep.mkdir()
    for number in range(known):
        (deep / f"known-{number:02}-{'k' * 60}.com").write_bytes(EICAR)
    for number in range(unknown):
        (deep / f"unknown-{number:02}-{'u' * 60}.bin").write_bytes(b"%d" % number)
    return f"@vt scan-file {deep}/*"


async def mentioned(app, line):
    await app.slack.says(ANA, GENERAL, line)
    await app.slack.until(lambda: own(app))
    await app.idle()
    return own(app)[-1]


async def test_the_longest_answer_has_room_for_its_question(database, tmp_path):
    """A hundred files, half of them risky with all their details: Slack takes it, and the button is there."""
    async with upload_app(database, tmp_path) as app:
        posted = await mentioned(app, many(tmp_path, known=50, unknown=50))
        assert "🔴 50 RISKY · ⚪ 50 UNKNOWN" in app.now(posted)
        assert "40 other files are unknown too" in app.now(posted)
        assert "Upload 10 files" in labels(app, posted)


async def test_an_answer_without_its_blocks_promises_no_button(database, sample):
    """Slack takes neither them nor plain ones: it is text alone, which says how to be asked."""
    async with upload_app(database, sample.parent) as app:
        app.slack.fails("chat.postMessage", "invalid_blocks", times=2)
        posted = await mentioned(app, f"@vt scan-file {sample}")
        assert "Upload" not in labels(app, posted)
        assert "ask about fewer files" in app.now(posted)
        assert "can press this" not in app.now(posted)


def test_no_question_is_longer_than_the_space_that_is_reserved_for_it():
    """Of as many files as one is about, with the longest names and sources, beside others that are never uploaded."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    file = Lookup.of_file("/srv/" + "n" * 255, FILE, 3, place=f"host:{'h' * 255}").hashed("f" * 64, 10**12)
    files = (*[file.done(Note.NEEDS_CONSENT)] * 150, *[file.done(Note.NEVER_BY_NAME)] * 150)
    origin = Origin(team="T1", user="U1", channel="C1")
    request = LookupRequest(id="r" * 22, delivery="d", at=now, origin=origin)
    case = Case(request=request, lookups=files, asked_at=now)
    said = uploads_view.with_question(Message("answer"), case, lasts("U1", now))
    assert len(said.blocks) == 2
    parts = said.blocks[0]["elements"][0]["elements"]
    # A person and a point in time have no text of their own: their whole element is longer than what is shown.
    shown = "".join(str(part.get("text") or part) for part in parts)
    assert len(shown) <= uploads_view.MAX_CHARACTERS
