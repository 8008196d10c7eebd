"""What people type in Slack and what they read: the real Bolt app over signed HTTP, a real database, real HTTP."""

import json

import pytest

from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work

EICAR = "44d88612fea8a8f36de82e1278abb02f"


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_scan_ip_in_both_modes(database, mode):
    """`/vt scan-ip 192.0.2.1` is acknowledged silently and answered to the asker alone."""
    async with at_work(database, mode=mode) as app:
        exchange = await app.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")
        answer = await exchange.answer()
        assert (exchange.status, exchange.body) == (200, "")
        assert answer.ephemeral_to == app.slack.person(ANA).id
        header, subject = app.slack.shown(answer)[:2]
        assert header.startswith("🟠 SUSPICIOUS · 6 of 57 engines")
        assert subject == "192[.]0[.]2[.]1  ▰▱▱▱▱"
        assert app.slack.messages(GENERAL, BEN) == []


@pytest.mark.parametrize(
    ("line", "first"),
    [
        (f"/vt scan-hash {EICAR}", "🔴 RISKY · 54 of 60 engines"),
        ("/vt scan-url hxxp://example[.]php", "🔴 RISKY · 5 of 67 engines"),
        ("/vt domain-report example.co.in", "🔴 RISKY · 30 of 70 engines"),
        ("/vt scan-ip 10.0.0.1", "⛔ NOT CHECKED"),
        (f"/vt we saw 192.0.2.1 and {EICAR}", "🔴 1 RISKY · 🟠 1 SUSPICIOUS"),
    ],
)
async def test_the_documented_examples(database, line, first):
    """Each action answers its documented example, and free text is searched for indicators."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        answer = await app.asks(line)
        assert app.slack.shown(answer)[0].startswith(first)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/vt", "Paste IPs, hashes, URLs"),
        ("/vt help", "/vt domain-report example.co.in"),
        ("/vt scan-ip", "/vt scan-ip 192.0.2.1"),
        ("/vt scan-ip 192.0.2.1 --threshold 0", "from 1 to 200"),
        ("/vt hello there", "I found no IP address, hash"),
    ],
)
async def test_help_and_mistakes_are_answered_on_the_spot(database, line, words):
    """The acknowledgement itself carries the sentence; nothing is stored and nothing is looked up."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, line)
        assert any(words in row for row in app.slack.shown(await exchange.answer()))
        assert not app.virustotal.calls


async def test_one_wrong_value_among_right_ones_is_named_and_the_others_are_looked_up(database):
    """The acknowledgement names what is not looked up, and why; the answer has the rest."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, f"/vt scan-ip 192.0.2.1 999.1.1.1, {EICAR} 8.8.8.8")
        told = await exchange.answer(having="Not looked up")
        answer = await exchange.answer(having="192[.]0[.]2[.]1")
        sentence = f"999[.]1[.]1[.]1 is not an IP address; {EICAR} is a hash, not an IP address"
        assert app.slack.shown(told) == [f"Not looked up: {sentence}. The other values are being looked up."]
        assert "8[.]8[.]8[.]8" in app.now(answer)


async def test_an_address_with_padded_octets_is_said_with_the_one_that_was_looked_up(database):
    """Others read `010` as octal, so the decimal address stands beside what was typed."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.000.002.001 198.51.100.1:443")
        assert "192[.]000[.]002[.]001 → 192[.]0[.]2[.]1" in app.now(answer)
        assert "198[.]51[.]100[.]1:443 →" not in app.now(answer)


async def test_shared_answers_are_seen_by_all(database):
    """--share posts to the channel with the name of the person who asked."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1 --share")
        assert answer.ephemeral_to is None
        assert app.slack.messages(GENERAL, BEN) == [answer]
        assert "Asked by @ana" in app.slack.shown(answer)


async def test_the_json_button_brings_the_raw_reply_to_the_askers_direct_messages(database):
    """An ephemeral answer cannot carry a file, so the file goes to direct messages, byte for byte as VirusTotal sent it."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        await app.slack.presses(ANA, answer, "JSON")
        await app.slack.until(lambda: app.slack.files("@ana"))
        [file] = app.slack.files("@ana")
        [entry] = json.loads(file.content)
        assert file.name == f"virustotal-{EICAR}.json"
        assert entry["Entity"] == EICAR
        assert entry["EntityResult"]["positives"] == 54
        assert list(entry["EntityResult"])[:2] == ["permalink", "sha1"]
        assert not app.slack.files(GENERAL)


