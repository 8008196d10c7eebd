"""The menu under an answer: details, why, comments, a rescan at its price, again. What someone presses and reads."""

from datetime import UTC, datetime

import pytest

from handlers.views.exports import as_csv
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.slack_rules import faults
from vt.actions import BY_KEY, FILE
from vt.indicators import read
from vt.lookup import Lookup

EICAR = "44d88612fea8a8f36de82e1278abb02f"
PRIVATE = {"VT_KEY_KIND": "private"}
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


async def opens(office, answer, entry, user=ANA):
    """Choose from the menu under an answer, and wait until the modal is filled."""
    await office.slack.presses(user, answer, "more", entry)
    await office.idle()
    return view(office, user)


def view(office, user=ANA):
    """The modal that is open, which breaks none of Slack's rules."""
    [shown] = office.slack.views(user)
    assert faults("modal", shown.content) == []
    return shown


async def turns(office, what, choice=None, user=ANA):
    """Press something in the modal, and wait for what it brings."""
    await office.slack.presses(user, view(office, user), what, choice)
    await office.idle()
    return office.slack.shown(view(office, user))


async def test_details_are_leafed_through(database):
    """Fields first; a button brings the engines with what they call it."""
    async with at_work(database) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        fields = office.slack.shown(await opens(office, answer, "Details"))
        assert fields[0] == "Details"
        assert any(line.startswith("positives: 54") for line in fields)
        engines = await turns(office, "Engines (2)")
        assert any(line.startswith("Bkav: ") for line in engines)
        assert len(office.virustotal.calls) == 1


async def test_details_of_several_begin_with_a_choice(database):
    """A menu names each by its state; what is chosen is shown."""
    async with at_work(database) as office:
        answer = await office.asks(f"/vt 192.0.2.1 {EICAR}")
        shown = await opens(office, answer, "Details")
        labels = [one["text"]["text"] for one in shown.blocks[0]["elements"][0]["options"]]
        assert labels == ["🟠 192[.]0[.]2[.]1", f"🔴 {EICAR}"]
        assert EICAR in (await turns(office, "pick", labels[1]))[2]


