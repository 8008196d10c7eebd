"""Rows that the version before wrote (commit 2854d27), put into a database of that version and a workspace as it was."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from bot import startup
from playground.slack.records import Channel, Hook, Message, View

FILE = Path(__file__).parents[1] / "data" / "rows_of_2854d27.json"
WRITTEN = FILE.read_text()
AT = datetime.fromisoformat(json.loads(WRITTEN)["at"])
NOW = datetime.now(UTC)
REVISION = "0004"
"""Of the tables that they were written to."""
FILES = {
    name: name.encode() * 3 for name in ("consent.bin", "agreed.bin", "queued.bin", "begun.bin", "fresh.bin")
}
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
MESSAGE = re.compile(r'"(\d{10}\.\d{6})"')
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def recent(text):
    """The same rows as if they had been written now: times, and the timestamps that name messages."""
    text = MOMENT.sub(lambda found: (datetime.fromisoformat(found[0]) + (NOW - AT)).isoformat(), text)
    later = int((NOW - AT).total_seconds())
    return MESSAGE.sub(lambda found: f'"{int(found[1][:10]) + later}{found[1][10:]}"', text)


DUMP = json.loads(recent(WRITTEN))


def older_tables(url):
    """Make the tables of the version before in an empty database."""
    with psycopg.connect(url) as connection:
        startup.upgrade(connection, REVISION)


def load(url, folder, slack_url="http://127.0.0.1:1"):
    """Put the rows into tables of the version before. Files that they name are made in `folder`."""
    rows = json.loads(
        json.dumps(DUMP["tables"]).replace("{slack}", slack_url).replace("{folder}", str(folder))
    )
    for name, content in (FILES | {"known.com": EICAR}).items():
        (folder / name).write_bytes(content)
    with psycopg.connect(url, autocommit=True) as connection:
        for table, content in rows.items():
            insert = (
                "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{0}, %s)"
            )
            connection.execute(sql.SQL(insert).format(sql.Identifier(table)), [json.dumps(content)])
        connection.execute(
            "SELECT setval('procrastinate_jobs_id_seq', (SELECT max(id) FROM procrastinate_jobs))"
        )


def furnish(slack):
    """A workspace with the messages, response_urls and views that the rows name."""
    state, kept = slack.state, DUMP["slack"]
    for one in kept["channels"]:
        state.channels[one["id"]] = Channel(**one | {"members": set(one["members"])})
    for one in kept["messages"]:
        message = Message(**one)
        state.messages[message.key] = message
    for one in kept["hooks"]:
        places = {name: tuple(one[name]) for name in ("source", "posted") if name in one}
        state.hooks[one["id"]] = Hook(**one | places | {"born": NOW.timestamp()})
    state.views |= {one["id"]: View(**one) for one in kept["views"]}
    state.stacks |= kept["stacks"]
    state.homes |= kept["homes"]
    state.told |= {*state.channels, *state.people}
