-- What Slack said about people and channels, and the audit trail.

CREATE TABLE people (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    admin BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE rooms (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE audit (
    id TEXT NOT NULL,
    delivery TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    team TEXT NOT NULL,
    asker TEXT NOT NULL,
    channel TEXT NOT NULL,
    way TEXT NOT NULL,
    verb TEXT NOT NULL,
    about TEXT,
    what JSON NOT NULL,
    outcome TEXT NOT NULL,
    why TEXT,
    calls INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audit_once UNIQUE (delivery, asker)
);
CREATE INDEX audit_by_age ON audit (at, id);
