"""Mentions and direct messages: what people write to the bot, and where the answer appears."""

import psycopg
import pytest

from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

EICAR = "44d88612fea8a8f36de82e1278abb02f"
DIRECT = "@vt"


def own(app, channel=GENERAL):
    """The bot's own messages there."""
    return [message for message in app.slack.messages(channel) if message.user == "U0VTBOT001"]


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_a_mention_is_answered_in_its_thread(database, mode):
    """`@vt 192.0.2.1` in a channel gets one answer in the thread that everyone sees, so it has no button to share it."""
    async with at_work(database, mode=mode) as app:
        exchange = await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        answer = await exchange.answer()
        assert answer.thread_ts == exchange.said.ts
        assert answer.ephemeral_to is None
        header, subject = app.slack.shown(answer)[:2]
        assert header.startswith("🟠 SUSPICIOUS · 6 of 57 engines")
        assert subject == "192[.]0[.]2[.]1  ▰▱▱▱▱"
        assert "Share" not in app.now(answer)


async def test_a_mention_in_a_thread_is_answered_there(database):
    """Slash commands do not work in threads; mentions do."""
    async with at_work(database) as app:
        root = (await app.slack.says(BEN, GENERAL, "what is this?")).said
        exchange = await app.slack.says(ANA, GENERAL, "@vt is it 192.0.2.1 ?", thread=root)
        assert (await exchange.answer()).thread_ts == root.ts


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("@vt", "Paste IPs, hashes, URLs"),
        ("@vt help", "/vt domain-report example.co.in"),
        ("@vt scan-ip", "/vt scan-ip 192.0.2.1"),
        ("@vt thank you very much", "I found no IP address, hash"),
        ("@vt form", "/vt form"),
        ("@vt ping", "🟢 Slack"),
        ("@vt quota", "minute"),
        ("@vt domain-report @ben", "example"),
        (f"@vt scan-hash {EICAR} --threshold 60", "🟠 SUSPICIOUS · 54 of 60 engines"),
    ],
)
async def test_a_mention_is_a_command(database, line, words):
    """A mention takes everything that /vt takes, including mistakes and help, and each gets an answer in the thread."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, GENERAL, line)
        answer = await exchange.answer()
        assert any(words in row for row in app.slack.shown(answer))
        assert answer.thread_ts == exchange.said.ts


async def test_a_wrong_value_in_a_mention_is_named_to_the_asker_alone(database):
    """The right values are answered in the thread; what is not looked up concerns nobody else."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, GENERAL, "@vt scan-ip 192.0.2.1, 999.1.1.1")
        told = await exchange.answer(having="Not looked up: 999[.]1[.]1[.]1 is not an IP address.")
        answer = await exchange.answer(having="192[.]0[.]2[.]1")
        assert told.ephemeral_to == app.slack.person(ANA).id
        assert answer.ephemeral_to is None


