"""What belongs to another workspace: no way in shows it, changes it or goes by it, though all its other ids are the same.

A workspace leaves rows of every kind behind. Then they are made another workspace's, with the same people and channels,
as it is in a channel that both share, and people of both press, type and post whatever may lead to them.
"""

# ruff: noqa: S608 - the names of tables are the database's own

import json
from dataclasses import replace

import psycopg
import pytest

from tests.bot.test_tampering import press
from tests.handlers.test_watch import found
from tests.support.app_fixture import ANA, HASHES, at_work
from tests.support.incident import INC, Incident

OURS, OTHERS = "T0PLAYGRND", "T0ELSEWHER"
STRANGER, ADMIN = "stranger", "admin"
SECRET, REASON = HASHES[0], "the-others-case-4711"
MARKS = (SECRET, REASON)
VERBS = ["json", "csv", "hide", "share", "submit", "upload", "recheck", "anyway", "hurry", "allow", "leave"]
MENU = ["details", "why", "comments", "price", "recheck", "offer"]
WITHOUT_TEAM = {
    "alembic_version": "the revision of the tables",
    "case_replies": "they are read with their case, and deleted with it",
    "quotas": "one row for each key of VirusTotal's",
    "replies": "what VirusTotal said, which is the same whoever asks; kept for each key",
    "modals": "the team is in the modal, and is compared",
    "wanted_replies": "what is asked of VirusTotal now, once for whoever wants it; kept for each key, for seconds",
    "uploads": "which contents were sent to VirusTotal, once for whoever wants it; kept for each key, for a day",
    "slack_states": "nobody has installed anything yet",
    "people": "not used any more: see people_by_team",
    "rooms": "not used any more: see channel_names",
}
"""Tables without a column for the team, each with the reason."""


def tables(connection):
    """The names of the bot's own tables, each with its columns."""
    found = connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name NOT LIKE 'procrastinate%' GROUP BY 1"
    )
    return dict(found.fetchall())


def test_every_table_has_a_team(database):
    """But for those that say why they have none."""
    with psycopg.connect(database) as connection:
        found = tables(connection)
    assert {name for name, columns in found.items() if "team" not in columns} == set(WITHOUT_TEAM)


def reassign(database):
    """Make all rows the other workspace's."""
    with psycopg.connect(database) as connection:
        for name, columns in tables(connection).items():
            if "team" in columns:
                connection.execute(f"UPDATE {name} SET team = %s", [OTHERS])
        for table, column in (("cases", "request"), ("cases", "progress"), ("modals", "modal")):
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}::text, %s, %s)::json", [OURS, OTHERS]
            )


def theirs(database):
    """All rows of the other workspace, as text."""
    with psycopg.connect(database) as connection:
        keyed = {name: "team" for name, columns in tables(connection).items() if "team" in columns}
        return {
            name: connection.execute(
                f"SELECT t::text FROM {name} t WHERE {team} = %s ORDER BY 1", [OTHERS]
            ).fetchall()
            for name, team in {**keyed, "modals": "modal #>> '{origin,team}'"}.items()
        }


