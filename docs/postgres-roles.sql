-- Roles for a central store in PostgreSQL. Run it as a superuser in the store's database, once the schema is there (the first
-- `activity forward` creates it) and again after an upgrade:
--
--   psql -d ops -f docs/postgres-roles.sql
--   psql -d ops -c "CREATE ROLE shop LOGIN PASSWORD '…' IN ROLE activity_forwarder"
--
-- The schema is no longer that of the user who has created it: grant activity_forwarder to the users of your forwarders in the same step.
-- Temporary tables are no longer for every user of the database: no role of this store needs them.
--
-- activity_forwarder   adds records, and cannot change or delete any; keeps the sums, within bounds, which `activity rebuild` recomputes
--                      from the records
-- activity_reader      reads everything
-- activity_maintainer  owns the schema: migrates it, deletes what is too old, erases, delivers webhooks

BEGIN;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['activity_forwarder', 'activity_reader', 'activity_maintainer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;

-- Other users of this database that need temporary tables: GRANT TEMPORARY ON DATABASE … TO them.
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;

-- The maintainer owns the tables and the functions that forwarders call: they run with its rights, not with those of a superuser.
DO $$
DECLARE
  one record;
BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO activity_maintainer', current_database());
  ALTER SCHEMA tower_activity OWNER TO activity_maintainer;
  FOR one IN SELECT oid::regclass AS name FROM pg_class
    WHERE relnamespace = 'tower_activity'::regnamespace AND relkind IN ('r', 'p', 'v') LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO activity_maintainer', one.name);
  END LOOP;
  FOR one IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = 'tower_activity'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO activity_maintainer', one.name);
  END LOOP;
END $$;

-- First what an earlier version has granted.
REVOKE ALL ON ALL TABLES IN SCHEMA tower_activity FROM activity_forwarder, activity_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tower_activity FROM activity_forwarder, activity_reader;
GRANT USAGE ON SCHEMA tower_activity TO activity_forwarder, activity_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA tower_activity TO activity_reader;
-- Webhooks have secrets: the maintainer delivers them.
REVOKE SELECT ON tower_activity.webhook, tower_activity.dead_letter, tower_activity.webhook_lease FROM activity_reader;
-- Not who was erased, nor who holds a log: a client that knows a holder has its lease.
REVOKE SELECT ON tower_activity.tombstone, tower_activity.log FROM activity_reader;
GRANT SELECT (number, id, host, heard_at, activity, event, chunk, batches, waiting, refused, outdated)
  ON tower_activity.log TO activity_reader;
-- What `activity doctor` compares, and `activity prune --dry-run` counts.
GRANT EXECUTE ON FUNCTION tower_activity.first_id, tower_activity.first_kept TO activity_reader;

-- Records, which never change. Activities and events are inserted by views, into the batch that is being accepted.
GRANT SELECT ON tower_activity.activity, tower_activity.event TO activity_forwarder;
GRANT INSERT ON tower_activity.new_activity, tower_activity.new_event TO activity_forwarder;
GRANT SELECT, INSERT ON tower_activity.chunk, tower_activity.dedup, tower_activity.text, tower_activity.recording, tower_activity.link
  TO activity_forwarder;
-- Batches and the state of logs: by functions, which check that the caller holds the log.
GRANT EXECUTE ON FUNCTION tower_activity.lease_log, tower_activity.renew_log, tower_activity.accept_batch,
  tower_activity.release_log TO activity_forwarder;
-- What goes on: running activities, recordings that grow, the state of processes.
GRANT SELECT, INSERT, UPDATE, DELETE ON tower_activity.open TO activity_forwarder;
GRANT UPDATE (status, lost, ended_at) ON tower_activity.recording TO activity_forwarder;
GRANT UPDATE (until_at) ON tower_activity.link TO activity_forwarder;
GRANT SELECT, INSERT, UPDATE ON tower_activity.instance TO activity_forwarder;
-- Sums, and the order of batches, by functions: one forwarder at a time counts them.
GRANT SELECT, INSERT, UPDATE ON tower_activity.bucket, tower_activity.bucket_day, tower_activity.agent_quarter,
  tower_activity.agent_day, tower_activity.turning_agent, tower_activity.turn_bucket, tower_activity.failure TO activity_forwarder;
GRANT DELETE ON tower_activity.turn_bucket TO activity_forwarder;
GRANT EXECUTE ON FUNCTION tower_activity.begin_fold, tower_activity.end_fold TO activity_forwarder;
GRANT SELECT ON tower_activity.mark TO activity_forwarder;
GRANT SELECT (id, ordinal) ON tower_activity.batch TO activity_forwarder;
-- Erased actors, by their hash.
GRANT SELECT ON tower_activity.tombstone, tower_activity.erased TO activity_forwarder;
GRANT EXECUTE ON FUNCTION tower_activity.erase_late TO activity_forwarder;
-- Partitions, and the limits that the maintainer has set.
GRANT EXECUTE ON FUNCTION tower_activity.add_day, tower_activity.add_days, tower_activity.apply_retention,
  tower_activity.clean_words TO activity_forwarder;

COMMIT;
