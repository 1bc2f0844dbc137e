-- Schema 2: the file keeps its own ledger, retention and clock.

-- Ledger: rows that the transactions of an instance inserted, and how many of these were deleted on purpose (pruned,
-- or deleted by another program and accepted). `doctor` compares the difference with the actual rows.
-- commits: transactions of this instance.
-- wal_base: the sum of `commits` over all instances when the WAL was last restarted. A main file whose sum is smaller is
-- older than the WAL beside it.
ALTER TABLE instance ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN wal_base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN activities_added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN activities_removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN events_added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN events_removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN recordings_added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN recordings_removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN chunks_added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN chunks_removed INTEGER NOT NULL DEFAULT 0;

-- The log handle within the instance: all logs that a process opens on one file are one instance.
ALTER TABLE open ADD COLUMN handle INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recording ADD COLUMN handle INTEGER NOT NULL DEFAULT 0;

-- The ledger begins with the existing rows of schema 1.
UPDATE instance SET activities_added = found.rows
FROM (SELECT instance, count(*) AS rows FROM activity GROUP BY instance) AS found WHERE found.instance = instance.id;
UPDATE instance SET events_added = found.rows
FROM (SELECT instance, count(*) AS rows FROM event GROUP BY instance) AS found WHERE found.instance = instance.id;
UPDATE instance SET recordings_added = found.rows
FROM (SELECT instance, count(*) AS rows FROM recording GROUP BY instance) AS found WHERE found.instance = instance.id;
UPDATE instance SET chunks_added = found.rows
FROM (SELECT recording.instance, count(*) AS rows FROM chunk JOIN recording ON recording.seq = chunk.recording
      GROUP BY recording.instance) AS found WHERE found.instance = instance.id;

-- Checks: maintenance compares the ledger with the rows, a few thousand at a time: see maintenance/check.
-- kind: 0 activities, 1 events, 2 recordings, 3 chunks.
CREATE TABLE ledger_check (
  kind        INTEGER PRIMARY KEY,
  started_at  INTEGER NOT NULL,
  counted     INTEGER,            -- rows up to this seq are counted; NULL: the check has finished
  last        INTEGER NOT NULL,   -- the last seq that is counted: rows after it came later
  accept      INTEGER NOT NULL,   -- 1: what differs is written into the ledger at the end
  finished_at INTEGER,            -- of the last check that finished; NULL: none has
  missing     INTEGER NOT NULL,   -- what that found
  surplus     INTEGER NOT NULL,
  complete_at INTEGER             -- start of the last check that found every row
) STRICT;

-- Rows of each instance that the running check has yet to find. Negative: it has found more than the ledger has.
CREATE TABLE ledger_uncounted (
  kind     INTEGER NOT NULL,
  instance INTEGER NOT NULL,      -- 0: not known
  rows     INTEGER NOT NULL,
  PRIMARY KEY (kind, instance)
) STRICT, WITHOUT ROWID;

-- Changes by other programs that were accepted. Negative: rows that they inserted.
CREATE TABLE ledger_accepted (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  instance INTEGER NOT NULL,
  missing  INTEGER NOT NULL
) STRICT;

-- Sums before this quarter hour were deleted, and are not compared with their activities.
INSERT INTO mark (name, value)
SELECT 'sums_deleted', max(value) FROM mark WHERE name IN ('complete_from', 'sums_from') HAVING count(*) > 0;

-- A deduplication key is unique per type, project and actor; a missing project or actor counts as a value.
DROP INDEX event_dedup_key;
CREATE UNIQUE INDEX event_dedup_key ON event (dedup_key, type, coalesce(project, 0), coalesce(actor, 0))
  WHERE dedup_key IS NOT NULL;

-- Imported activities that got a new id, because the old one did not contain their start time. Later imports that refer to
-- the old id are changed to the new one.
CREATE TABLE renamed (
  old BLOB PRIMARY KEY,
  new BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Retention and clock.

-- Limits by kind: activities, events, previews, sums, recordings. A kind without a row has the default limit.
CREATE TABLE retention (
  kind   TEXT PRIMARY KEY,
  age_us INTEGER,                 -- NULL: no limit
  bytes  INTEGER                  -- NULL: no limit
) STRICT, WITHOUT ROWID;

-- The store's own clock, in microseconds: see store/clock.rs.
CREATE TABLE clock (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  now_us    INTEGER NOT NULL,
  wall_us   INTEGER NOT NULL,     -- what the wall clock showed at the last reading
  claim_us  INTEGER NOT NULL,     -- what a wall clock has shown, and the time since
  agreed_us INTEGER NOT NULL,     -- for how long nothing has contradicted that
  since_us  INTEGER NOT NULL      -- where the clock has to catch up, what was committed since is younger than it seemed
) STRICT;

-- Positions in commit order at instants of the store's clock.
CREATE TABLE place (
  id        INTEGER PRIMARY KEY,
  at_us     INTEGER NOT NULL,
  activity  INTEGER NOT NULL,     -- activity.seq
  event     INTEGER NOT NULL,     -- event.seq
  recording INTEGER NOT NULL      -- recording.seq
) STRICT;

-- Ranges of quarter hours since the Unix epoch with pruned activities: their sums cannot be recomputed, and are kept.
CREATE TABLE pruned (
  first INTEGER PRIMARY KEY,
  last  INTEGER NOT NULL
) STRICT;

-- The clock of a file of schema 1 starts at the newest instant that its instances recorded.
INSERT INTO clock (id, now_us, wall_us, claim_us, agreed_us, since_us)
SELECT 1, seen, seen, seen, 0, seen
FROM (SELECT min(max(max(started_at, coalesce(stopped_at, 0), coalesce(json_extract(accounting, '$.saved_at'), 0))),
                 CAST(unixepoch('subsec') * 1000000 AS INTEGER)) AS seen FROM instance) WHERE seen IS NOT NULL;
-- The commit times of its rows are unknown: their age is that of their dates.
INSERT INTO place (at_us, activity, event, recording)
SELECT 0, coalesce((SELECT max(seq) FROM activity), 0), coalesce((SELECT max(seq) FROM event), 0),
       coalesce((SELECT max(seq) FROM recording), 0) FROM clock;

-- Schema 1 stored the instant since which nothing was pruned, and also advanced it when only sums were pruned. Pruned
-- activities are older than the oldest remaining one; the newest is never pruned.
INSERT INTO pruned (first, last)
SELECT 0, min(value, oldest + 1) - 1
FROM (SELECT value, coalesce((SELECT started_at / 900000000 FROM activity WHERE seq < (SELECT max(seq) FROM activity)
                              ORDER BY id LIMIT 1), value) AS oldest
      FROM mark WHERE name = 'complete_from')
WHERE value > 0 AND (SELECT count(*) FROM activity) < (SELECT coalesce(sum(
  coalesce(json_extract(accounting, '$.committed'), 0) + coalesce(json_extract(accounting, '$.abandoned'), 0)), 0) FROM instance);
DELETE FROM mark WHERE name IN ('complete_from', 'sums_from');
