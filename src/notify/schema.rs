//! The schema of the webhook file and its migrations.

use rusqlite::{Connection, TransactionBehavior};

/// The current version.
pub(super) const VERSION: u32 = 3;

/// The migration to each version. The first version was not numbered.
const MIGRATIONS: [&str; VERSION as usize] = [
    "
CREATE TABLE IF NOT EXISTS webhook (
  name      TEXT PRIMARY KEY,
  url       TEXT NOT NULL,
  what      TEXT NOT NULL,               -- JSON of What
  filter    TEXT NOT NULL,               -- the filter grammar
  secret    TEXT NOT NULL,
  reach     TEXT NOT NULL,               -- JSON of Reach
  seq       INTEGER NOT NULL,            -- everything up to here was sent, or not meant
  delivered INTEGER NOT NULL DEFAULT 0,
  trouble   TEXT,                        -- what went wrong last; NULL once something is taken again
  since     INTEGER                      -- since when, in microseconds since the Unix epoch
) STRICT;
CREATE TABLE IF NOT EXISTS dead_letter (
  webhook  TEXT NOT NULL,
  seq      INTEGER NOT NULL,             -- the record's place in the log, which has the rest
  id       TEXT NOT NULL,
  at       INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;",
    "
ALTER TABLE webhook ADD COLUMN delivered_at INTEGER; -- when something was taken last
ALTER TABLE webhook ADD COLUMN again_at INTEGER;     -- not sent to before then
ALTER TABLE webhook ADD COLUMN stopped_at INTEGER;   -- since when its receiver is gone for good",
    "
ALTER TABLE webhook ADD COLUMN log INTEGER NOT NULL DEFAULT 0; -- the number of the log that seq is a place of; 0: not known
CREATE TABLE letter (
  webhook  TEXT NOT NULL,
  id       TEXT NOT NULL,                -- of the record, which the log has
  seq      INTEGER NOT NULL,             -- its place in the log that it was in
  at       INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (webhook, id)
) STRICT, WITHOUT ROWID;
INSERT OR REPLACE INTO letter (webhook, id, seq, at, attempts, error)
  SELECT webhook, id, seq, at, attempts, error FROM dead_letter;
DROP TABLE dead_letter;
ALTER TABLE letter RENAME TO dead_letter;",
];

/// Migrates to the current version, and returns the version of the file, which is higher if a newer program wrote it. Safe
/// when several processes open the file at once.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<u32> {
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", (), |row| row.get::<_, u32>(0))
    };
    let found = version(connection)?;
    if found >= VERSION {
        return Ok(found);
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated it meanwhile.
    let found = version(&transaction)?;
    let missing = MIGRATIONS.iter().zip(1..=VERSION);
    for (migration, number) in missing.filter(|(_, number)| *number > found) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()?;
    Ok(found.max(VERSION))
}
