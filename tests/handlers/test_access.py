"""Access: every entry point is tried by everyone who might use it, and those who may not use it are told why."""

from dataclasses import replace

import psycopg
import pytest

from bot.environment import SettingsError
from bot.settings import load
from handlers.people import Role, described
from tests.support.app_fixture import ANA, at_work

INCIDENT = "#inc-1042"
QUESTION = "192.0.2.1"
BOT = "U0VTBOT001"


async def by_command(app, user):
    await app.slack.types(user, INCIDENT, f"/vt scan-ip {QUESTION}")


async def by_mention(app, user):
    await app.slack.says(user, INCIDENT, f"@vt {QUESTION}")


async def by_direct_message(app, user):
    await app.slack.says(user, "@vt", QUESTION)


async def by_message_menu(app, user):
    message = (await app.slack.says(ANA, INCIDENT, QUESTION)).said
    await app.slack.uses_shortcut(user, "check", message)


async def by_form(app, user):
    exchange = await app.slack.uses_shortcut(user, "open-form")
    for view in app.slack.views(user):
        app.slack.fills(user, view, {"values": QUESTION})
        await app.slack.submits(user, view)
    return exchange


async def by_typed_form(app, user):
    await app.slack.types(user, INCIDENT, f"/vt form {QUESTION}")
    for view in app.slack.views(user):
        await app.slack.submits(user, view)


async def by_button(app, user):
    answer = await app.asks(f"/vt scan-ip {QUESTION} --share", channel=INCIDENT)
    await app.idle()
    await app.slack.presses(user, answer, "JSON")


ENTRY_POINTS = [by_command, by_mention, by_direct_message, by_message_menu, by_form, by_typed_form, by_button]
IN_CHANNELS = [by_command, by_mention, by_message_menu, by_typed_form, by_button]


