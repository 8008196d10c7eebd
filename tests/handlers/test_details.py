"""The menu under an answer, as people use it: details, why, comments, rescan, check again; and who may open them."""

import itertools
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from handlers.views.details import as_csv
from playground.virustotal import faults as faults_of_virustotal
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.slack_rules import faults
from vt.actions import BY_KEY, FILE
from vt.indicators import read
from vt.lookup import Lookup

EICAR = "44d88612fea8a8f36de82e1278abb02f"
PRIVATE = {"VT_KEY_KIND": "private"}
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


async def opens(app, answer, entry, user=ANA):
    """Choose from the menu under an answer, and wait until the modal is filled."""
    await app.slack.presses(user, answer, "more", entry)
    await app.idle()
    return view(app, user)


def actions_of(answer):
    """The block with the buttons of an answer."""
    return next(block for block in answer.blocks if block["type"] == "actions")


def entries_of(answer):
    """What the menu under an answer offers."""
    options = actions_of(answer)["elements"][-1]["options"]
    return [option["text"]["text"] for option in options]


def view(app, user=ANA):
    """The open modal, which must break none of Slack's rules."""
    [shown] = app.slack.views(user)
    assert faults("modal", shown.content) == []
    return shown


async def turns(app, what, choice=None, user=ANA):
    """Press something in the modal, and return the lines that it shows then."""
    await app.slack.presses(user, view(app, user), what, choice)
    await app.idle()
    return app.slack.shown(view(app, user))


