-- Replies that are asked for now, or wait for room in somebody's call. Unlogged: a crash of the database loses nothing that
-- matters, since everybody then asks for themselves.

CREATE UNLOGGED TABLE wanted_replies (
    key TEXT NOT NULL,
    batch TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    automatic BOOLEAN NOT NULL,
    case_ids TEXT[] NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    claimant TEXT NOT NULL,
    claimed_until TIMESTAMPTZ,
    PRIMARY KEY (key)
);
CREATE INDEX wanted_replies_waiting ON wanted_replies (batch) WHERE claimed_until IS NULL;

-- Whether VirusTotal knew anything; NULL in rows of the release before.
ALTER TABLE replies ADD COLUMN known BOOLEAN;