async def test_why_shows_what_other_thresholds_would_say(database):
    """The rule, the states at 1, 3, 5, 10 and at this answer's own threshold, and the engines that count."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-url hxxp://example[.]php --threshold 7")
        lines = office.slack.shown(await opens(office, answer, "Why?"))
        assert "threshold 7" in lines
        assert [line for line in lines if " engine" in line and ": " in line] == [
            "1 engine: 🔴 RISKY",
            "3 engines: 🔴 RISKY",
            "5 engines: 🔴 RISKY",
            "7 engines: 🟠 SUSPICIOUS (this answer)",
            "10 engines: 🟠 SUSPICIOUS",
        ]


async def test_comments_are_asked_for_once(database):
    """Each page costs a call, which is said; opening it again within ten minutes costs none."""
    async with at_work(database, **PRIVATE) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        for _ in range(2):
            lines = office.slack.shown(await opens(office, answer, "Comments"))
            assert "Each page costs one call of the VirusTotal quota." in lines
        assert len(office.virustotal.asked("comments/get")) == 1


async def test_comments_wait_for_the_quota_in_the_open_modal(database):
    """It opens at once, says when the next slot is, and fills by itself."""
    async with at_work(database, VT_QUOTA_MINUTE="1", **PRIVATE) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        await office.slack.presses(ANA, answer, "more", "Comments")
        await office.slack.until(
            lambda: "Out of quota; next call in" in str(office.slack.shown(view(office)))
        )
        await office.passes(seconds=61)
        await office.slack.until(lambda: "Each page costs" in str(office.slack.shown(view(office))))


async def test_comments_that_the_key_may_not_read_are_a_sentence(database):
    """403 with a public key: said in the modal, in words."""
    async with at_work(database) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        lines = office.slack.shown(await opens(office, answer, "Comments"))
        assert "Comments need a private API key." in lines


async def test_a_rescan_says_its_price_first(database):
    """What, how many calls, what is left, who sees it; then the answer is PENDING and new in its place."""
    async with at_work(database, sandbox={"queue_seconds": 10}) as office:
        answer = await office.asks("/vt scan-url hxxp://example[.]php")
        asked = await opens(office, answer, "Rescan")
        lines = office.slack.shown(asked)
        assert "Will be rescanned: 1 URL" in lines
        assert any(line.startswith("Cost: 1 API call, ") for line in lines)
        assert any("VirusTotal users can see" in line for line in lines)
        assert not office.virustotal.asked("url/scan")
        await office.slack.submits(ANA, asked)
        await office.slack.until(lambda: "PENDING" in office.now(answer))
        await office.passes(seconds=20)
        await office.slack.until(lambda: " engines" in office.now(answer))
        assert len(office.virustotal.asked("url/scan")) == 1
        assert len(office.slack.messages(GENERAL, ANA)) == 1


@pytest.mark.parametrize(("kind", "offered"), [("public", False), ("private", True)])
async def test_hashes_are_rescanned_with_a_private_key_only(database, kind, offered):
    """With a public key the menu does not offer what VirusTotal would refuse."""
    async with at_work(database, VT_KEY_KIND=kind) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        assert any("Rescan" in line for line in office.slack.shown(answer)) is offered


async def test_check_again_asks_virustotal_now(database):
    """The same message holds the new answer; two clicks are one."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        for _ in range(2):
            await office.slack.presses(ANA, answer, "more", "Check again now")
        await office.idle()
        assert len(office.virustotal.calls) == 2
        assert len(office.slack.messages(GENERAL, ANA)) == 1
        assert office.now(answer).startswith("🟠 SUSPICIOUS 6 of 57 engines")


async def test_an_internal_address_is_not_sent_by_asking_again(database):
    """Among others, it stays what it was: NOT CHECKED."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1 10.0.0.1")
        await office.slack.presses(ANA, answer, "more", "Check again now")
        await office.idle()
        assert {call.params.get("ip") for call in office.virustotal.calls} == {"192.0.2.1"}


async def test_a_shared_answer_is_made_private_by_who_shared_it(database):
    """For others the button does nothing but say so; for its asker the message goes, and comes back to them alone."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1 --share")
        await office.slack.presses(BEN, answer, "Make private")
        await office.idle()
        assert "Only the person who shared it" in office.slack.messages(GENERAL, BEN)[-1].text
        await office.slack.presses(ANA, answer, "Make private")
        await office.idle()
        assert answer.key not in {message.key for message in office.slack.messages(GENERAL, BEN)}
        [private] = office.slack.messages(GENERAL, ANA)
        assert private.ephemeral_to == office.slack.person(ANA).id
        await office.slack.presses(ANA, private, "Share")
        await office.idle()
        assert office.slack.shown(office.slack.messages(GENERAL, BEN)[-1])[0].startswith("🟠 SUSPICIOUS")


async def test_several_come_as_a_table_too(database):
    """CSV: a row each, in the order asked, defanged, nothing that a spreadsheet would calculate."""
    async with at_work(database) as office:
        answer = await office.asks(f"/vt {EICAR} 192.0.2.1")
        await office.slack.presses(ANA, answer, "CSV")
        await office.slack.until(lambda: office.slack.files("@ana"))
        [file] = office.slack.files("@ana")
        rows = file.content.decode("utf-8-sig").splitlines()
        assert file.name == "virustotal-2_indicators.csv"
        assert rows[0].startswith("indicator,kind,action,state,engines,of,threshold")
        assert rows[1].startswith(f"{EICAR},md5,Scan Hash,RISKY,54,60,3,")
        assert rows[2].startswith("192[.]0[.]2[.]1,ipv4,Scan IP,SUSPICIOUS,6,57,25,")