async def test_details_have_parts(database):
    """It opens with the fields; a button shows the engines with their names for it."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        fields = app.slack.shown(await opens(app, answer, "Details"))
        assert fields[0] == "Details"
        assert any(line.startswith("positives: 54") for line in fields)
        engines = await turns(app, "Engines (2)")
        assert any(line.startswith("Bkav: ") for line in engines)
        assert len(app.virustotal.calls) == 1


async def test_details_begin_with_the_card(database):
    """Above the fields stands what the answer says above its buttons, with the warning as an alert; no value is there twice."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        above = list(itertools.takewhile(lambda line: not line.startswith("["), app.slack.shown(answer)))
        assert above[-1] == "> Warning: malicious (threshold 3)."
        fields = app.slack.shown(await opens(app, answer, "Details"))[1:]
        assert fields[: len(above) - 1] == above[:-1]
        assert fields[len(above) - 1] == "[warning] Warning: malicious (threshold 3)."
        values = [line.partition(": ")[2] for line in fields if ": " in line]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("kind", ["alert", "table", "container"])
async def test_a_workspace_is_too_old_for_a_kind_of_block_in_a_view(database, kind):
    """Details and home come with plain blocks; after a restart nothing is refused again, for a month."""
    refused = [kind == "alert", False, kind == "alert"]
    for was_refused in refused:
        async with at_work(database) as app:
            app.slack.lacks(kind)
            answer = await app.asks(f"/vt scan-hash {EICAR}")
            await app.idle()
            lines = app.slack.shown(await opens(app, answer, "Details"))
            assert "Warning: malicious (threshold 3)." in str(lines)
            assert any(line.startswith("positives: 54") for line in lines)
            assert not app.slack.files("@ana")
            await app.slack.opens_home(ANA)
            await app.idle()
            assert any("🔴 RISKY · 54 of 60 engines" in line for line in app.slack.shown(app.slack.home(ANA)))
            assert any("invalid_arguments" in str(one.reply) for one in app.slack.calls) is was_refused
        if not was_refused:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE refused_blocks SET at = at - interval '31 days'")


async def test_details_of_several_findings_have_a_menu(database):
    """The menu lists each finding with its state; the chosen one is shown."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt 192.0.2.1 {EICAR}")
        shown = await opens(app, answer, "Details")
        labels = [one["text"]["text"] for one in shown.blocks[0]["elements"][0]["options"]]
        assert labels == ["🟠 192[.]0[.]2[.]1", f"🔴 {EICAR}"]
        assert (await turns(app, "pick", labels[1]))[2:4] == [
            "🔴 RISKY · 54 of 60 engines",
            f"{EICAR}  ▰▰▰▰▱",
        ]


async def test_why_shows_what_other_thresholds_would_say(database):
    """The rule, the states at 1, 3, 5, 10 and the answer's own threshold, and the engines that count."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-url hxxp://example[.]php --threshold 7")
        lines = app.slack.shown(await opens(app, answer, "Why?"))
        assert "threshold 7" in lines
        assert [line for line in lines if " engine" in line and ": " in line] == [
            "1 engine: 🔴 RISKY",
            "3 engines: 🔴 RISKY",
            "5 engines: 🔴 RISKY",
            "7 engines: 🟠 SUSPICIOUS (this answer)",
            "10 engines: 🟠 SUSPICIOUS",
        ]


async def test_why_shows_what_other_rules_and_ages_would_say(database):
    """For a host, that of the answer among them; behind what counts stands what does not."""
    async with at_work(database) as app:
        date = f"{app.clock() - timedelta(days=100):%Y-%m-%d %H:%M:%S}"
        raw = {
            "response_code": 1,
            "detected_urls": [{"url": "http://a.test/", "positives": 6, "total": 66, "scan_date": None}],
            "detected_downloaded_samples": [{"sha256": "a" * 64, "positives": 30, "total": 58, "date": date}],
            "detected_communicating_samples": [{"sha256": "b" * 64, "positives": 60, "total": 71}],
        }
        app.virustotal.faults.add("ip-address/report", faults_of_virustotal.says(raw))
        lines = app.slack.shown(await opens(app, await app.asks("/vt scan-ip 198.51.100.9"), "Why?"))
        assert [line for line in lines if ": 🔴" in line or ": 🟠" in line][5:] == [
            "What it served in the last 30 days: 🟠 SUSPICIOUS · 6 of 66 engines",
            "What it served in the last 90 days: 🟠 SUSPICIOUS · 6 of 66 engines (this answer)",
            "What it served in the last 365 days: 🔴 RISKY · 30 of 58 engines",
            "What it served, at any age: 🔴 RISKY · 30 of 58 engines",
            "Everything that is listed, as documented: 🔴 RISKY · 60 of 71 engines",
        ]
        counted = [line for line in lines if " of " in line and "engines: " in line]
        assert [line.endswith("not counted") for line in counted] == [False, True, True]


async def test_comments_are_asked_for_once(database):
    """The modal says that a page costs a call; opening it again within ten minutes costs none."""
    async with at_work(database, **PRIVATE) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        for _ in range(2):
            lines = app.slack.shown(await opens(app, answer, "Comments"))
            assert "Each page costs one call of the VirusTotal quota." in lines
        assert len(app.virustotal.calls_to("comments/get")) == 1


async def test_comments_wait_for_the_quota_in_the_open_modal(database):
    """The modal opens at once, says when the next call is possible, and is filled then."""
    async with at_work(database, VT_QUOTA_MINUTE="1", **PRIVATE) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        await app.slack.presses(ANA, answer, "more", "Comments")
        await app.slack.until(lambda: "Out of quota; next call in" in str(app.slack.shown(view(app))))
        await app.passes(seconds=61)
        await app.slack.until(lambda: "Each page costs" in str(app.slack.shown(view(app))))


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        ("public", ["Details", "Why?", "Check again now"]),
        ("private", ["Details", "Why?", "Comments", "Rescan", "Check again now"]),
    ],
)
async def test_the_menu_offers_what_the_key_can_do(database, kind, entries):
    """VirusTotal answers 403 to a public key that wants comments or another analysis of a file: neither is offered."""
    async with at_work(database, VT_KEY_KIND=kind) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        assert entries_of(answer) == entries


@pytest.mark.parametrize("kind", ["public", "private"])
async def test_the_sandbox_has_the_kind_of_key_that_is_set(database, kind):
    """Without a key too, everything that is offered works."""
    async with at_work(database, key="", VT_KEY_KIND=kind) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        assert ("Comments" in entries_of(answer)) is (kind == "private")
        for entry in entries_of(answer)[:-1]:
            lines = app.slack.shown(await opens(app, answer, entry))
            assert not any("private API key" in line or "refused" in line for line in lines)


