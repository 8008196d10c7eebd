-- Large replies of cases, compressed by zlib: a case's progress names them, and is stored much more often.

CREATE TABLE case_replies (
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (case_id, digest)
);
-- PostgreSQL need not try to compress them again.
ALTER TABLE case_replies ALTER content SET STORAGE EXTERNAL;