def audit_rows(database):
    """The audit trail: who asked, through which entry point, and the outcome."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT asker, way, verb, outcome, why, calls FROM audit ORDER BY at"
        ).fetchall()


def last(database):
    """The outcome of the last request, and the reason if it was refused."""
    return audit_rows(database)[-1][3:5]


def told(app, user):
    """What the bot said to this person alone, in ephemeral or direct messages."""
    person = app.slack.person(user)
    return [
        app.now(message)
        for message in app.slack.messages(user=user)
        if message.user == BOT
        and person.id in (message.ephemeral_to, app.slack.state.channels[message.channel].with_user)
    ]


@pytest.mark.parametrize(
    ("user", "environ"),
    [
        ("ana", {}),
        ("admin", {}),
        ("guest", {"ALLOW_GUESTS": "true"}),
        ("stranger", {"ALLOW_STRANGERS": "true"}),
        ("ana", {"ALLOWED_USERS": "@ana"}),
        ("ana", {"ALLOWED_USERS": "U0BEN00001, U0ANA00001"}),
    ],
)
async def test_who_may_use_every_entry_point(database, user, environ):
    """Full members may use every entry point, and so may roles and people that the operator lists, by name or id."""
    async with at_work(database, **environ) as app:
        for entry_point in ENTRY_POINTS:
            await entry_point(app, user)
            await app.idle()
            assert last(database) == ("answered", None), entry_point.__name__
            assert audit_rows(database)[-1][0] == app.slack.person(user).id, entry_point.__name__
        assert app.virustotal.calls


@pytest.mark.parametrize(
    ("user", "why", "words", "environ"),
    [
        ("guest", "guest", "Guests can't use this bot", {}),
        ("stranger", "stranger", "Only members of the workspace that installed this bot", {}),
        (
            "guest",
            "guest",
            "Guests can't use this bot",
            {"ALLOW_STRANGERS": "true", "ALLOWED_USERS": "guest,ana"},
        ),
        ("admin", "user", "You don't have permission to use this bot", {"ALLOWED_USERS": "ana,ben"}),
    ],
)
async def test_who_may_use_no_entry_point(database, user, why, words, environ):
    """Everyone else gets one private sentence and a row in the audit trail, and nothing is sent to VirusTotal.

    Workspace admins who are not listed are no exception.
    """
    async with at_work(database, **environ) as app:
        for number, entry_point in enumerate(ENTRY_POINTS, 1):
            await entry_point(app, user)
            await app.idle()
            assert last(database) == ("refused", why), entry_point.__name__
            assert len(told(app, user)) == number, entry_point.__name__
            assert words in told(app, user)[-1]
        rows = [row for row in audit_rows(database) if row[0] == app.slack.person(user).id]
        assert len(rows) == len(ENTRY_POINTS)
        assert all(outcome == "refused" and calls == 0 for *_, outcome, _, calls in rows)


async def test_bots_may_not(database):
    """A bot gets no answer at all: otherwise two bots could go on answering each other."""
    async with at_work(database) as app:
        for entry_point in (by_command, by_mention, by_direct_message, by_message_menu, by_button):
            await entry_point(app, "otherbot")
            await app.idle()
            assert last(database) == ("refused", "bot"), entry_point.__name__


async def test_a_bot_that_is_let_in_is_answered(database):
    """With ALLOW_BOTS a mention by another bot is answered, and the bot still ignores its own messages."""
    async with at_work(database, ALLOW_BOTS="true") as app:
        await by_mention(app, "otherbot")
        await app.idle()
        assert last(database) == ("answered", None)
        assert len(audit_rows(database)) == 1


async def test_a_stranger_with_a_listed_name_is_not_the_one_who_is_listed(database):
    """Users of another workspace are matched by id only, because that workspace can give them the same names."""
    async with at_work(database, ALLOWED_USERS="stranger", ALLOW_STRANGERS="true") as app:
        await by_command(app, "stranger")
        assert last(database) == ("refused", "user")


@pytest.mark.parametrize(
    ("listed", "may", "may_not"),
    [
        ("general, #inc-1042", IN_CHANNELS, [by_direct_message, by_form]),
        ("C0INC10420", IN_CHANNELS, [by_direct_message, by_form]),
        (
            "DM",
            [by_direct_message, by_form],
            [entry_point for entry_point in IN_CHANNELS if entry_point is not by_button],
        ),
        ("general,DM", [by_form], [by_command, by_mention, by_message_menu, by_typed_form]),
    ],
)
async def test_only_where_it_is_allowed(database, listed, may, may_not):
    """ALLOWED_CHANNELS takes names and ids; DM means direct messages with the bot."""
    async with at_work(database, ALLOWED_CHANNELS=listed) as app:
        for entry_point in may_not:
            await entry_point(app, ANA)
            await app.idle()
            assert last(database) == ("refused", "channel"), entry_point.__name__
        assert not app.virustotal.calls
        for entry_point in may:
            await entry_point(app, ANA)
            await app.idle()
            assert last(database) == ("answered", None), entry_point.__name__


async def test_a_channel_that_slack_does_not_name_is_not_allowed_by_name(database):
    """The name of a private channel without the bot is unknown, so a listed name does not match it."""
    async with at_work(database, ALLOWED_CHANNELS="secret") as app:
        await app.slack.types(ANA, "#secret", f"/vt scan-ip {QUESTION}")
        assert last(database) == ("refused", "channel")


# Who someone is ------------------------------------------------------------------------------------------


async def test_slack_is_asked_once_in_ten_minutes(database):
    """After ten minutes Slack is asked again, so a member who became a guest is noticed."""
    async with at_work(database) as app:
        for _ in range(3):
            await app.asks(f"/vt scan-ip {QUESTION}")
        assert len([call for call in app.slack.calls if call.method == "users.info"]) == 1
        demote(app, ANA)
        await app.asks(f"/vt scan-ip {QUESTION}")
        learnt_before(database, minutes=11)
        await app.passes(seconds=6)
        refused = await app.asks(f"/vt scan-ip {QUESTION}")
        assert "Guests can't use this bot" in app.now(refused)


def learnt_before(database, minutes):
    """Make the people in the database older by this much. The process remembers them for five seconds besides."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE people_by_team SET at = at - make_interval(mins => %s)", [minutes])


