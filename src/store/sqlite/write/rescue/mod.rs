//! Copies rows from replaced files into the store, by id.
//!
//! The obvious way, a checkpoint through the old connection, would overwrite what other programs have written since into the
//! file that is now at the path.

mod table;

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, Transaction, params, params_from_iter, types::Value};

use self::table::{
    ACTIVITIES, CHUNKS, CONTINUED, ColumnKind, EVENTS, INSTANCES, LEDGER, LINKS, MISSING, OPEN,
    PREVIEWS, RECORDINGS, RENAMED, RETENTION, Table,
};
use super::ledger;
use crate::{
    error::{Error, Result},
    record::Status,
    store::{
        codes::Code,
        sqlite::{
            columns::{ADD_TEXT, folded, unsigned},
            last_seqs::LastSeqs,
            open::lock_counts::CommitCounts,
        },
        sums::{BucketRow, Buckets},
    },
};

/// Rows of one table that one step copies.
const STEP: i64 = 1_000;
/// So many recordings before the last checkpointed one are copied again: they may have ended since.
const EARLIER_RECORDINGS: i64 = 1_000;

/// The rows that the main file has for certain, without its WAL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CheckpointedRows {
    last: LastSeqs,
    /// Number of rows, by the ledger.
    counts: CommitCounts,
}

impl CheckpointedRows {
    /// Reads what a complete checkpoint would put into the main file now.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let snapshot = connection.unchecked_transaction()?;
        Ok(CheckpointedRows {
            last: LastSeqs::read(&snapshot)?,
            counts: ledger::row_counts(&snapshot)?,
        })
    }

    /// Counts the rows that were committed after these and that another client has deleted since.
    pub(super) fn missing_after(&self, connection: &Connection) -> rusqlite::Result<CommitCounts> {
        // One snapshot for all counts.
        let connection = connection.unchecked_transaction()?;
        let count = |table: &str, after: i64| {
            let sql = format!("SELECT count(*) FROM {table} WHERE seq > ?1");
            connection.query_row(&sql, [after], |row| row.get::<_, i64>(0))
        };
        let found = CommitCounts {
            activities: count("activity", self.last.activity)?.cast_unsigned(),
            events: count("event", self.last.event)?.cast_unsigned(),
            recordings: count("recording", self.last.recording)?.cast_unsigned(),
            chunks: count("chunk", self.last.chunk)?.cast_unsigned(),
            ..CommitCounts::default()
        };
        Ok(ledger::row_counts(&connection)?
            .saturating_sub(&self.counts)
            .saturating_sub(&found))
    }
}

/// Rows of one table, with the values of its columns.
#[derive(Debug)]
pub(super) struct TableRows {
    table: &'static Table,
    rows: Vec<Vec<Value>>,
}

/// Which rows of a file are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extent {
    /// Those after the checkpointed ones.
    After(CheckpointedRows),
    /// All, and the ledger.
    All {
        /// They are written into another state of the same file.
        same_file: bool,
    },
}

/// Reads rows a step at a time, in an order in which they can be written.
pub(super) fn read(
    connection: &Connection,
    part: Extent,
    take: &mut dyn FnMut(Vec<TableRows>) -> Result<()>,
    failed: &dyn Fn(rusqlite::Error) -> Error,
) -> Result<()> {
    let (from, ledger) = match part {
        Extent::After(rows) => (rows.last, None),
        Extent::All { same_file: true } => (LastSeqs::default(), Some(&LEDGER)),
        Extent::All { same_file: false } => (LastSeqs::default(), Some(&MISSING)),
    };
    let earlier = (from.recording - EARLIER_RECORDINGS).max(0);
    let groups: [(&[&'static Table], i64); 4] = [
        (&[&RECORDINGS, &LINKS], earlier),
        (&[&CHUNKS], from.chunk),
        (&[&ACTIVITIES, &PREVIEWS], from.activity),
        (&[&EVENTS], from.event),
    ];
    let mut instances = BTreeSet::new();
    let mut step = |rows: Vec<TableRows>| -> Result<()> {
        let new = new_instances(connection, &rows, &mut instances).map_err(failed)?;
        take([new, rows].into_iter().flatten().collect())
    };
    let all = |table: &'static Table, after| table.read(connection, &Value::from(after));
    step(vec![
        all(&RETENTION, 0).map_err(failed)?,
        all(&RENAMED, 0).map_err(failed)?,
        all(&CONTINUED, from.chunk).map_err(failed)?,
    ])?;
    for (tables, mut after) in groups {
        while let Some(last) = last(connection, tables[0], after).map_err(failed)? {
            let read = |table: &&'static Table| table.read(connection, &Value::from(after));
            let rows: rusqlite::Result<Vec<_>> = tables.iter().map(read).collect();
            step(rows.map_err(failed)?)?;
            after = last;
        }
    }
    let mut last = vec![all(&OPEN, 0).map_err(failed)?];
    if let Some(ledger) = ledger {
        last.push(all(ledger, 0).map_err(failed)?);
    }
    step(last)
}

/// Result of writing rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    /// How many rows were new.
    pub(super) count: u64,
    /// A record did not get the seq that it was meant to have: another record has it.
    pub(super) renumbered: bool,
}

/// Writes the rows that are new, and updates sums and ledger. Adds the table's offset to each seq.
pub(super) fn write(
    transaction: &Transaction<'_>,
    buckets: &mut Buckets,
    rows: &[TableRows],
    offset: &dyn Fn(&str) -> i64,
) -> rusqlite::Result<Written> {
    let mut added = HashMap::<i64, CommitCounts>::new();
    let mut done = Written::default();
    for TableRows { table, rows } in rows {
        let mut insert = transaction.prepare_cached(&table.insert())?;
        for row in rows {
            for ((_, kind), value) in table.columns.iter().zip(row) {
                if let (ColumnKind::Text, Value::Text(text)) = (kind, value) {
                    let mut add = transaction.prepare_cached(ADD_TEXT)?;
                    add.execute(params![text, folded(text)])?;
                }
            }
            // An existing recording may be updated: that row is not new.
            let is_known = table.name == "recording" && is_recorded(transaction, row)?;
            if insert.execute(params_from_iter(table.bind_values(row, offset)))? > 0 && !is_known {
                let new = transaction.last_insert_rowid();
                done.count += written(transaction, table.name, new, buckets, &mut added)?;
                done.renumbered |= table.seq(row, offset).is_some_and(|seq| seq != new);
            }
        }
    }
    for (instance, added) in &added {
        ledger::add(transaction, *instance, added)?;
    }
    Ok(done)
}

/// Returns true if the recording is in the table.
fn is_recorded(transaction: &Transaction<'_>, row: &[Value]) -> rusqlite::Result<bool> {
    const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM recording WHERE id = ?1)";
    let mut known = transaction.prepare_cached(KNOWN)?;
    known.query_row([row.first()], |row| row.get(0))
}