def test_paths_of_files_can_be_copied_from_the_table():
    """They are not defanged, and still nothing that a spreadsheet would calculate."""
    named = ["/srv/evil.example/a@b.bin", "=cmd.example", "192.0.2.1"]
    looked_up = [Lookup.of_file(name, FILE, 3).finding(NOW) for name in named[:2]]
    looked_up.append(Lookup.of(read(named[2]), BY_KEY["scan-ip"], 3).finding(NOW))
    rows = as_csv(looked_up).content.decode("utf-8-sig").splitlines()[1:]
    first = [row.partition(",")[0] for row in rows]
    assert first == ["/srv/evil.example/a@b.bin", "'=cmd.example", "192[.]0[.]2[.]1"]


async def test_what_others_may_not_see_they_cannot_open(database):
    """A stolen id: the modal says that there is no such answer."""
    async with at_work(database) as office:
        private = await office.asks(f"/vt scan-hash {EICAR}")
        shared = await office.asks("/vt scan-ip 192.0.2.1 --share", user=BEN)
        menu = shared.blocks[-1]["elements"][-1]
        stolen = private.blocks[-1]["elements"][-1]["options"][0]
        menu["options"] = [stolen]
        office.slack.world.update(shared, blocks=shared.blocks)
        lines = office.slack.shown(await opens(office, shared, "Details", user=BEN))
        assert "I no longer have that answer. Look it up again with /vt." in lines


@pytest.mark.parametrize("value", ["details:", "details:nothing", "settings:x", "quota:x", "", "::"])
async def test_tampered_entries_do_nothing(database, value):
    """Whatever the entry says, there is a sentence and no call."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        menu = answer.blocks[-1]["elements"][-1]
        menu["options"][0]["value"] = value
        office.slack.world.update(answer, blocks=answer.blocks)
        await office.slack.presses(ANA, answer, "more", "Details")
        await office.idle()
        said = [
            str(office.slack.shown(one))
            for one in (*office.slack.views(ANA), *office.slack.messages(GENERAL, ANA))
        ]
        assert any("I no longer have that answer" in line for line in said)
        assert len(office.virustotal.calls) == 1


async def test_sixty_can_be_leafed_through(database):
    """The largest answers fit into every modal."""
    async with at_work(database, **PRIVATE) as office:
        answer = await office.asks(f"/vt {' '.join(HASHES[:60])}")
        for entry in ("Details", "Why?", "Rescan", "Comments"):
            assert office.slack.shown(await opens(office, answer, entry))


async def test_a_modal_that_was_closed_meanwhile_ends_quietly(database):
    """Nobody looks any more: the request is over, and nothing is tried again."""
    async with at_work(database, VT_QUOTA_MINUTE="1", **PRIVATE) as office:
        answer = await office.asks(f"/vt scan-hash {EICAR}")
        await office.slack.presses(ANA, answer, "more", "Comments")
        await office.slack.until(
            lambda: "Out of quota; next call in" in str(office.slack.shown(view(office)))
        )
        await office.slack.closes(ANA, view(office))
        await office.passes(seconds=61)
        await office.idle()
        assert office.slack.views(ANA) == []


async def test_an_expired_trigger_is_a_sentence(database):
    """Slack's three seconds were over: said beside the answer, with what to do."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        office.slack.fails("views.open", "expired_trigger_id")
        await office.slack.presses(ANA, answer, "more", "Details")
        assert "Try again." in office.slack.messages(GENERAL, ANA)[-1].text


async def test_a_modal_that_slack_refuses_comes_as_a_sentence_and_the_json(database):
    """Nothing is lost when a workspace is too old for a block."""
    async with at_work(database) as office:
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        office.slack.fails("views.update", "invalid_arguments")
        lines = office.slack.shown(await opens(office, answer, "Details"))
        assert any("Slack could not show this." in line for line in lines)
        assert office.slack.files("@ana")
