-- Which instance of VirusTotal was asked; '' is VT_API_KEY's.
ALTER TABLE sightings ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN instance TEXT NOT NULL DEFAULT '';
