//! The ledger: how many rows each instance has inserted, and how many of them were deleted on purpose.
//!
//! Rows are deleted only here, so that every deletion is counted. A running check of the ledger is adjusted as well: see
//! `maintenance/check`.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    record::{ActivityId, InstanceId},
    store::{
        RowKind,
        sqlite::{
            columns::{signed, unsigned},
            last_seqs::LastSeqs,
            meta::MetaKey,
            open::{
                lock,
                lock_counts::{CommitCounts, TotalCounts},
            },
        },
    },
};

/// The row id of the unknown instance: that of a chunk without its recording.
pub(crate) const UNKNOWN_INSTANCE: i64 = 0;

const UNDER_WAY: &str =
    "SELECT counted, last FROM ledger_check WHERE kind = ?1 AND counted IS NOT NULL";
const UNCOUNT: &str = "INSERT INTO ledger_uncounted (kind, instance, rows) VALUES (?1, ?2, -?3) \
     ON CONFLICT (kind, instance) DO UPDATE SET rows = rows + excluded.rows";
const END_AT: &str = "UPDATE ledger_check SET last = min(last, ?2) WHERE kind = ?1";
const ADDED: &str = "SELECT commits, activities_added, events_added, recordings_added, chunks_added \
     FROM instance WHERE uuid = ?1";
const ADD: &str = "UPDATE instance SET activities_added = activities_added + ?2, events_added = events_added + ?3, \
     recordings_added = recordings_added + ?4, chunks_added = chunks_added + ?5 WHERE id = ?1";
const TOTAL: &str = "SELECT sum(commits), sum(activities_added), sum(events_added), sum(recordings_added), \
       sum(chunks_added), (SELECT uuid FROM instance WHERE id > 0 ORDER BY id LIMIT 1), \
       coalesce((SELECT value FROM mark WHERE name = 'file'), 0) FROM instance HAVING max(id) > 0";
const ROWS: &str = "SELECT 0, coalesce(sum(activities_added - activities_removed), 0), \
       coalesce(sum(events_added - events_removed), 0), coalesce(sum(recordings_added - recordings_removed), 0), \
       coalesce(sum(chunks_added - chunks_removed), 0) FROM instance";
const ADOPT: &str = "INSERT INTO instance (uuid, host, pid, started_at, commits, activities_added, events_added, \
                       recordings_added, chunks_added) VALUES (?1, '(unknown)', 0, ?2, ?3, ?4, ?5, ?6, ?7) \
     ON CONFLICT (uuid) DO UPDATE SET commits = max(commits, excluded.commits), \
       activities_added = max(activities_added, excluded.activities_added), \
       events_added = max(events_added, excluded.events_added), \
       recordings_added = max(recordings_added, excluded.recordings_added), \
       chunks_added = max(chunks_added, excluded.chunks_added)";
const ADD_UNKNOWN: &str = "INSERT INTO instance (id, uuid, host, pid, started_at, stopped_at) \
     VALUES (?1, ?2, '(unknown)', 0, ?3, ?3) ON CONFLICT (id) DO NOTHING";
const RECORD: &str =
    "INSERT INTO ledger_accepted (at, kind, instance, missing) VALUES (?1, ?2, ?3, ?4)";

/// The ledger's statements for one kind of row.
pub(crate) struct Statements {
    /// The kind's code in the tables.
    pub(crate) kind: i64,
    /// Deletes a row by its seq and returns its instance.
    delete: &'static str,

    /// Of the rows after ?1 and up to ?2, at most ?3: how many each instance has, and the last seq of these.
    pub(crate) some: &'static str,
    /// Starts a check with the number of rows that each instance should have.
    pub(crate) begin: &'static str,
    /// Counts ?2 rows of instance ?1 as deleted on purpose.
    remove: &'static str,
}

