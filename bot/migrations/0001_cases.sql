-- Requests and how far they have come, VirusTotal's replies, and the quotas. After it, procrastinate's tables are made.

CREATE TABLE cases (
    id TEXT NOT NULL,
    delivery TEXT NOT NULL,
    created TIMESTAMPTZ NOT NULL,
    team TEXT NOT NULL,
    asker TEXT NOT NULL,
    channel TEXT NOT NULL,
    verb TEXT NOT NULL,
    outcome TEXT NOT NULL,
    priority SMALLINT NOT NULL,
    request JSON NOT NULL,
    progress JSON NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (delivery)
);
CREATE INDEX cases_by_asker ON cases (team, asker, created);
CREATE INDEX cases_by_channel ON cases (team, channel, created);
CREATE INDEX cases_by_age ON cases (created);

CREATE TABLE replies (
    key TEXT NOT NULL,
    raw JSON NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (key)
);
CREATE INDEX replies_by_age ON replies (at);

CREATE TABLE quotas (
    key TEXT NOT NULL,
    use TEXT NOT NULL,
    PRIMARY KEY (key)
);
