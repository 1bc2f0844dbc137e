-- Schema 4: lists of roots and of unsuccessful activities, and groups of failures.

-- Roots, to skip their descendants in a list.
CREATE INDEX activity_top ON activity (id) WHERE parent IS NULL;
CREATE INDEX activity_unsuccessful ON activity (status, id) WHERE status > 1;
-- With the status, so that a tree's activities are counted by status, and its failures found, without reading the others.
DROP INDEX IF EXISTS activity_root;
CREATE INDEX activity_root ON activity (root, status) WHERE root IS NOT NULL;

-- Failed activities of a quarter hour by fingerprint: see record/fingerprint.rs. Without any text of a message, which is read
-- from the example, so that erasing it is enough. Derived, up to grouped_failures.
CREATE TABLE failure (
  quarter     INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,   -- 0: those beyond the largest number of fingerprints
  name        INTEGER,            -- text.id; NULL: several
  error_type  TEXT,
  count       INTEGER NOT NULL,
  first       BLOB NOT NULL,      -- activity.id of the first
  example     BLOB NOT NULL,      -- activity.id of the last
  PRIMARY KEY (quarter, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX failure_fingerprint ON failure (fingerprint, quarter);

-- What was pruned before was never grouped.
INSERT INTO mark (name, value)
SELECT 'ungrouped_pruned', last + 1 FROM pruned ORDER BY last DESC LIMIT 1;

-- Central stores that this file is forwarded to: see forward/.
CREATE TABLE target (
  name      TEXT PRIMARY KEY,       -- the address, without a password
  log       BLOB NOT NULL,          -- the log's id there: random
  -- Acknowledged: the last places in commit order.
  activity  INTEGER NOT NULL,
  event     INTEGER NOT NULL,
  chunk     INTEGER NOT NULL,
  batch     BLOB,                   -- the batch that ends there: a random id; NULL: none
  -- The end of the batch that was cut and is not acknowledged yet.
  to_activity INTEGER NOT NULL,
  to_event    INTEGER NOT NULL,
  to_chunk    INTEGER NOT NULL,
  to_batch    BLOB,
  recording INTEGER NOT NULL,       -- recording.seq: those up to it have ended, and were forwarded with their ends
  keep_us   INTEGER,                -- older records that were acknowledged are deleted; NULL: retention alone decides
  lost      INTEGER NOT NULL DEFAULT 0, -- rows that were deleted before they were acknowledged
  error     TEXT,                   -- since the last acknowledged batch
  error_at  INTEGER                 -- of the first such error
) STRICT, WITHOUT ROWID;
