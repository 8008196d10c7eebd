"""The one answer to a message: whatever is handed over again, deleted, archived or dies on the way to it."""

import asyncio
import contextlib

import psycopg
import pytest

from tests.handlers.test_events import DIRECT, mentions, own, rows
from tests.support.app_fixture import ANA, GENERAL, at_work


async def test_the_same_event_again_is_one_answer(database):
    """Slack hands an event over up to four times, over different connections."""
    async with at_work(database) as office:
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        [mention] = mentions(office)
        for _ in range(10):
            await office.slack.courier.again(mention)
        await office.idle()
        assert len(own(office)) == 1
        assert len(office.virustotal.calls) == 1


async def test_edits_and_deletions_ask_for_nothing(database):
    """What was asked was answered; a new text in its place, or none, is not asked anew."""
    async with at_work(database) as office:
        exchange = await office.slack.says(ANA, DIRECT, "192.0.2.1")
        answer = await exchange.answer()
        await office.slack.edits(ANA, exchange.said, "198.51.100.1")
        await office.slack.deletes(ANA, exchange.said)
        await office.idle()
        assert own(office, "@ana") == [office.slack.world.messages[answer.key]]


async def test_a_question_that_was_deleted_meanwhile_is_answered_in_the_direct_messages(database):
    """Its thread is gone; the asker reads the result and why it is there."""
    async with at_work(database) as office:
        office.slack.fails("chat.postMessage", "thread_not_found")
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await office.slack.until(lambda: own(office, "@ana"))
        [answer] = own(office, "@ana")
        assert office.slack.shown(answer)[0] == "I can't post in that channel, so here is your answer:"
        assert "🟠 SUSPICIOUS 6 of 57 engines" in office.now(answer)


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"])
async def test_where_it_may_not_write_it_answers_in_the_direct_messages(database, error):
    """The result is not lost, and nothing is left open."""
    async with at_work(database) as office:
        office.slack.fails("chat.postMessage", error)
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await office.slack.until(lambda: own(office, "@ana"))
        await office.idle()
        assert not own(office)


async def test_a_channel_that_is_archived_while_someone_waits(database):
    """The last word comes in the direct messages; the message that waits stays as it is."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as office:
        await (await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")).answer()
        await (await office.slack.says(ANA, GENERAL, "@vt 198.51.100.1")).answer()
        office.slack.fails("chat.update", "is_archived")
        office.slack.fails("chat.postMessage", "is_archived")
        await office.passes(seconds=61)
        await office.slack.until(lambda: own(office, "@ana"))
        await office.idle()


async def test_whoever_cannot_be_reached_at_all_does_not_keep_it_busy(database):
    """No channel and no direct messages: the request ends, and its result is kept."""
    async with at_work(database) as office:
        office.slack.fails("chat.postMessage", "is_archived")
        office.slack.fails("chat.postMessage", "cannot_dm_bot")
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await office.idle()
        [(outcome, raw)] = rows(database, "SELECT outcome, progress->'lookups'->0->'raw' FROM cases")
        assert outcome == "failed"
        assert raw["response_code"] == 1


async def test_a_message_of_ours_that_was_deleted_is_said_again_only_with_the_answer(database):
    """Someone removed "not checked yet": the answer itself still comes, once."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as office:
        await (await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")).answer()
        waiting = await (await office.slack.says(ANA, GENERAL, "@vt 198.51.100.1")).answer()
        office.slack.world.update(office.slack.world.messages[waiting.key], deleted=True)
        await office.passes(seconds=61)
        await office.slack.until(lambda: len(own(office)) == 2)
        assert "NOT CHECKED" not in office.now(own(office)[-1])


@pytest.mark.parametrize("channel", [GENERAL, DIRECT])
async def test_a_crash_between_posting_and_remembering_posts_nothing_twice(database, channel):
    """The answer stands in Slack, the database never heard of it: the next turn finds it by its case and edits it."""
    async with at_work(database) as office:
        with forgetful(database):
            await office.slack.says(ANA, channel, "@vt 192.0.2.1")
            await put_off(database)
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(None,)]
        await office.passes(seconds=3)
        await office.idle()
        [answer] = own(office, "@ana" if channel == DIRECT else GENERAL)
        assert answer.edited
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(answer.ts,)]


async def test_an_answer_that_slack_took_without_saying_so_is_not_posted_again(database):
    """Slack's 503 came after the message stood there: the next turn finds it."""
    async with at_work(database) as office:
        office.slack.fails("chat.postMessage", "lost")
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await put_off(database)
        await office.passes(seconds=3)
        await office.idle()
        [answer] = own(office)
        assert rows(database, "SELECT progress->>'ts' FROM cases") == [(answer.ts,)]


async def test_a_crash_before_posting_loses_nothing(database):
    """That it was about to post is remembered, but there is no such message: it is posted now."""
    async with at_work(database) as office:
        office.slack.fails("chat.postMessage", "internal_error")
        await office.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await put_off(database)
        assert rows(database, "SELECT progress->>'posting' FROM cases") == [("C0GENERAL1",)]
        await office.passes(seconds=3)
        await office.idle()
        assert len(own(office)) == 1


@contextlib.contextmanager
def forgetful(database):
    """The database does not take the timestamp of a message that was posted, as when a process dies over it."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.progress->>'ts' IS NOT NULL THEN RAISE 'gone'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER forget BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION forget()"
        )
        yield
        connection.execute("DROP TRIGGER forget ON cases")


async def put_off(database):
    """Until a turn broke, and is to be taken again."""
    async with asyncio.timeout(20):
        while not rows(  # noqa: ASYNC110 - the database is asked
            database, "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NOT NULL"
        ):
            await asyncio.sleep(0.02)
