ALTER TABLE grants ADD COLUMN agent TEXT NOT NULL DEFAULT ''; -- for which alone; '' is for all