class Left:
    """What a workspace has left behind: messages, a card and modals, whose buttons still have the ids of its rows."""

    def __init__(self, app, answer, shared, posted):
        self.app, self.incident = app, Incident(app)
        self.answer, self.shared, self.posted = answer, shared, posted
        self.card = self.incident.card(posted)
        with psycopg.connect(app.database) as connection:
            self.cases = [name for (name,) in connection.execute("SELECT id FROM cases ORDER BY created")]
            self.modals = [name for (name,) in connection.execute("SELECT id FROM modals ORDER BY created")]

    @classmethod
    async def by(cls, app):
        """Do one of everything, so that there are rows in every table."""
        incident = Incident(app)
        app.virustotal.tell("file/report", SECRET, found(positives=60))
        await app.slack.types(ADMIN, INC, "/vt settings")
        await app.idle()
        [settings] = app.slack.views(ADMIN)
        wanted = {"answers": "private", "scan-ip": "1", "language": "ja", "uploads": "deny"}
        await app.slack.submits(ADMIN, app.slack.fills(ADMIN, settings, wanted))
        await app.idle()
        await incident.asks("/vt watch on")
        await incident.asks(f"/vt ignore 198.51.100.9 {REASON}", user=ADMIN)
        posted = await incident.posts(f"we saw {SECRET}")
        answer = await app.asks(f"/vt scan-hash {SECRET}", channel=INC)
        shared = await app.asks(f"/vt scan-hash {SECRET} --share", channel=INC)
        await app.idle()
        await app.slack.types(ANA, INC, f"/vt form {SECRET}")
        answer, shared = (app.slack.state.messages[one.key] for one in (answer, shared))
        await app.slack.presses(ANA, answer, "more")  # its first entry: the details
        await app.slack.types(ADMIN, INC, "/vt settings")
        await incident.quiet()
        return cls(app, answer, shared, posted)

    async def by_buttons(self, user):
        """Every button, with the id of every row, under a message that everybody sees."""
        for about in (*self.cases, *self.modals):
            for verb in (*VERBS, "form"):
                await press(self.app, user, self.shared, about, verb)
        await self.incident.quiet()

    async def by_menu(self, user):
        """Every entry of the menu, with the id of every answer."""
        for about in self.cases:
            for entry in MENU:
                menu = {"text": {"type": "plain_text", "text": entry}, "value": f"{entry}:{about}"}
                element = {"type": "overflow", "action_id": "more", "options": [menu, {**menu, "value": "0"}]}
                forged = replace(
                    self.shared, blocks=({"type": "actions", "block_id": "b", "elements": [element]},)
                )
                await self.app.slack.presses(user, forged, "more", entry)
            await self.app.idle()
            for view in self.app.slack.views(user):
                if view.id not in self.open_before:
                    await self.app.slack.closes(user, view)

    async def by_card(self, user):
        """A mention in the card's thread asks for the card; an edit and a deletion of its message change it."""
        await self.app.slack.says(user, INC, "@vt", thread=self.posted)
        await self.incident.edits(self.posted, f"we saw {SECRET}, twice")
        await self.incident.deletes(self.posted)

    async def by_commands(self, user):
        """What is listed, switched and removed is the asker's own."""
        for line in (
            "watch",
            "ignore list",
            "ignore remove 198.51.100.9",
            "settings",
            "quota",
            "ping",
            "help",
        ):
            await self.app.slack.types(user, INC, f"/vt {line}")
        await self.incident.quiet()

    async def by_posting(self, user):
        """In a channel that only the others watch, whose ignored addresses and settings are theirs too."""
        await self.incident.posts("198.51.100.9 and 198.51.100.10", user=user)

    async def by_messages(self, user):
        """A mention, a direct message, the message menu, and the home."""
        said = await self.app.slack.says(user, INC, "@vt 198.51.100.11")
        await self.app.slack.says(user, "@vt", "198.51.100.12")
        await self.app.slack.uses_shortcut(user, "check", said.said)
        await self.app.slack.opens_home(user)
        await self.incident.quiet()

    async def by_modals(self, user):
        """Whatever is open since before: pages are turned, forms are sent."""
        for view in self.app.slack.views(user):
            for button in self.app.slack.buttons(view):
                await self.app.slack.presses(user, view, button.element["action_id"])
            if view.content.get("submit"):
                await self.app.slack.submits(user, self.app.slack.state.views[view.id])
        await self.incident.quiet()

    @property
    def open_before(self):
        return {name for names in self.app.slack.state.stacks.values() for name in names}


ENTRY_POINTS = [
    Left.by_modals,
    Left.by_buttons,
    Left.by_menu,
    Left.by_commands,
    Left.by_posting,
    Left.by_messages,
    Left.by_card,
]


def shown_since(app, calls, acks):
    """All that the bot has sent since then."""
    sent = [call.args for call in list(app.slack.calls)[calls:]]
    return json.dumps([sent, [ack.body for ack in list(app.slack.deliveries)[acks:]]], default=str)


@pytest.mark.parametrize("way", ENTRY_POINTS, ids=lambda way: way.__name__)
async def test_no_way_in_leads_to_what_another_workspace_has(database, way):
    """Nothing of theirs is shown to our people nor, through us, to their own; none of their rows changes."""
    async with at_work(database, ALLOW_STRANGERS="true") as app:
        left = await Left.by(app)
        reassign(database)
        await app.passes(seconds=6)  # what the process remembers for a moment
        before, calls, acks = theirs(database), len(app.slack.calls), len(app.slack.deliveries)
        for user in (ANA, ADMIN, STRANGER):
            await way(left, user)
        shown = shown_since(app, calls, acks)
        assert [mark for mark in MARKS if mark in shown] == []
        assert theirs(database) == before
        app.slack.faults.clear()  # what was forged breaks Slack's own rules


@pytest.mark.parametrize("user", [ANA, STRANGER])
async def test_the_record_and_the_settings_are_our_own(database, user):
    """What they have looked up was never looked up here, and what they set for the channel does not hold."""
    async with at_work(database, ALLOW_STRANGERS="true") as app:
        await Left.by(app)
        reassign(database)
        await app.passes(seconds=6)
        answer = await app.asks(f"/vt scan-hash {SECRET} --share", user=user, channel=INC)
        await app.idle()
        said = app.now(answer)
        assert "looked up" not in said  # neither before, nor in Japanese
        assert "checked " in said
        await app.slack.types(user, INC, f"/vt report {SECRET}")
        await app.idle()
        await app.slack.opens_home(user)
        await app.idle()
        home = "\n".join(app.slack.shown(app.slack.home(user)))
        assert home.count(SECRET) == 1