const ACTIVITIES: Statements = Statements {
    kind: 0,
    delete: "DELETE FROM activity WHERE seq = ?1 RETURNING instance",

    some: "SELECT instance, count(*), max(seq) FROM (SELECT seq, instance FROM activity NOT INDEXED \
           WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3) GROUP BY instance",
    begin: "INSERT INTO ledger_uncounted (kind, instance, rows) SELECT ?1, id, activities_added - activities_removed \
            FROM instance WHERE activities_added <> activities_removed",
    remove: "UPDATE instance SET activities_removed = activities_removed + ?2 WHERE id = ?1",
};
const EVENTS: Statements = Statements {
    kind: 1,
    delete: "DELETE FROM event WHERE seq = ?1 RETURNING instance",

    some: "SELECT instance, count(*), max(seq) FROM (SELECT seq, instance FROM event NOT INDEXED \
           WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3) GROUP BY instance",
    begin: "INSERT INTO ledger_uncounted (kind, instance, rows) SELECT ?1, id, events_added - events_removed \
            FROM instance WHERE events_added <> events_removed",
    remove: "UPDATE instance SET events_removed = events_removed + ?2 WHERE id = ?1",
};
const RECORDINGS: Statements = Statements {
    kind: 2,
    delete: "DELETE FROM recording WHERE seq = ?1 RETURNING instance",

    some: "SELECT instance, count(*), max(seq) FROM (SELECT seq, instance FROM recording NOT INDEXED \
           WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3) GROUP BY instance",
    begin: "INSERT INTO ledger_uncounted (kind, instance, rows) SELECT ?1, id, recordings_added - recordings_removed \
            FROM instance WHERE recordings_added <> recordings_removed",
    remove: "UPDATE instance SET recordings_removed = recordings_removed + ?2 WHERE id = ?1",
};
const CHUNKS: Statements = Statements {
    kind: 3,
    delete: "DELETE FROM chunk WHERE seq = ?1 \
             RETURNING coalesce((SELECT r.instance FROM recording AS r WHERE r.seq = chunk.recording), 0)",

    some: "SELECT coalesce(r.instance, 0), count(*), max(c.seq) FROM (SELECT seq, recording FROM chunk NOT INDEXED \
           WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3) AS c \
           LEFT JOIN recording AS r ON r.seq = c.recording GROUP BY 1",
    begin: "INSERT INTO ledger_uncounted (kind, instance, rows) SELECT ?1, id, chunks_added - chunks_removed \
            FROM instance WHERE chunks_added <> chunks_removed",
    remove: "UPDATE instance SET chunks_removed = chunks_removed + ?2 WHERE id = ?1",
};

/// Returns the statements for this kind of row.
pub(crate) const fn statements(kind: RowKind) -> &'static Statements {
    match kind {
        RowKind::Activity => &ACTIVITIES,
        RowKind::Event => &EVENTS,
        RowKind::Recording => &RECORDINGS,
        RowKind::Chunk => &CHUNKS,
    }
}

