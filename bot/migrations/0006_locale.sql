-- The language in which people use Slack. With a default: processes of the release before still store people without it.

ALTER TABLE people ADD COLUMN locale TEXT DEFAULT '' NOT NULL;
