"""One message, one answer: through repeated deliveries, deleted messages, archived channels and crashes."""

import asyncio
import contextlib

import psycopg
import pytest

from tests.handlers.test_events import DIRECT, mentions, own, rows
from tests.support.app_fixture import ANA, GENERAL, at_work


async def test_the_same_event_again_is_one_answer(database):
    """Slack may deliver an event up to four times, over different connections."""
    async with at_work(database) as app:
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        [mention] = mentions(app)
        for _ in range(10):
            await app.slack.dispatcher.again(mention)
        await app.idle()
        assert len(own(app)) == 1
        assert len(app.virustotal.calls) == 1


async def test_edits_and_deletions_ask_for_nothing(database):
    """Editing or deleting a question that was answered asks nothing again."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, DIRECT, "192.0.2.1")
        answer = await exchange.answer()
        await app.slack.edits(ANA, exchange.said, "198.51.100.1")
        await app.slack.deletes(ANA, exchange.said)
        await app.idle()
        assert own(app, "@ana") == [app.slack.state.messages[answer.key]]


async def test_a_question_that_was_deleted_meanwhile_is_answered_in_the_direct_messages(database):
    """The thread is gone: the answer comes in direct messages, with a sentence that says why."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", "thread_not_found")
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await app.slack.until(lambda: own(app, "@ana"))
        [answer] = own(app, "@ana")
        assert app.slack.shown(answer)[0] == "I can't post in that channel, so here is your answer:"
        assert "🟠 SUSPICIOUS · 6 of 57 engines" in app.now(answer)


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"])
async def test_where_it_may_not_write_it_answers_in_the_direct_messages(database, error):
    """The answer comes in direct messages, and the request ends."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", error)
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await app.slack.until(lambda: own(app, "@ana"))
        await app.idle()
        assert not own(app)


async def test_a_channel_that_is_archived_while_someone_waits(database):
    """The answer comes in direct messages; the progress message in the channel stays as it is."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await (await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")).answer()
        await (await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")).answer()
        app.slack.fails("chat.update", "is_archived")
        app.slack.fails("chat.postMessage", "is_archived")
        await app.passes(seconds=61)
        await app.slack.until(lambda: own(app, "@ana"))
        await app.idle()


async def test_an_asker_who_cannot_be_reached_ends_the_request(database):
    """Neither the channel nor direct messages can be written to: the request fails, and its result is kept."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", "is_archived")
        app.slack.fails("chat.postMessage", "cannot_dm_bot")
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await app.idle()
        [(outcome, raw)] = rows(database, "SELECT outcome, progress->'lookups'->0->'raw' FROM cases")
        assert outcome == "failed"
        assert raw["response_code"] == 1


async def test_a_progress_message_that_was_deleted_comes_back_only_as_the_answer(database):
    """Someone deleted "not checked yet": the answer itself is still posted, once."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await (await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")).answer()
        waiting = await (await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")).answer()
        app.slack.state.update(app.slack.state.messages[waiting.key], deleted=True)
        await app.passes(seconds=61)
        await app.slack.until(lambda: len(own(app)) == 2)
        assert "NOT CHECKED" not in app.now(own(app)[-1])


@pytest.mark.parametrize("channel", [GENERAL, DIRECT])
async def test_a_crash_between_posting_and_saving_posts_nothing_twice(database, channel):
    """The message is in Slack but its timestamp was not saved: the next turn finds it by its metadata and edits it."""
    async with at_work(database) as app:
        with not_saving_timestamps(database):
            await app.slack.says(ANA, channel, "@vt 192.0.2.1")
            await failed_turn(database)
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(None,)]
        await app.passes(seconds=3)
        await app.idle()
        [answer] = own(app, "@ana" if channel == DIRECT else GENERAL)
        assert answer.edited
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(answer.ts,)]


async def test_an_answer_that_slack_took_without_saying_so_is_not_posted_again(database):
    """Slack answered 503 after it had posted the message: the next turn finds it."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", "lost")
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await failed_turn(database)
        await app.passes(seconds=3)
        await app.idle()
        [answer] = own(app)
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(answer.ts,)]


async def test_a_crash_before_posting_loses_nothing(database):
    """The channel was saved, but there is no such message in it: the next turn posts it."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", "internal_error")
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await failed_turn(database)
        assert rows(database, "SELECT progress->>'posting' FROM cases") == [("C0GENERAL1",)]
        await app.passes(seconds=3)
        await app.idle()
        assert len(own(app)) == 1


@contextlib.contextmanager
def not_saving_timestamps(database):
    """The database refuses to save a message's timestamp, as if the process died before it could."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.progress->>'ts' IS NOT NULL THEN RAISE 'gone'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER forget BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION forget()"
        )
        yield
        connection.execute("DROP TRIGGER forget ON cases")


async def failed_turn(database):
    """Wait until a turn has failed and is scheduled again."""
    async with asyncio.timeout(60):
        while not rows(  # noqa: ASYNC110 - the database is asked
            database, "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NOT NULL"
        ):
            await asyncio.sleep(0.02)
