-- Times are Unix microseconds, UTC; 0 is "none".
CREATE TABLE grants (
    id         TEXT PRIMARY KEY,
    plugin     TEXT NOT NULL,
    capability TEXT NOT NULL,
    scope      TEXT NOT NULL, -- JSON
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL DEFAULT 0,
    revoked    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX grants_live ON grants (plugin, capability) WHERE revoked = 0;

CREATE TABLE latch (
    target TEXT PRIMARY KEY, -- "all", "agent:NAME", "plugin:NAME"
    since  INTEGER NOT NULL,
    by     TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE approvals (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT NOT NULL, -- of the exact request
    request    TEXT NOT NULL, -- JSON, what is shown
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    state      TEXT NOT NULL DEFAULT 'waiting', -- waiting, approved, used, declined, expired
    answered   INTEGER NOT NULL DEFAULT 0,
    reason     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX approvals_waiting ON approvals (state, expires);

CREATE TABLE kv (
    plugin TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE payloads (
    idx     INTEGER PRIMARY KEY, -- of the audit record
    salt    BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;

CREATE TABLE plugins (
    name    TEXT PRIMARY KEY,
    enabled INTEGER NOT NULL DEFAULT 1,
    config  TEXT NOT NULL DEFAULT '{}' -- JSON object of strings
) STRICT;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
