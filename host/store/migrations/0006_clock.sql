-- What wakes agents. Times as in 0001.
CREATE TABLE schedules (
    id      TEXT PRIMARY KEY,
    agent   TEXT NOT NULL,
    session TEXT NOT NULL,
    name    TEXT NOT NULL,
    by      TEXT NOT NULL, -- "owner", "host", "plugin:NAME"
    rule    TEXT NOT NULL, -- JSON, when.Rule
    text    TEXT NOT NULL,
    labels  TEXT NOT NULL, -- JSON list, sorted
    created INTEGER NOT NULL,
    due     INTEGER NOT NULL, -- what the rule tells next
    next    INTEGER NOT NULL, -- when it is run
    state   TEXT NOT NULL,
    trigger TEXT NOT NULL, -- while it is run
    fails   INTEGER NOT NULL, -- in a row
    runs    INTEGER NOT NULL,
    idle    INTEGER NOT NULL,
    missed  INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    reason  TEXT NOT NULL
) STRICT;
CREATE INDEX schedules_agent ON schedules (agent);

-- What a trigger of the clock says; written with it.
CREATE TABLE wakes (
    trigger  TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    note     TEXT NOT NULL,
    parts    TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;

-- When the owner last spoke.
CREATE INDEX entries_owner ON entries (session, at) WHERE kind = 'owner';