def demote(app, user):
    """Make someone a guest."""
    person = app.slack.person(user)
    app.slack.state.people[person.id] = replace(person, guest=True)


async def test_whoever_was_made_a_guest_while_filling_in_the_form(database):
    """Access is checked again when the form is submitted, and the denial is shown at the field."""
    async with at_work(database) as app:
        await app.slack.types(ANA, INCIDENT, f"/vt form {QUESTION}")
        demote(app, ANA)
        learnt_before(database, minutes=11)
        await app.passes(seconds=6)
        sent = await app.slack.submits(ANA, app.slack.views(ANA)[0])
        assert "Guests can't use this bot" in sent.errors["values"]
        assert not app.virustotal.calls


@pytest.mark.parametrize("error", ["internal_error", "ratelimited", "fatal_error", "user_not_found"])
async def test_when_slack_does_not_say_who_it_is_nobody_is_let_in(database, error):
    """Access is denied at once, with a sentence that says why."""
    async with at_work(database) as app:
        app.slack.fails("users.info", error, times=9, after=30)
        refused = await app.asks(f"/vt scan-ip {QUESTION}")
        assert "I can't check who you are" in app.now(refused)
        assert refused.ephemeral_to == app.slack.person(ANA).id
        assert last(database) == ("refused", "unknown")
        assert not app.virustotal.calls


async def test_someone_whom_slack_hides_is_a_stranger(database):
    """Slack hides users of another workspace who share no channel with the bot."""
    async with at_work(database) as app:
        app.slack.fails("users.info", "user_not_visible")
        await by_command(app, "stranger")
        assert last(database) == ("refused", "stranger")


HOME = {"id": "U1", "name": "ana", "team_id": "T1"}


@pytest.mark.parametrize(
    ("more", "role"),
    [
        ({}, Role.MEMBER),
        ({"is_admin": True}, Role.MEMBER),
        ({"is_restricted": True}, Role.GUEST),
        ({"is_ultra_restricted": True}, Role.GUEST),
        ({"team_id": "T2"}, Role.STRANGER),
        ({"team_id": "T2", "is_stranger": False, "is_admin": True}, Role.STRANGER),
        ({"is_stranger": True}, Role.STRANGER),
        ({"team_id": "T2", "is_restricted": True}, Role.STRANGER),
        ({"team_id": "E1", "enterprise_user": {"teams": ["T1", "T3"]}}, Role.MEMBER),
        ({"is_bot": True}, Role.BOT),
        ({"team_id": "T2", "is_bot": True}, Role.BOT),
        ({"is_workflow_bot": True}, Role.BOT),
        ({"deleted": True, "is_bot": True}, Role.GONE),
    ],
)
def test_what_slack_says_of_someone(more, role):
    """The most restrictive role that applies is used, and an admin of another workspace is not an admin here."""
    person = described({**HOME, **more}, "T1")
    assert person.role is role
    assert person.admin == (more == {"is_admin": True})


# What the operator sets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"ALLOW_GUESTS": "canary"}, "ALLOW_GUESTS must be true or false."),
        ({"ALLOW_STRANGERS": "canary"}, "ALLOW_STRANGERS must be true or false."),
        ({"ALLOW_BOTS": "canary"}, "ALLOW_BOTS must be true or false."),
        ({"ALLOWED_USERS": "Ana Canary"}, "ALLOWED_USERS must be ids or names of people"),
        ({"ALLOWED_USERS": "<@canary>"}, "ALLOWED_USERS must be"),
        ({"ALLOWED_CHANNELS": "Incidents!Canary"}, "ALLOWED_CHANNELS must be ids or names of channels"),
    ],
)
def test_wrong_settings(environ, says):
    """One sentence names the variable without repeating its value."""
    with pytest.raises(SettingsError) as caught:
        load(environ, None)
    assert str(caught.value).startswith(says)
    assert "anary" not in str(caught.value)


def test_nothing_set_lets_members_in_everywhere():
    """By default full members may ask in every channel."""
    policy = load({}, None).policy
    assert policy.roles == {Role.MEMBER}
    assert not policy.users
    assert not policy.channels
