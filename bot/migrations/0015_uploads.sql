-- Which contents are being uploaded, by the key of VirusTotal and the SHA-256, and what VirusTotal said to those that were. Not
-- unlogged like wanted_replies: after a crash of the database, too, nothing is sent that VirusTotal may have.

CREATE TABLE uploads (
    key TEXT NOT NULL,
    claimant TEXT NOT NULL,
    upload_started TIMESTAMPTZ NOT NULL,
    claimed_until TIMESTAMPTZ NOT NULL,
    receipt JSON,
    PRIMARY KEY (key)
);