async def test_comments_need_a_private_key(database):
    """An answer from before the key was replaced by a public one still offers them: the modal says so without a call."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        entry = actions_of(answer)["elements"][-1]["options"][0]
        entry["value"] = entry["value"].replace("details:", "comments:")
        app.slack.state.update(answer, blocks=answer.blocks)
        lines = app.slack.shown(await opens(app, answer, "Details"))
        assert "Comments need a private API key." in lines
        assert app.virustotal.calls_to("comments/get") == []


async def test_a_refused_key_is_said_where_comments_are_asked_for(database):
    """The key is called private and is none: VirusTotal's 403 is a sentence in the modal."""
    async with at_work(database, **PRIVATE) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        app.virustotal.faults.always("comments/get", faults_of_virustotal.status(403))
        lines = app.slack.shown(await opens(app, answer, "Comments"))
        assert "Comments need a private API key." in lines


async def test_a_rescan_shows_its_cost_first(database):
    """The modal says what is rescanned, the calls, the quota and who sees it; then the same message is PENDING, then new."""
    async with at_work(database, sandbox={"queue_seconds": 10}) as app:
        answer = await app.asks("/vt scan-url hxxp://example[.]php")
        cost = await opens(app, answer, "Rescan")
        lines = app.slack.shown(cost)
        assert "Will be rescanned: 1 URL" in lines
        assert any(line.startswith("Cost: 1 API call, ") for line in lines)
        assert any("VirusTotal users can see" in line for line in lines)
        assert not app.virustotal.calls_to("url/scan")
        await app.slack.submits(ANA, cost)
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        await app.passes(seconds=20)
        await app.slack.until(lambda: " engines" in app.now(answer))
        assert len(app.virustotal.calls_to("url/scan")) == 1
        assert len(app.slack.messages(GENERAL, ANA)) == 1


@pytest.mark.parametrize(("kind", "offered"), [("public", False), ("private", True)])
async def test_hashes_are_rescanned_with_a_private_key_only(database, kind, offered):
    """With a public key the menu does not offer what VirusTotal would refuse."""
    async with at_work(database, VT_KEY_KIND=kind) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        assert any("Rescan" in line for line in app.slack.shown(answer)) is offered


async def test_check_again_asks_virustotal_now(database):
    """The same message holds the new answer; two clicks are one request."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        for _ in range(2):
            await app.slack.presses(ANA, answer, "more", "Check again now")
        await app.idle()
        assert len(app.virustotal.calls) == 2
        assert len(app.slack.messages(GENERAL, ANA)) == 1
        assert app.now(answer).startswith("🟠 SUSPICIOUS · 6 of 57 engines")


async def test_an_internal_address_is_not_sent_by_checking_again(database):
    """It stays NOT CHECKED, while the others are looked up again."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1 10.0.0.1")
        await app.slack.presses(ANA, answer, "more", "Check again now")
        await app.idle()
        assert {call.params.get("ip") for call in app.virustotal.calls} == {"192.0.2.1"}


async def test_a_shared_answer_is_made_private_by_who_shared_it(database):
    """Others are told that they may not. For its asker the message is deleted and shown to them alone."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1 --share")
        await app.slack.presses(BEN, answer, "Make private")
        await app.idle()
        assert "Only the person who shared it" in app.slack.messages(GENERAL, BEN)[-1].text
        await app.slack.presses(ANA, answer, "Make private")
        await app.idle()
        assert answer.key not in {message.key for message in app.slack.messages(GENERAL, BEN)}
        [private] = app.slack.messages(GENERAL, ANA)
        assert private.ephemeral_to == app.slack.person(ANA).id
        await app.slack.presses(ANA, private, "Share")
        await app.idle()
        assert app.slack.shown(app.slack.messages(GENERAL, BEN)[-1])[0].startswith("🟠 SUSPICIOUS")


async def test_several_findings_can_be_had_as_csv(database):
    """One row each, in the order asked, defanged, and without anything that a spreadsheet would calculate."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt {EICAR} 192.0.2.1")
        await app.slack.presses(ANA, answer, "CSV")
        await app.slack.until(lambda: app.slack.files("@ana"))
        [file] = app.slack.files("@ana")
        rows = file.content.decode("utf-8-sig").splitlines()
        assert file.name == "virustotal-2_indicators.csv"
        assert rows[0].startswith("indicator,kind,action,state,engines,of,threshold")
        assert rows[1].startswith(f"{EICAR},md5,Scan Hash,RISKY,54,60,3,")
        assert rows[2].startswith("192[.]0[.]2[.]1,ipv4,Scan IP,SUSPICIOUS,6,57,25,")