async def test_direct_messages_need_no_command(database):
    """Any text in direct messages is answered below it, or in the thread that it was written in."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, DIRECT, f"what about 192.0.2.1 and {EICAR}?")
        answer = await exchange.answer()
        assert "🔴 1 RISKY · 🟠 1 SUSPICIOUS" in app.slack.shown(answer)[0]
        assert answer.thread_ts is None
        below = await app.slack.says(ANA, DIRECT, "scan-ip 198.51.100.1", thread=answer)
        assert (await below.answer()).thread_ts == answer.ts
        assert [app.slack.person(ANA).id] == [
            app.slack.state.channels[message.channel].with_user for message in [answer]
        ]


async def test_the_buttons_of_an_answer_in_a_thread_work_for_everybody_there(database):
    """The JSON is posted in the same thread."""
    async with at_work(database) as app:
        exchange = await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        answer = await exchange.answer()
        await app.slack.presses(BEN, answer, "JSON")
        await app.slack.until(lambda: app.slack.files(GENERAL))
        assert {message.thread_ts for message in app.slack.messages(GENERAL) if message.files} == {
            exchange.said.ts
        }


async def test_what_is_waited_for_is_said_and_then_replaced(database):
    """While the quota is spent there is one message about it, which is replaced by the answer."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await (await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")).answer()
        waiting = await (await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")).answer()
        assert "out of quota; next call in" in app.now(waiting)
        await app.passes(seconds=61)
        await app.slack.until(lambda: "NOT CHECKED" not in app.now(waiting))
        assert len(own(app)) == 2


def mentions(app):
    """What the mentions were stored as, in order."""
    events = [ack for ack in app.slack.deliveries if ack.delivery.kind == "events_api"]
    return [ack for ack in events if ack.delivery.payload["event"]["type"] == "app_mention"]


def rows(database, query):
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


# Not for the bot -----------------------------------------------------------------------------------------


async def test_a_database_that_is_away_is_said_and_slack_hands_it_over_again(database):
    """What could not be stored is not acknowledged, so Slack's next attempt is answered once the database is back."""
    async with at_work(database) as app:
        with psycopg.connect(database) as lock:
            lock.execute("LOCK TABLE cases, people IN ACCESS EXCLUSIVE MODE")
            exchange = await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
            [mention] = mentions(app)
            assert mention.status == 503
            told = await exchange.answer()
            assert "my database is down" in app.now(told)
            assert told.ephemeral_to
        await app.slack.dispatcher.again(mention)
        await app.idle()
        assert len([message for message in own(app) if not message.ephemeral_to]) == 1


async def test_joins_topics_and_its_own_messages_are_not_read(database):
    """In direct messages only what a person writes is read."""
    async with at_work(database) as app:
        for subtype in ("channel_join", "channel_topic", "message_changed", "bot_add", "reminder_add"):
            ack = await say_raw(app, subtype=subtype, user="U0ANA00001")
            assert ack.status == 200
        await say_raw(app, user="U0VTBOT001", bot_id="B0VTBOT001")
        await say_raw(app, user="U0ANA00001", hidden=True)
        await app.idle()
        assert rows(database, "SELECT count(*) FROM audit") == [(0,)]


async def say_raw(app, **event):
    """Send an event that Slack can send but the stand-in workspace never does."""
    channel = app.slack.direct(ANA).id
    inner = {"type": "message", "channel": channel, "channel_type": "im", "ts": app.slack.state.ts()}
    return await app.slack.dispatcher.event("message.im", {**inner, "text": "192.0.2.1", **event})


async def test_two_bots_do_not_talk_to_each_other(database):
    """Another bot's mention gets no answer and no message."""
    async with at_work(database) as app:
        await app.slack.says("otherbot", GENERAL, "@vt 192.0.2.1")
        await app.idle()
        assert own(app) == []
        assert rows(database, "SELECT outcome, why FROM audit") == [("refused", "bot")]


async def test_a_channel_that_wants_private_answers(database):
    """In a channel with private answers a mention is answered in direct messages.

    The audit trail and the access check still use the channel.
    """
    async with at_work(database, ALLOWED_CHANNELS="general") as app:
        with psycopg.connect(database) as connection:
            connection.execute(
                "INSERT INTO channels VALUES ('T0PLAYGRND', 'C0GENERAL1', '{\"answers\": \"private\"}')"
            )
        await app.slack.says(ANA, GENERAL, "@vt 192.0.2.1")
        await app.slack.until(lambda: own(app, "@ana"))
        await app.idle()
        [answer] = own(app, "@ana")
        assert app.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS · 6 of 57 engines")
        assert "Share" not in app.now(answer)
        assert own(app) == []
        assert rows(database, "SELECT channel, outcome FROM audit") == [("C0GENERAL1", "answered")]


async def test_picked_messages_there_are_answered_to_the_picker_alone(database):
    """In such a channel a message shortcut is answered where only its user sees it."""
    async with at_work(database) as app:
        with psycopg.connect(database) as connection:
            connection.execute(
                "INSERT INTO channels VALUES ('T0PLAYGRND', 'C0GENERAL1', '{\"answers\": \"private\"}')"
            )
        message = (await app.slack.says(BEN, GENERAL, "192.0.2.1")).said
        answer = await (await app.slack.uses_shortcut(ANA, "check", message)).answer()
        assert answer.ephemeral_to == app.slack.person(ANA).id
