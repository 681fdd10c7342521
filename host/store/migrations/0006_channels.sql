-- Conversations over channels. Times as in 0001.
ALTER TABLE triggers ADD COLUMN sender TEXT NOT NULL DEFAULT ''; -- empty: the owner

CREATE TABLE channel_cursors (
    plugin TEXT PRIMARY KEY,
    cursor TEXT NOT NULL -- JSON, the plugin's own
) STRICT;

-- What arrived and is not done with; of what is, only the id is kept, so that it
-- is known when it comes again.
CREATE TABLE arrivals (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin TEXT NOT NULL,
    id     TEXT NOT NULL,
    event  TEXT NOT NULL, -- JSON; empty once it is done with
    at     INTEGER NOT NULL,
    UNIQUE (plugin, id)
) STRICT;
CREATE INDEX arrivals_waiting ON arrivals (plugin) WHERE event != '';

-- Those who write to the agent, each over one channel.
CREATE TABLE peers (
    plugin    TEXT NOT NULL,
    person    TEXT NOT NULL, -- the service's own id
    name      TEXT NOT NULL, -- as they call themselves
    role      TEXT NOT NULL, -- stranger, contact, owner, refused
    alias     TEXT NOT NULL DEFAULT '', -- what the owner calls a contact
    agent     TEXT NOT NULL DEFAULT '',
    chat      TEXT NOT NULL,
    code      TEXT NOT NULL DEFAULT '', -- of a stranger
    expires   INTEGER NOT NULL DEFAULT 0, -- the code
    since     INTEGER NOT NULL,
    session   TEXT NOT NULL DEFAULT '',
    delivered INTEGER NOT NULL DEFAULT 0, -- the last entry of the session that is done with
    sending   INTEGER NOT NULL DEFAULT 0, -- an entry whose sending began; 0: none
    PRIMARY KEY (plugin, person)
) STRICT;
CREATE UNIQUE INDEX peers_alias ON peers (alias) WHERE alias != '';
CREATE INDEX peers_session ON peers (session);