/// Deletes rows by seq and counts them as deleted on purpose. Returns how many there were.
pub(crate) fn delete(
    connection: &Connection,
    kind: RowKind,
    seqs: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<u64> {
    let ledger = statements(kind);
    let under_way: Option<(i64, i64)> = connection
        .prepare_cached(UNDER_WAY)?
        .query_row([ledger.kind], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let still_to_count =
        |seq| under_way.is_some_and(|(counted, last)| counted < seq && seq <= last);
    // By instance: all deleted rows, and those that a running check has not counted yet.
    let mut removed = BTreeMap::<i64, (u64, i64)>::new();
    let mut delete = connection.prepare_cached(ledger.delete)?;
    for seq in seqs {
        let instance = delete.query_row([seq], |row| row.get(0)).optional()?;
        if let Some(instance) = instance {
            let (all, uncounted) = removed.entry(instance).or_default();
            *all += 1;
            *uncounted += i64::from(still_to_count(seq));
        }
    }
    for (instance, (all, uncounted)) in &removed {
        let mut remove = connection.prepare_cached(ledger.remove)?;
        remove.execute([*instance, signed(*all)])?;
        if *uncounted > 0 {
            let mut uncount = connection.prepare_cached(UNCOUNT)?;
            uncount.execute([ledger.kind, *instance, *uncounted])?;
        }
    }
    if under_way.is_some() {
        // If the newest rows were deleted, rows inserted after the check started get their seqs.
        let newest = LastSeqs::read(connection)?.of_rows(kind);
        connection
            .prepare_cached(END_AT)?
            .execute([ledger.kind, newest])?;
    }
    Ok(removed.values().map(|(all, _)| all).sum())
}

/// Returns the lock-file counts that exceed the ledger.
pub(crate) fn unknown_counts(
    connection: &Connection,
    store: &Path,
) -> rusqlite::Result<Vec<(InstanceId, CommitCounts)>> {
    let mut unknown = Vec::new();
    for (id, committed) in CommitCounts::read_all(&lock::folder(store)) {
        let known = added(connection, id)?;
        if known.is_none_or(|known| !known.covers(&committed)) {
            unknown.push((id, committed));
        }
    }
    Ok(unknown)
}

/// Raises the ledger to these lock-file counts: rows lost with a WAL are then missing by the database's own ledger. To be
/// called before the lock files of dead instances are removed.
pub(crate) fn adopt_counts(
    connection: &Connection,
    unknown: &[(InstanceId, CommitCounts)],
) -> rusqlite::Result<()> {
    let mut adopt = connection.prepare_cached(ADOPT)?;
    for (id, committed) in unknown {
        adopt.execute(params![
            id.as_bytes(),
            ActivityId::from_bytes(*id.as_bytes()).started_at_us(),
            signed(committed.commits),
            signed(committed.activities),
            signed(committed.events),
            signed(committed.recordings),
            signed(committed.chunks)
        ])?;
    }
    Ok(())
}

/// Sums up what all instances have added; `None` without any instance.
pub(crate) fn total(connection: &Connection) -> rusqlite::Result<Option<TotalCounts>> {
    let mut total = connection.prepare_cached(TOTAL)?;
    let total = total.query_row((), |row| {
        Ok(TotalCounts {
            first: InstanceId::from_bytes(row.get(5)?),
            file: row.get(6)?,
            committed: committed(row)?,
        })
    });
    total.optional()
}

/// Returns how many rows there should be, by what all instances have added and removed.
pub(crate) fn row_counts(connection: &Connection) -> rusqlite::Result<CommitCounts> {
    let mut rows = connection.prepare_cached(ROWS)?;
    rows.query_row((), committed)
}

/// Returns the file's own number, which its copies share, and gives it one if it has none: the `known` number of a file that
/// lost it with its WAL, or a random one if that is 0.
pub(super) fn file_number(connection: &Connection, known: i64) -> rusqlite::Result<i64> {
    if let Some(number) = MetaKey::FileNumber.get(connection)? {
        return Ok(number);
    }
    let number = match known {
        0 => fastrand::i64(1..),
        known => known,
    };
    MetaKey::FileNumber.insert_if_absent(connection, number)?;
    Ok(MetaKey::FileNumber.get(connection)?.unwrap_or_default())
}

/// Writes what all instances have added into the file beside the store. If that fails, the next total replaces it.
pub(super) fn write_total(total: &TotalCounts, store: &Path) {
    let folder = lock::folder(store);
    if TotalCounts::read(&folder).as_ref() != Some(total) {
        // Without it fewer missing rows are noticed; recording continues.
        let _ = total.write(&folder);
    }
}

/// Counts rows as missing whose instance is no longer known.
pub(super) fn add_missing(
    connection: &Connection,
    missing: &CommitCounts,
    at_us: i64,
) -> rusqlite::Result<()> {
    add_unknown(connection, UNKNOWN_INSTANCE, at_us)?;
    add(connection, UNKNOWN_INSTANCE, missing)
}

/// Returns true for the first caller only: the one that counts the rows missing from the file with this number.
pub(super) fn claim_missing(connection: &Connection, of: i64) -> rusqlite::Result<bool> {
    MetaKey::MissingCountedOf(of).insert_if_absent(connection, of)
}

/// Counts rows that were inserted for an instance.
pub(crate) fn add(
    connection: &Connection,
    instance: i64,
    added: &CommitCounts,
) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(ADD)?;
    add.execute(params![
        instance,
        signed(added.activities),
        signed(added.events),
        signed(added.recordings),
        signed(added.chunks)
    ])
    .map(drop)
}

/// Returns what an instance has added; `None` if the database does not know the instance.
pub(crate) fn added(
    connection: &Connection,
    id: InstanceId,
) -> rusqlite::Result<Option<CommitCounts>> {
    let mut added = connection.prepare_cached(ADDED)?;
    added.query_row([id.as_bytes()], committed).optional()
}

fn committed(row: &Row<'_>) -> rusqlite::Result<CommitCounts> {
    Ok(CommitCounts {
        commits: number(row, 0)?,
        activities: number(row, 1)?,
        events: number(row, 2)?,
        recordings: number(row, 3)?,
        chunks: number(row, 4)?,
        ..CommitCounts::default()
    })
}

/// Accepts a difference into the ledger: rows of an instance that another program deleted, or inserted if negative.
pub(crate) fn accept(
    connection: &Connection,
    kind: RowKind,
    instance: i64,
    missing: i64,
    at_us: i64,
) -> rusqlite::Result<()> {
    let ledger = statements(kind);
    add_unknown(connection, instance, at_us)?;
    connection.execute(ledger.remove, [instance, missing])?;
    connection
        .execute(RECORD, [at_us, ledger.kind, instance, missing])
        .map(drop)
}

/// Inserts a row for an instance that the database does not know.
fn add_unknown(connection: &Connection, instance: i64, at_us: i64) -> rusqlite::Result<()> {
    let id = InstanceId::from_parts(at_us, fastrand::u64(..));
    let mut add = connection.prepare_cached(ADD_UNKNOWN)?;
    add.execute(params![instance, id.as_bytes(), at_us])
        .map(drop)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(unsigned(row.get::<_, i64>(column)?))
}
