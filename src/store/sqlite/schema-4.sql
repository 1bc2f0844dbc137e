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
