ALTER TABLE approvals ADD COLUMN by TEXT NOT NULL DEFAULT ''; -- "owner", "plugin:NAME"
ALTER TABLE approvals ADD COLUMN lasting TEXT NOT NULL DEFAULT ''; -- session, grant

CREATE TABLE tally (
    day     TEXT PRIMARY KEY, -- of the owner's calendar
    allowed INTEGER NOT NULL,
    asked   INTEGER NOT NULL,
    denied  INTEGER NOT NULL
) STRICT;
