-- What Slack said about people and channels, for each workspace: somebody may be a member of one and a stranger to another.
-- Processes of the release before still use the tables from before, which are emptied: nothing else deletes from them.

CREATE TABLE people_by_team (
    team TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    admin BOOLEAN NOT NULL,
    locale TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (team, id)
);

CREATE TABLE channel_names (
    team TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (team, id)
);

DELETE FROM people;
DELETE FROM rooms;
