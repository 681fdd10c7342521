-- Questions that outlive who asked.
ALTER TABLE approvals ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- the yes was used
ALTER TABLE approvals ADD COLUMN gone INTEGER NOT NULL DEFAULT 0; -- who asked is gone; 2: and was told the answer
UPDATE approvals SET used = 1 WHERE state = 'approved';
