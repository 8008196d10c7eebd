-- Open modals, the settings of channels, and what was looked up where.

CREATE TABLE modals (
    id TEXT NOT NULL,
    delivery TEXT NOT NULL,
    created TIMESTAMPTZ NOT NULL,
    modal JSON NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (delivery)
);
CREATE INDEX modals_by_age ON modals (created);

CREATE TABLE channels (
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    ways JSON NOT NULL,
    PRIMARY KEY (team, channel)
);

CREATE TABLE sightings (
    case_id TEXT NOT NULL,
    position SMALLINT NOT NULL,
    team TEXT NOT NULL,
    asker TEXT NOT NULL,
    channel TEXT NOT NULL,
    listed BOOLEAN NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL,
    engines INTEGER,
    total INTEGER,
    what JSON NOT NULL,
    PRIMARY KEY (case_id, position)
);
CREATE INDEX sightings_of_subject ON sightings (team, subject, at);
CREATE INDEX sightings_by_asker ON sightings (team, asker, at);
CREATE INDEX sightings_by_age ON sightings (at);
