-- A message that gets a turn of its own gets one after a crash too.
ALTER TABLE triggers ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
