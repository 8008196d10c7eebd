-- Kinds of block that a workspace is too old for.

CREATE TABLE refused_blocks (
    team TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (team, kind)
);
