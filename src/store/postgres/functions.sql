-- Functions of schema 1 that run with the rights of the schema's owner: what a forwarder may do without having these rights itself.

-- Takes the lease of a log: it is free, or its holder was silent for ten seconds. Returns the last places that were accepted; nothing if
-- another forwarder holds it. A client that knows the holder has the lease: forwarders and readers cannot read it.
CREATE FUNCTION tower_activity.lease_log(log_id uuid, by_holder uuid, from_host text)
RETURNS TABLE (log_number integer, last_activity bigint, last_event bigint, last_chunk bigint, last_batch uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO tower_activity.log (id, host) VALUES (log_id, from_host) ON CONFLICT (id) DO NOTHING;
  RETURN QUERY UPDATE tower_activity.log AS l SET holder = by_holder, host = from_host, heard_at = now()
    WHERE l.id = log_id AND (l.holder IS NULL OR l.holder = by_holder OR l.heard_at < now() - interval '10 seconds')
    RETURNING l.number, l.activity, l.event, l.chunk, l.batch;
END $$;

-- Gives it back.
CREATE FUNCTION tower_activity.release_log(log_number integer, by_holder uuid) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog AS $$
  UPDATE tower_activity.log SET holder = NULL WHERE number = log_number AND holder = by_holder
$$;

-- Renews it, and counts what waits and what was not inserted. Returns the marks that intakes obey; nothing if the lease was lost.
CREATE FUNCTION tower_activity.renew_log(log_number integer, by_holder uuid, now_waiting bigint, more_refused bigint, more_outdated bigint)
RETURNS TABLE (erased bigint, activity_horizon bigint, event_horizon bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  UPDATE tower_activity.log SET heard_at = now(), waiting = coalesce(now_waiting, waiting), refused = refused + more_refused,
    outdated = outdated + more_outdated WHERE number = log_number AND holder = by_holder;
  IF FOUND THEN
    RETURN QUERY SELECT max(value) FILTER (WHERE name = 'erased'), max(value) FILTER (WHERE name = 'activity_horizon'),
      max(value) FILTER (WHERE name = 'event_horizon') FROM tower_activity.mark;
  END IF;
END $$;

-- Accepts a batch: locks the log, whose batches are accepted one after another, and moves its places. Only after the batch before,
-- even if the lease changed hands: each batch follows from the first in one file. Returns the marks and the number of the batch, which is
-- NULL if it was accepted before; nothing if the lease was lost.
CREATE FUNCTION tower_activity.accept_batch(log_number integer, by_holder uuid, first_activity bigint, last_activity bigint,
  first_event bigint, last_event bigint, first_chunk bigint, last_chunk bigint, min_activity uuid, max_activity uuid, min_event uuid,
  max_event uuid, batch_id uuid, previous uuid)
RETURNS TABLE (erased bigint, activity_horizon bigint, event_horizon bigint, batch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  added bigint;
BEGIN
  UPDATE tower_activity.log AS l SET heard_at = now(), activity = last_activity, event = last_event, chunk = last_chunk,
    batch = batch_id WHERE l.number = log_number AND l.holder = by_holder AND (l.batch IS NOT DISTINCT FROM previous OR l.batch = batch_id);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO tower_activity.batch (log, first_activity, last_activity, first_event, last_event, first_chunk, last_chunk,
      min_activity, max_activity, min_event, max_event)
    VALUES (log_number, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id INTO added;
  RETURN QUERY SELECT max(value) FILTER (WHERE name = 'erased'), max(value) FILTER (WHERE name = 'activity_horizon'),
    max(value) FILTER (WHERE name = 'event_horizon'), added FROM tower_activity.mark;
END $$;

-- Erases what was accepted of activities before it was known that their actor had been erased: their events and recordings. Only of
-- a log that the caller holds.
CREATE FUNCTION tower_activity.erase_late(log_number integer, by_holder uuid, ids uuid[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  ids := array(SELECT a.id FROM tower_activity.activity AS a JOIN tower_activity.batch AS b ON b.id = a.batch
      WHERE a.id = ANY(ids) AND b.log = log_number AND a.actor IS NULL
    UNION SELECT o.id FROM tower_activity.open AS o WHERE o.id = ANY(ids) AND o.log = log_number AND o.actor IS NULL);
  IF NOT EXISTS (SELECT FROM tower_activity.log WHERE number = log_number AND holder = by_holder) THEN
    RETURN;
  END IF;
  INSERT INTO tower_activity.erased SELECT unnest(ids)
    UNION SELECT recording FROM tower_activity.link WHERE activity = ANY(ids) ON CONFLICT DO NOTHING;
  -- Searches compare what has no terms of its own.
  UPDATE tower_activity.event SET actor = NULL, session = NULL, request = NULL, summary = NULL, data = NULL, reference = NULL,
    dedup_key = NULL, terms = '=w' WHERE activity = ANY(ids);
  DELETE FROM tower_activity.chunk WHERE recording IN (SELECT recording FROM tower_activity.link WHERE activity = ANY(ids));
  DELETE FROM tower_activity.recording WHERE id IN (SELECT recording FROM tower_activity.link WHERE activity = ANY(ids));
  DELETE FROM tower_activity.link WHERE recording IN (SELECT recording FROM tower_activity.link WHERE activity = ANY(ids));
END $$;

-- Returns the first day that limits keep: all of it is within the age, measured to an instant, and it and the later days take no more
-- bytes. Today is kept. NULL: there is no limit.
CREATE FUNCTION tower_activity.first_kept(kind text, age bigint, bytes bigint, now_us bigint) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog AS $$
  SELECT greatest(floor((now_us - age) / 86400000000.0)::bigint, CASE WHEN bytes IS NOT NULL THEN coalesce((
    SELECT max(day) + 1 FROM (
      SELECT day, sum(size) OVER (ORDER BY day DESC NULLS FIRST) AS total FROM (
        SELECT substring(relname FROM '^' || kind || '_([0-9]+)$')::bigint AS day, pg_total_relation_size(oid) AS size FROM pg_class
        WHERE relnamespace = 'tower_activity'::regnamespace AND relkind = 'r' AND relname ~ ('^' || kind || '_([0-9]+|ahead|early)$')
      ) AS days
    ) AS totals WHERE total > bytes AND day < now_us / 86400000000), 0) END)
$$;

-- Applies the stored limits, one step at a time, by one caller at a time. Ages are measured from dates to the earlier of the server's
-- clock and the caller's: what one of them says deletes nothing. Returns the number of deleted rows and days. It waits for readers only
-- as long as others may wait behind it: while one has the table of a day open, the rows are deleted, and the table with a later step.
CREATE FUNCTION tower_activity.apply_retention(clock bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '50ms' AS $$
DECLARE
  now_us bigint := least((extract(epoch FROM now()) * 1000000)::bigint, clock);
  most record;
  kind text;
  kept bigint;
  old record;
  done bigint := 0;
  step bigint;
BEGIN
  PERFORM FROM tower_activity.mark WHERE name = 'retained_at' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  UPDATE tower_activity.mark SET value = now_us WHERE name = 'retained_at';
  FOR most IN SELECT * FROM tower_activity.retention WHERE age IS NOT NULL OR bytes IS NOT NULL LOOP
    IF most.kind IN ('activities', 'events') THEN
      kind := CASE most.kind WHEN 'events' THEN 'event' ELSE 'activity' END;
      kept := tower_activity.first_kept(kind, most.age, most.bytes, now_us);
      UPDATE tower_activity.mark SET value = kept WHERE name = kind || '_horizon' AND value < kept;
      IF FOUND THEN
        -- Days are dropped by the next step, when all intakes know that these are not kept.
        done := done + 1;
        CONTINUE;
      END IF;
      SELECT value INTO kept FROM tower_activity.mark WHERE name = kind || '_horizon';
      EXECUTE format('DELETE FROM tower_activity.%I WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.%1$I WHERE id < $1 LIMIT 1000))',
        kind || '_early') USING tower_activity.first_id(least(greatest(kept, 0), 10957));
      GET DIAGNOSTICS step = ROW_COUNT;
      done := done + step;
      SELECT c.relname AS name, i.inhdetachpending AS pending INTO old FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
        WHERE c.relnamespace = 'tower_activity'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || kind || '_[0-9]+$')
          AND substring(c.relname FROM '[0-9]+$')::bigint < kept
        ORDER BY substring(c.relname FROM '[0-9]+$')::bigint LIMIT 1;
      IF old.name IS NOT NULL THEN
        BEGIN
          IF old.pending IS NOT NULL THEN
            EXECUTE format('ALTER TABLE tower_activity.%I DETACH PARTITION tower_activity.%I %s', kind, old.name,
              CASE WHEN old.pending THEN 'FINALIZE' ELSE '' END);
          END IF;
          EXECUTE format('DROP TABLE tower_activity.%I', old.name);
          done := done + 1;
        EXCEPTION WHEN lock_not_available THEN
          EXECUTE format('DELETE FROM tower_activity.%I WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.%1$I LIMIT 10000))', old.name);
          GET DIAGNOSTICS step = ROW_COUNT;
          done := done + step;
        END;
      END IF;
    ELSIF most.kind = 'sums' THEN
      kept := floor((now_us - most.age) / 900000000.0);
      UPDATE tower_activity.mark SET value = kept WHERE name = 'sums_from' AND value < kept;
      FOREACH kind IN ARRAY ARRAY['bucket', 'bucket_day', 'agent_quarter', 'agent_day', 'turn_bucket', 'failure'] LOOP
        EXECUTE format('DELETE FROM tower_activity.%I WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.%1$I WHERE quarter < $1 LIMIT 1000))',
          kind) USING kept;
        GET DIAGNOSTICS step = ROW_COUNT;
        done := done + step;
      END LOOP;
    ELSIF most.kind = 'recordings' THEN
      WITH expired AS (SELECT id FROM tower_activity.recording WHERE status <> 0 AND
          id < (lpad(to_hex(greatest(now_us - most.age, 0) / 1000), 12, '0') || repeat('0', 20))::uuid ORDER BY id LIMIT 100),
        chunks AS (DELETE FROM tower_activity.chunk USING expired WHERE recording = expired.id),
        links AS (DELETE FROM tower_activity.link USING expired WHERE recording = expired.id)
      DELETE FROM tower_activity.recording AS r USING expired WHERE r.id = expired.id;
      GET DIAGNOSTICS step = ROW_COUNT;
      done := done + step;
    END IF;
  END LOOP;
  -- What is known of batches whose days are gone.
  DELETE FROM tower_activity.batch AS b USING (SELECT id FROM tower_activity.batch ORDER BY id LIMIT 1000) AS oldest,
    (SELECT tower_activity.first_id(value) AS id, to_timestamp(value * 86400) AS at FROM tower_activity.mark WHERE name = 'activity_horizon')
      AS a, (SELECT tower_activity.first_id(value) AS id, to_timestamp(value * 86400) AS at FROM tower_activity.mark
      WHERE name = 'event_horizon') AS e
  WHERE b.id = oldest.id AND b.ordinal IS NOT NULL AND b.accepted_at < least(a.at, e.at)
    AND coalesce(b.max_activity < a.id, true) AND coalesce(b.max_event < e.id, true);
  GET DIAGNOSTICS step = ROW_COUNT;
  RETURN done + step;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tower_activity FROM PUBLIC;
