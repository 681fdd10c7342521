-- Conversations, their turns, and the durable inbox. Times as in 0001.
CREATE TABLE sessions (
    id      TEXT PRIMARY KEY,
    agent   TEXT NOT NULL,
    labels  TEXT NOT NULL DEFAULT '[]', -- JSON list, sorted
    floor   INTEGER NOT NULL DEFAULT 0, -- entries before it are not given to the model
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_recent ON sessions (agent, updated);

CREATE TABLE triggers (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    agent    TEXT NOT NULL,
    session  TEXT NOT NULL,
    channel  TEXT NOT NULL,
    source   TEXT, -- null: the source has no ids
    kind     TEXT NOT NULL,
    text     TEXT NOT NULL,
    turn     TEXT NOT NULL,
    state    TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL,
    UNIQUE (agent, channel, source)
) STRICT;
CREATE INDEX triggers_waiting ON triggers (agent, state);
CREATE INDEX triggers_turn ON triggers (turn);

CREATE TABLE turns (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    agent   TEXT NOT NULL,
    session TEXT NOT NULL REFERENCES sessions (id),
    trigger TEXT NOT NULL,
    reason  TEXT NOT NULL,
    detail  TEXT NOT NULL DEFAULT '',
    steps   INTEGER NOT NULL DEFAULT 0,
    input   INTEGER NOT NULL DEFAULT 0, -- tokens
    output  INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL,
    ended   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX turns_open ON turns (agent) WHERE ended = 0;
CREATE INDEX turns_trigger ON turns (trigger);

CREATE TABLE entries (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL REFERENCES sessions (id),
    turn    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    message TEXT NOT NULL, -- JSON
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_session ON entries (session, seq);

CREATE TABLE calls (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,
    turn  TEXT NOT NULL,
    id    TEXT NOT NULL,
    tool  TEXT NOT NULL,
    args  TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (turn, id)
) STRICT;
