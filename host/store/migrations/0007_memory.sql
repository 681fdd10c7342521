-- What agents remember, beside the files that hold it. Times as in 0001.
CREATE TABLE notes (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    agent   TEXT NOT NULL,
    name    TEXT NOT NULL,
    labels  TEXT NOT NULL, -- JSON list, sorted
    sources TEXT NOT NULL, -- JSON list
    by      TEXT NOT NULL, -- "owner", "plugin:NAME", "agent:NAME"
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL, -- the file
    size    INTEGER NOT NULL,
    digest  TEXT NOT NULL, -- of the text that notes_text has; empty: it has none
    UNIQUE (agent, name)
) STRICT;

-- rowid is n. What is deleted leaves nothing in the index.
CREATE VIRTUAL TABLE notes_text USING fts5 (name, text, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO notes_text (notes_text, rank) VALUES ('secure-delete', 1);

-- How far agents have looked back on their conversations.
CREATE TABLE lookbacks (
    session TEXT PRIMARY KEY,
    agent   TEXT NOT NULL,
    upto    INTEGER NOT NULL, -- the last entry that was looked at
    at      INTEGER NOT NULL,
    next    INTEGER NOT NULL, -- upto, once what was learned is noted
    learned TEXT NOT NULL -- JSON, what is still to be noted; empty: nothing
) STRICT, WITHOUT ROWID;