def test_paths_of_files_in_the_csv_can_be_copied():
    """They are not defanged, but a spreadsheet still calculates nothing."""
    named = ["/srv/evil.example/a@b.bin", "=cmd.example", "192.0.2.1"]
    looked_up = [Lookup.of_file(name, FILE, 3).finding(NOW) for name in named[:2]]
    looked_up.append(Lookup.of(read(named[2]), BY_KEY["scan-ip"], 3).finding(NOW))
    rows = as_csv(looked_up).content.decode("utf-8-sig").splitlines()[1:]
    first = [row.partition(",")[0] for row in rows]
    assert first == ["/srv/evil.example/a@b.bin", "'=cmd.example", "192[.]0[.]2[.]1"]


async def test_a_private_answer_cannot_be_opened_by_others(database):
    """With a stolen id the modal says that there is no such answer."""
    async with at_work(database) as app:
        private = await app.asks(f"/vt scan-hash {EICAR}")
        shared = await app.asks("/vt scan-ip 192.0.2.1 --share", user=BEN)
        menu = actions_of(shared)["elements"][-1]
        stolen = actions_of(private)["elements"][-1]["options"][0]
        menu["options"] = [stolen]
        app.slack.state.update(shared, blocks=shared.blocks)
        lines = app.slack.shown(await opens(app, shared, "Details", user=BEN))
        assert "I no longer have that answer. Look it up again with /vt." in lines


@pytest.mark.parametrize("value", ["details:", "details:nothing", "settings:x", "quota:x", "", "::"])
async def test_tampered_entries_do_nothing(database, value):
    """Whatever the entry's value, there is a sentence and no call to VirusTotal."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        menu = actions_of(answer)["elements"][-1]
        menu["options"][0]["value"] = value
        app.slack.state.update(answer, blocks=answer.blocks)
        await app.slack.presses(ANA, answer, "more", "Details")
        await app.idle()
        said = [
            str(app.slack.shown(one)) for one in (*app.slack.views(ANA), *app.slack.messages(GENERAL, ANA))
        ]
        assert any("I no longer have that answer" in line for line in said)
        assert len(app.virustotal.calls) == 1


async def test_sixty_findings_fit_into_every_modal(database):
    """Slack takes the largest answers."""
    async with at_work(database, **PRIVATE) as app:
        answer = await app.asks(f"/vt {' '.join(HASHES[:60])}")
        for entry in ("Details", "Why?", "Rescan", "Comments"):
            assert app.slack.shown(await opens(app, answer, entry))


async def test_a_modal_that_was_closed_ends_the_request(database):
    """Nobody sees it any more: nothing is tried again."""
    async with at_work(database, VT_QUOTA_MINUTE="1", **PRIVATE) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR}")
        await app.slack.presses(ANA, answer, "more", "Comments")
        await app.slack.until(lambda: "Out of quota; next call in" in str(app.slack.shown(view(app))))
        await app.slack.closes(ANA, view(app))
        await app.passes(seconds=61)
        await app.idle()
        assert app.slack.views(ANA) == []


async def test_an_expired_trigger_is_reported(database):
    """When Slack's three seconds are over, a sentence beside the answer says what to do."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        app.slack.fails("views.open", "expired_trigger_id")
        await app.slack.presses(ANA, answer, "more", "Details")
        assert "Try again." in app.slack.messages(GENERAL, ANA)[-1].text


async def test_a_modal_that_slack_refuses_is_replaced_by_the_json(database):
    """The modal says so, and the JSON comes as a file."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        app.slack.fails("views.update", "invalid_arguments")
        lines = app.slack.shown(await opens(app, answer, "Details"))
        assert any("Slack could not show this." in line for line in lines)
        assert app.slack.files("@ana")


async def test_the_modals_open_on_the_worst(database):
    """Whatever the order in which the values were typed."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt 192.0.2.1 {EICAR}")
        for entry in ("Details", "Why?"):
            shown = app.slack.shown(await opens(app, answer, entry))
            assert shown[2:4] == ["🔴 RISKY · 54 of 60 engines", f"{EICAR}  ▰▰▰▰▱"]
            await app.slack.closes(ANA, view(app))
