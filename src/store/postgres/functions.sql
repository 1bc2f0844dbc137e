-- Functions of schema 1 that run with the rights of the schema's owner: what a forwarder may do without having these rights itself.
-- Each names pg_temp in its search path: without it the temporary tables and types of its caller would come before those of pg_catalog.

-- Creates the partition of a day, unless it exists, or the day has none of its own. Whoever forwards may call it, without owning the
-- tables. The lock ends with the transaction: two that create a partition at once fail in spite of IF NOT EXISTS.
CREATE FUNCTION tower_activity.add_day(kind text, day bigint) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := kind || '_' || day;
BEGIN
  PERFORM pg_advisory_xact_lock(6079225713172475749);
  IF kind NOT IN ('activity', 'event') OR day < 10957
    OR day < (SELECT value FROM tower_activity.mark AS m WHERE m.name = kind || '_horizon')
    OR day >= (SELECT value FROM tower_activity.mark AS m WHERE m.name = 'ahead')
    OR to_regclass('tower_activity.' || name) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM tower_activity.add_table(kind, name);
  PERFORM tower_activity.attach(kind, name, day, day + 1);
END $$;

-- Creates the partitions of today, by the clock of the server, and the next 7 days, and moves records that are no longer dated ahead
-- to theirs. Fails if readers do not make room for a moment: the days that are there last for a week.
CREATE FUNCTION tower_activity.add_days() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '300ms' AS $$
DECLARE
  today bigint := floor(extract(epoch FROM now()) / 86400);
  boundary bigint := today + 8;
  old bigint;
  kind text;
  day bigint;
  days bigint[];
