-- The owner's choice of a session's model.
ALTER TABLE sessions ADD COLUMN model TEXT NOT NULL DEFAULT ''; -- "plugin" or "plugin/model"; empty: the agent's
