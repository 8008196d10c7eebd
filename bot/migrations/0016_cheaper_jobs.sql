-- What an answer costs PostgreSQL, again: nearly every job is stored as running and deleted within a second, and each index and
-- each foreign key was paid for twice. And a reply was compressed twice. Processes of the release before notice nothing.

-- No statement of ours or of procrastinate's worker needs these. Fetching a job looks for others with the same lock, for which
-- the index on (id, lock) was read from end to end; now only jobs that wait are in an index by their lock.
DROP INDEX IF EXISTS procrastinate_jobs_queue_name_idx_v1;
DROP INDEX IF EXISTS procrastinate_jobs_id_lock_idx_v1;
DROP INDEX IF EXISTS idx_procrastinate_jobs_worker_not_null;
CREATE INDEX procrastinate_jobs_waiting_by_lock ON procrastinate_jobs (lock) WHERE status = 'todo';

-- With it, each heartbeat wrote to two indexes. There are only a few workers.
DROP INDEX IF EXISTS idx_procrastinate_workers_last_heartbeat;
ALTER TABLE procrastinate_workers SET (fillfactor = 20);

-- Checking these took a query for each job that was stored, and two for each that was deleted. Storing a job also locked the
-- row of its worker. Triggers do what they did, but not for first turns, which have no events: housekeeping looks for those
-- of the few that waited.
ALTER TABLE procrastinate_jobs DROP CONSTRAINT IF EXISTS procrastinate_jobs_worker_id_fkey;
ALTER TABLE procrastinate_events DROP CONSTRAINT IF EXISTS procrastinate_events_job_id_fkey;
ALTER TABLE procrastinate_periodic_defers DROP CONSTRAINT IF EXISTS procrastinate_periodic_defers_job_id_fkey;

CREATE FUNCTION vtbot_forget_worker() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN UPDATE procrastinate_jobs SET worker_id = NULL WHERE worker_id = OLD.id; RETURN NULL; END';
CREATE TRIGGER vtbot_forget_worker AFTER DELETE ON procrastinate_workers
FOR EACH ROW EXECUTE FUNCTION vtbot_forget_worker();

CREATE FUNCTION vtbot_forget_events() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN DELETE FROM procrastinate_events WHERE job_id = OLD.id; RETURN NULL; END';
CREATE TRIGGER vtbot_forget_events AFTER DELETE ON procrastinate_jobs
FOR EACH ROW WHEN (OLD.task_name <> 'turn' OR OLD.scheduled_at IS NOT NULL OR OLD.attempts > 0)
EXECUTE FUNCTION vtbot_forget_events();
-- procrastinate's trigger on deleted jobs already unlinks what was deferred periodically.

-- A person's last lookups are still found by it. What is on record about an indicator no longer is: before the table was
-- analysed, that read everything that the workspace had ever looked up.
CREATE INDEX sightings_of_asker ON sightings (asker, team, at);
DROP INDEX sightings_by_asker;

-- A cached reply lives for an hour: to compress it cost more than to write it as it is.
ALTER TABLE replies ALTER raw SET STORAGE EXTERNAL;