BEGIN
  SELECT value INTO old FROM tower_activity.mark WHERE name = 'ahead';
  IF old >= boundary THEN
    -- Also if the clock was set back.
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(6079225713172475749);
  SELECT value INTO old FROM tower_activity.mark WHERE name = 'ahead';
  IF old >= boundary THEN
    RETURN;
  END IF;
  FOREACH kind IN ARRAY ARRAY['activity', 'event'] LOOP
    EXECUTE format('ALTER TABLE tower_activity.%I DETACH PARTITION tower_activity.%I', kind, kind || '_ahead');
    -- After a long pause only the days that have records: others are created when they are needed.
    EXECUTE format('SELECT array(SELECT DISTINCT tower_activity.day_of(id) FROM tower_activity.%I WHERE id < $1
      UNION SELECT generate_series($2, $3) ORDER BY 1)', kind || '_ahead')
      INTO days USING tower_activity.first_id(boundary), greatest(old, today), boundary - 1;
    FOREACH day IN ARRAY days LOOP
      PERFORM tower_activity.add_table(kind, kind || '_' || day);
      EXECUTE format('WITH moved AS (DELETE FROM tower_activity.%I WHERE id < $1 RETURNING *)
        INSERT INTO tower_activity.%I SELECT * FROM moved', kind || '_ahead', kind || '_' || day)
        USING tower_activity.first_id(day + 1);
      PERFORM tower_activity.attach(kind, kind || '_' || day, day, day + 1);
    END LOOP;
    PERFORM tower_activity.attach(kind, kind || '_ahead', boundary, NULL);
  END LOOP;
  UPDATE tower_activity.mark SET value = boundary WHERE name = 'ahead';
END $$;

-- Moves the rows that were inserted last into the indexes of words. Inserts do that whenever there are many of them; a search looks
-- at the rest of each day one by one. Leaves out what is dropped meanwhile.
CREATE FUNCTION tower_activity.clean_words() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
  one oid;
BEGIN
  FOR one IN SELECT c.oid FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
    WHERE c.relnamespace = 'tower_activity'::regnamespace AND c.relkind = 'i' AND a.amname = 'gin' LOOP
    BEGIN
      PERFORM gin_clean_pending_list(one);
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
END $$;

-- The batch that this transaction accepts.
CREATE VIEW tower_activity.accepting AS
  SELECT id, min_activity, max_activity, min_event, max_event FROM tower_activity.batch
  WHERE ordinal IS NULL AND accepted_in = pg_current_xact_id() ORDER BY id DESC LIMIT 1;

-- Forwarders insert records here: only into the batch that their transaction accepts, which takes the lease of its log, and only with ids of
-- its range, where they are counted.
CREATE VIEW tower_activity.new_activity AS
  SELECT * FROM tower_activity.activity WHERE batch = (SELECT id FROM tower_activity.accepting)
    AND id >= (SELECT min_activity FROM tower_activity.accepting) AND id <= (SELECT max_activity FROM tower_activity.accepting)
  WITH CHECK OPTION;
CREATE VIEW tower_activity.new_event AS
  SELECT * FROM tower_activity.event WHERE batch = (SELECT id FROM tower_activity.accepting)
    AND id >= (SELECT min_event FROM tower_activity.accepting) AND id <= (SELECT max_event FROM tower_activity.accepting)
  WITH CHECK OPTION;

-- Returns a text of at most 255 bytes, cut at a character.
CREATE FUNCTION tower_activity.cut(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  what := left(coalesce(what, ''), 255);
  WHILE octet_length(what) > 255 LOOP
    what := left(what, -1);
  END LOOP;
  RETURN what;
END $$;

-- Adds to a count that only grows, up to a number of which thousands can be added up.
CREATE FUNCTION tower_activity.add(count bigint, more bigint) RETURNS bigint LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
  $$ SELECT least(count + least(greatest(coalesce(more, 0), 0), 1000000000000000), 1000000000000000) $$;

-- Takes the lease of a log: it is free, or its holder was silent for ten seconds. Returns the last places that were accepted; nothing if
-- another forwarder holds it. A client that knows the holder has the lease: forwarders and readers cannot read it.
CREATE FUNCTION tower_activity.lease_log(log_id uuid, by_holder uuid, from_host text)
RETURNS TABLE (log_number integer, last_activity bigint, last_event bigint, last_chunk bigint, last_batch uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF log_id IS NULL OR by_holder IS NULL THEN
    RAISE EXCEPTION 'a lease needs a log and a holder' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  from_host := tower_activity.cut(from_host);
  INSERT INTO tower_activity.log (id, host) VALUES (log_id, from_host) ON CONFLICT (id) DO NOTHING;
  RETURN QUERY UPDATE tower_activity.log AS l SET holder = by_holder, host = from_host, heard_at = now()
    WHERE l.id = log_id AND (l.holder IS NULL OR l.holder = by_holder OR l.heard_at < now() - interval '10 seconds')
    RETURNING l.number, l.activity, l.event, l.chunk, l.batch;
END $$;

-- Gives it back.
CREATE FUNCTION tower_activity.release_log(log_number integer, by_holder uuid) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE tower_activity.log SET holder = NULL WHERE number = log_number AND holder = by_holder
$$;

-- Renews it, and counts what waits and what was not inserted. Returns the marks that intakes obey; nothing if the lease was lost.
CREATE FUNCTION tower_activity.renew_log(log_number integer, by_holder uuid, now_waiting bigint, more_refused bigint, more_outdated bigint)
RETURNS TABLE (erased bigint, activity_horizon bigint, event_horizon bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE tower_activity.log SET heard_at = now(), waiting = tower_activity.add(0, coalesce(now_waiting, waiting)),
    refused = tower_activity.add(refused, more_refused), outdated = tower_activity.add(outdated, more_outdated)
    WHERE number = log_number AND holder = by_holder;
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held tower_activity.log;
  added bigint;
BEGIN
  SELECT * INTO held FROM tower_activity.log AS l WHERE l.number = log_number AND l.holder = by_holder
    AND (l.batch IS NOT DISTINCT FROM previous OR l.batch = batch_id) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- Else it was accepted before, even if the retention has deleted it since.
  IF (held.batch, held.activity, held.event, held.chunk) IS DISTINCT FROM (batch_id, last_activity, last_event, last_chunk) THEN
    IF (first_activity >= held.activity AND last_activity >= first_activity AND first_event >= held.event
      AND last_event >= first_event AND first_chunk >= held.chunk AND last_chunk >= first_chunk) IS NOT TRUE THEN
      RAISE EXCEPTION 'a batch from (%, %, %) to (%, %, %) does not follow the places (%, %, %) of its log', first_activity,
        first_event, first_chunk, last_activity, last_event, last_chunk, held.activity, held.event, held.chunk
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The last place that a record can have: readers add places up.
    IF greatest(last_activity, last_event, last_chunk) > 9007199254740992 THEN
      RAISE EXCEPTION 'a batch ends at (%, %, %), beyond the place 9007199254740992', last_activity, last_event, last_chunk
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO tower_activity.batch (log, first_activity, last_activity, first_event, last_event, first_chunk, last_chunk,
        min_activity, max_activity, min_event, max_event)
      VALUES (log_number, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id INTO added;
  END IF;
  UPDATE tower_activity.log AS l SET heard_at = now(), activity = last_activity, event = last_event, chunk = last_chunk,
    batch = batch_id, batches = l.batches + (added IS NOT NULL)::int WHERE l.number = log_number;
  RETURN QUERY SELECT max(value) FILTER (WHERE name = 'erased'), max(value) FILTER (WHERE name = 'activity_horizon'),
    max(value) FILTER (WHERE name = 'event_horizon'), added FROM tower_activity.mark;
END $$;

-- Begins to count batches in the sums: locks the last ordinal until the transaction ends, and returns the next batches, the first and
-- more until there are 60,000 rows, and whether others are left. Nothing if another transaction counts some, or none is left.
CREATE FUNCTION tower_activity.begin_fold() RETURNS TABLE (id bigint, min_activity uuid, max_activity uuid, is_last boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    RETURN QUERY SELECT next.id, next.min_activity, next.max_activity, next.ready < 100 AND (next.ready = 1 OR next.all_rows <= 60000) FROM (
      SELECT first.id, first.min_activity, first.max_activity, row_number() OVER (ORDER BY first.id) AS number,
        sum(first.last_activity::numeric - first.first_activity) OVER (ORDER BY first.id) AS rows,
        sum(first.last_activity::numeric - first.first_activity) OVER () AS all_rows, count(*) OVER () AS ready
      FROM (SELECT * FROM tower_activity.batch AS b WHERE b.ordinal IS NULL ORDER BY b.id LIMIT 100) AS first) AS next
    WHERE next.number = 1 OR next.rows <= 60000 ORDER BY next.id;
  END IF;
END $$;

-- Gives batches that were counted their places in the order of all logs, and counts their rows. The caller has the lock since it began,
-- or waits for it. A server that begins to do so may lack the last batches that followers have read, as a standby that took over and a
-- database that was put back: it skips 100,000 places, and 1,000 for each second since it last gave one.
CREATE FUNCTION tower_activity.end_fold(ids bigint[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now_us bigint := extract(epoch FROM now()) * 1000000;
  last bigint;
  bounds uuid[];
  horizons uuid[];
BEGIN
  SELECT value INTO last FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE;
  IF tower_activity.server_run() <> (SELECT value FROM tower_activity.mark WHERE name = 'server') THEN
    last := last + 100000 + coalesce((SELECT least(greatest(now_us - value, 0) / 1000, 10000000000) FROM tower_activity.mark
      WHERE name = 'ordinal_at' AND value > 0), 0);
  END IF;
  ids := array(SELECT id FROM tower_activity.batch WHERE id = ANY(ids) AND ordinal IS NULL ORDER BY id);
  bounds := ARRAY[(SELECT min_activity FROM tower_activity.batch WHERE id = ANY(ids) ORDER BY min_activity LIMIT 1),
    (SELECT max_activity FROM tower_activity.batch WHERE id = ANY(ids) ORDER BY max_activity DESC NULLS LAST LIMIT 1),
    (SELECT min_event FROM tower_activity.batch WHERE id = ANY(ids) ORDER BY min_event LIMIT 1),
    (SELECT max_event FROM tower_activity.batch WHERE id = ANY(ids) ORDER BY max_event DESC NULLS LAST LIMIT 1)];
  -- Rows of days before a horizon are not expected: they may be deleted at any time.
  horizons := array(SELECT tower_activity.first_id(value) FROM (SELECT value FROM tower_activity.mark
    WHERE name IN ('activity_horizon', 'event_horizon') ORDER BY name FOR SHARE) AS marks);
  -- Planned for these bounds: it reads few partitions.
  EXECUTE 'UPDATE tower_activity.batch AS b SET ordinal = $2 + new.number, activities = coalesce(a.rows, 0), events = coalesce(e.rows, 0),
      min_activity = CASE WHEN $7 BETWEEN b.min_activity AND b.max_activity THEN $7 ELSE b.min_activity END,
      min_event = CASE WHEN $8 BETWEEN b.min_event AND b.max_event THEN $8 ELSE b.min_event END
    FROM unnest($1) WITH ORDINALITY AS new (id, number)
      LEFT JOIN (SELECT batch, count(*) AS rows FROM tower_activity.activity WHERE batch = ANY($1) AND id >= greatest($3, $7) AND id <= $4
        GROUP BY batch) AS a ON a.batch = new.id
      LEFT JOIN (SELECT batch, count(*) AS rows FROM tower_activity.event WHERE batch = ANY($1) AND id >= greatest($5, $8) AND id <= $6
        GROUP BY batch) AS e ON e.batch = new.id
    WHERE b.id = new.id' USING ids, last, bounds[1], bounds[2], bounds[3], bounds[4], horizons[1], horizons[2];
  UPDATE tower_activity.mark SET value = CASE name WHEN 'ordinal' THEN last + cardinality(ids) ELSE now_us END
    WHERE name IN ('ordinal', 'ordinal_at');
  UPDATE tower_activity.mark SET value = tower_activity.server_run() WHERE name = 'server';
END $$;

-- Erases what was accepted of activities before it was known that their actor had been erased: their events and recordings. Only of
-- a log that the caller holds.
CREATE FUNCTION tower_activity.erase_late(log_number integer, by_holder uuid, ids uuid[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  recordings uuid[];
BEGIN
  IF NOT EXISTS (SELECT FROM tower_activity.log WHERE number = log_number AND holder = by_holder) THEN
    RETURN;
  END IF;
  ids := array(SELECT a.id FROM tower_activity.activity AS a JOIN tower_activity.batch AS b ON b.id = a.batch
      WHERE a.id = ANY(ids) AND b.log = log_number AND a.actor IS NULL
    UNION SELECT o.id FROM tower_activity.open AS o WHERE o.id = ANY(ids) AND o.log = log_number AND o.actor IS NULL
      AND NOT EXISTS (SELECT FROM tower_activity.activity AS a WHERE a.id = o.id));
  -- A forwarder can list a running activity of another log as its own, and link recordings of others to it.
  recordings := array(SELECT DISTINCT l.recording FROM tower_activity.link AS l JOIN tower_activity.recording AS r ON r.id = l.recording
    WHERE l.activity = ANY(ids) AND r.log = log_number);
  INSERT INTO tower_activity.erased SELECT unnest(ids) UNION SELECT unnest(recordings) ON CONFLICT DO NOTHING;
  -- Searches compare what has no terms of its own.
  UPDATE tower_activity.event AS e SET actor = NULL, session = NULL, request = NULL, summary = NULL, data = NULL, reference = NULL,
    dedup_key = NULL, terms = '=w' FROM tower_activity.batch AS b WHERE e.activity = ANY(ids) AND b.id = e.batch AND b.log = log_number;
  DELETE FROM tower_activity.chunk WHERE recording = ANY(recordings);
  DELETE FROM tower_activity.recording WHERE id = ANY(recordings);
  DELETE FROM tower_activity.link WHERE recording = ANY(recordings);
END $$;

-- Returns the first day that limits keep: all of it is within the age, measured to an instant, and it and the later days take no more
-- bytes. Today is kept. NULL: there is no limit.
CREATE FUNCTION tower_activity.first_kept(kind text, age bigint, bytes bigint, now_us bigint) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(floor((now_us - age) / 86400000000.0)::bigint, CASE WHEN bytes IS NOT NULL THEN coalesce((
    SELECT max(day) + 1 FROM (
      SELECT day, sum(size) OVER (ORDER BY day DESC NULLS FIRST) AS total FROM (
        SELECT substring(relname FROM '^' || kind || '_([0-9]+)$')::bigint AS day, pg_total_relation_size(oid) AS size FROM pg_class
        WHERE relnamespace = 'tower_activity'::regnamespace AND relkind = 'r' AND relname ~ ('^' || kind || '_([0-9]+|ahead|early)$')
      ) AS days
    ) AS totals WHERE total > bytes AND day < now_us / 86400000000), 0) END)
$$;

-- Raises the first day that is kept. A batch that has records before and after it then begins with it, without the rows before it:
-- what is left is compared. Returns false if it was as high before.
CREATE FUNCTION tower_activity.raise_horizon(kind text, day bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first uuid := tower_activity.first_id(day);
BEGIN
  UPDATE tower_activity.mark SET value = day WHERE name = kind || '_horizon' AND value < day;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  -- One pass over the rows before it, however many batches claim to have some.
  EXECUTE format('WITH across AS MATERIALIZED (
      SELECT id, %2$I AS min FROM tower_activity.batch WHERE %2$I < $1 AND %3$I >= $1 AND ordinal IS NOT NULL),
    gone AS (SELECT a.batch, count(*) AS count FROM tower_activity.%4$I AS a JOIN across ON across.id = a.batch AND a.id >= across.min
      WHERE a.id >= (SELECT min(min::text)::uuid FROM across) AND a.id < $1 GROUP BY a.batch)
    UPDATE tower_activity.batch AS b SET %1$I = b.%1$I - coalesce(gone.count, 0), %2$I = $1
    FROM across LEFT JOIN gone ON gone.batch = across.id WHERE b.id = across.id',
    CASE kind WHEN 'event' THEN 'events' ELSE 'activities' END, 'min_' || kind, 'max_' || kind, kind) USING first;
  RETURN true;
END $$;

-- Applies the stored limits, one step at a time, by one caller at a time. Ages are measured from dates to the earlier of the server's
-- clock and the caller's: what one of them says deletes nothing. Returns the number of deleted rows and days. It waits for readers only
-- as long as others may wait behind it: while one has the table of a day open, the rows are deleted, and the table with a later step.
CREATE FUNCTION tower_activity.apply_retention(clock bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  now_us bigint := greatest(least((extract(epoch FROM now()) * 1000000)::bigint, clock), 0);
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
      BEGIN
        IF tower_activity.raise_horizon(kind, kept) THEN
          -- Days are dropped by the next step, when all intakes know that these are not kept.
          done := done + 1;
          CONTINUE;
        END IF;
      EXCEPTION WHEN lock_not_available THEN
        -- Batches are being counted: a later step raises it.
        CONTINUE;
      END;
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
  WITH past AS (
      SELECT b.id, b.log FROM (SELECT * FROM tower_activity.batch ORDER BY id LIMIT 1000) AS b,
        (SELECT tower_activity.first_id(value) AS id, to_timestamp(value * 86400) AS at FROM tower_activity.mark
          WHERE name = 'activity_horizon') AS a,
        (SELECT tower_activity.first_id(value) AS id, to_timestamp(value * 86400) AS at FROM tower_activity.mark
          WHERE name = 'event_horizon') AS e
      WHERE b.ordinal IS NOT NULL AND b.accepted_at < least(a.at, e.at)
        AND coalesce(b.max_activity < a.id, true) AND coalesce(b.max_event < e.id, true)),
    -- Logs that accept a batch now are left to a later step.
    free AS (SELECT number FROM tower_activity.log WHERE number IN (SELECT log FROM past) FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM tower_activity.batch AS b USING past, free WHERE b.id = past.id AND past.log = free.number RETURNING b.log)
  UPDATE tower_activity.log AS l SET batches = batches - g.count FROM (SELECT log, count(*) FROM gone GROUP BY log) AS g
  WHERE l.number = g.log;
  GET DIAGNOSTICS step = ROW_COUNT;
  RETURN done + step;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tower_activity FROM PUBLIC;
