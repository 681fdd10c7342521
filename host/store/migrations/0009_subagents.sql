-- Whose sub-agent's a conversation is; empty: nobody's.
ALTER TABLE sessions ADD COLUMN parent TEXT NOT NULL DEFAULT '';
