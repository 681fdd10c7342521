-- Images that people send, apart from the entries that show them, and what
-- turns cost.
CREATE TABLE images (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    digest  TEXT NOT NULL, -- SHA-256, hex
    data    BLOB NOT NULL,
    UNIQUE (session, digest)
) STRICT;
ALTER TABLE triggers ADD COLUMN images TEXT NOT NULL DEFAULT ''; -- JSON list of digest, mime, size
ALTER TABLE entries ADD COLUMN images TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN cached INTEGER NOT NULL DEFAULT 0; -- tokens, of input
ALTER TABLE turns ADD COLUMN cost INTEGER NOT NULL DEFAULT 0; -- millionths of a currency
ALTER TABLE turns ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0; -- tokens without a price
