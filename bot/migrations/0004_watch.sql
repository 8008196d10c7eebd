-- Watched channels, their cards, what was posted in them, and what is ignored.

CREATE TABLE watch_channels (
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    mode TEXT NOT NULL,
    person TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    paused_until TIMESTAMPTZ,
    PRIMARY KEY (team, channel)
);

CREATE TABLE watch_cards (
    case_id TEXT NOT NULL,
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    message TEXT NOT NULL,
    heard TEXT NOT NULL,
    wanted JSON NOT NULL,
    wishes JSON NOT NULL,
    version INTEGER NOT NULL,
    manners JSON NOT NULL,
    posted TIMESTAMPTZ,
    due TIMESTAMPTZ,
    PRIMARY KEY (case_id),
    UNIQUE (team, channel, message),
    FOREIGN KEY (case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE INDEX watch_cards_due ON watch_cards (due);
CREATE INDEX watch_cards_posted ON watch_cards (team, channel, posted);

CREATE TABLE watch_seen (
    case_id TEXT NOT NULL,
    value TEXT NOT NULL,
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    person TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    answered_by TEXT NOT NULL,
    PRIMARY KEY (case_id, value),
    FOREIGN KEY (case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE INDEX watch_seen_where ON watch_seen (team, channel, value, at);
CREATE INDEX watch_seen_answered ON watch_seen (answered_by);

CREATE TABLE watch_ignored (
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    until TIMESTAMPTZ,
    reason TEXT NOT NULL,
    person TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (team, channel, value)
);
