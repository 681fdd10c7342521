-- Where the text of a result came from, as JSON; '' for other entries and for
-- results older than this.
ALTER TABLE entries ADD COLUMN source TEXT NOT NULL DEFAULT '';