/// Counts an inserted row, if its table is counted.
fn written(
    transaction: &Transaction<'_>,
    table: &str,
    seq: i64,
    buckets: &mut Buckets,
    added: &mut HashMap<i64, CommitCounts>,
) -> rusqlite::Result<u64> {
    const ACTIVITY: &str = "SELECT instance, started_at, status, duration_ns, name, project, brand FROM activity \
         WHERE seq = ?1";
    const UNLIST: &str = "DELETE FROM open WHERE id = (SELECT id FROM activity WHERE seq = ?1)";
    const EVENT: &str = "SELECT instance FROM event WHERE seq = ?1";
    const RECORDING: &str = "SELECT instance FROM recording WHERE seq = ?1";
    const CHUNK: &str =
        "SELECT instance FROM recording WHERE seq = (SELECT recording FROM chunk WHERE seq = ?1)";

    let instance = |sql| {
        let mut select = transaction.prepare_cached(sql)?;
        select.query_row([seq], |row| row.get(0))
    };
    match table {
        "activity" => {
            let mut select = transaction.prepare_cached(ACTIVITY)?;
            let (instance, fold) = select.query_row([seq], |row| {
                let duration_ns: Option<i64> = row.get(3)?;
                let fold = BucketRow {
                    started_at_us: row.get(1)?,
                    status: status(row.get(2)?),
                    duration_ns: duration_ns.map(unsigned),
                    name: row.get(4)?,
                    project: row.get(5)?,
                    brand: row.get(6)?,
                };
                Ok((row.get(0)?, fold))
            })?;
            buckets.add(fold);
            transaction.prepare_cached(UNLIST)?.execute([seq])?;
            added.entry(instance).or_default().activities += 1;
        }
        "event" => added.entry(instance(EVENT)?).or_default().events += 1,
        "recording" => added.entry(instance(RECORDING)?).or_default().recordings += 1,
        "chunk" => added.entry(instance(CHUNK)?).or_default().chunks += 1,
        _ => return Ok(0),
    }
    Ok(1)
}

fn status(number: i64) -> Status {
    // An unknown code counts as the least specific status.
    Status::from_code(number).unwrap_or(Status::Abandoned)
}

/// Returns the last seq of a table's next step; `None` if no row is left.
fn last(connection: &Connection, table: &Table, after: i64) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT max(seq) FROM (SELECT seq FROM {} WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
        table.name
    );
    let mut last = connection.prepare_cached(&sql)?;
    last.query_row([after, STEP], |row| row.get(0))
}

/// Reads the instances that these rows refer to and that were not `met` before.
fn new_instances(
    connection: &Connection,
    rows: &[TableRows],
    met: &mut BTreeSet<Vec<u8>>,
) -> rusqlite::Result<Vec<TableRows>> {
    let mut new = Vec::new();
    for TableRows { table, rows } in rows {
        let column = table
            .columns
            .iter()
            .position(|(_, kind)| *kind == ColumnKind::Instance);
        let named = column.into_iter().flat_map(|column| {
            let values = rows.iter().map(move |row| &row[column]);
            values.filter_map(|value| match value {
                Value::Blob(uuid) => Some(uuid),
                _ => None,
            })
        });
        for uuid in named {
            if met.insert(uuid.clone()) {
                new.push(INSTANCES.read(connection, &Value::Blob(uuid.clone()))?);
            }
        }
    }
    Ok(new)
}