async def test_the_json_of_a_shared_answer_goes_into_its_thread(database):
    """There everyone who sees the answer can open it."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1 --share")
        await app.slack.presses(BEN, answer, "JSON")
        await app.slack.until(lambda: app.slack.files(GENERAL))
        assert {message.thread_ts for message in app.slack.messages(GENERAL) if message.files} == {answer.ts}


async def test_share_posts_once_however_often_it_is_pressed(database):
    """Two clicks post one message."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        for _ in range(3):
            await app.slack.presses(ANA, answer, "Share")
        await app.idle()
        assert len(app.slack.messages(GENERAL, BEN)) == 1


async def test_an_unknown_url_is_submitted_only_when_someone_says_so(database):
    """The same message is UNKNOWN first, PENDING after the button, and then has a verdict."""
    async with at_work(database, sandbox={"invent": False, "queue_seconds": 10}) as app:
        answer = await app.asks("/vt scan-url http://nobody.example/knows")
        assert app.slack.shown(answer)[0].startswith("⚪ UNKNOWN")
        assert not app.virustotal.calls_to("url/scan")
        await app.slack.presses(ANA, answer, "Submit for scanning")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        await app.passes(seconds=20)
        await app.slack.until(lambda: " engines" in app.now(answer))
        assert len(app.virustotal.calls_to("url/scan")) == 1
        assert len(app.slack.messages(GENERAL, ANA)) == 1


async def test_a_spent_quota_says_when_and_completes_by_itself(database):
    """NOT CHECKED with the seconds until the quota allows it; then the same message holds the answer."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        waiting = await app.asks("/vt scan-ip 198.51.100.1")
        assert "out of quota; next call in" in app.slack.shown(waiting)[2]
        await app.passes(seconds=61)
        await app.slack.until(lambda: "NOT CHECKED" not in app.now(waiting))


async def test_a_refused_key_is_said_to_be_the_operators_business(database):
    """After a 403 the asker reads a sentence that does not contain the key."""
    async with at_work(database) as app:
        app.virustotal.faults.always("*", faults.status(403))
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        assert "VirusTotal rejected the API key. Tell whoever runs this bot" in app.slack.shown(answer)[2]


async def test_ping_times_every_part(database):
    """The key, the database and Slack, each with its milliseconds."""
    async with at_work(database) as app:
        lines = app.slack.shown(await app.asks("/vt ping"))
        assert [line.split(":")[0] for line in lines] == ["🟢 VirusTotal key", "🟢 Database", "🟢 Slack"]


async def test_a_mentioned_person_is_asked_for_by_the_domain_of_their_address(database):
    """@ben becomes their mail address, and that its domain."""
    async with at_work(database) as app:
        answer = await app.asks("/vt domain-report @ben")
        domain = app.slack.person(BEN).email.partition("@")[2]
        assert app.virustotal.calls_to("domain/report")[0].params["domain"] == domain
        assert app.slack.shown(answer)


async def test_sixty_hashes_are_one_message(database):
    """With a private key it takes three calls and one answer within Slack's limits, which the workspace checks."""
    async with at_work(database, VT_KEY_KIND="private") as app:
        await app.asks(f"/vt {' '.join(HASHES[:60])}")
        assert len(app.virustotal.calls) == 3


async def test_the_same_delivery_is_one_request(database):
    """The same signed bytes, delivered a hundred times, make one job and one answer."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")
        for _ in range(20):
            await app.slack.redelivers(exchange)
        await app.idle()
        assert len(app.virustotal.calls) == 1
        assert len(app.slack.messages(GENERAL, ANA)) == 1
