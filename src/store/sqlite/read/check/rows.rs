//! Counts the rows of each instance.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::{
    RowKind,
    sqlite::{columns::unsigned, write::ledger},
};

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 100_000;

// From the tables themselves: a damaged index may have another count.
const ACTIVITIES: &str = "SELECT instance, 1 FROM activity NOT INDEXED";
const EVENTS: &str = "SELECT instance, 1 FROM event NOT INDEXED";
const RECORDINGS: &str = "SELECT instance, 1 FROM recording NOT INDEXED";
const CHUNKS: &str = "SELECT r.instance, c.rows FROM \
     (SELECT recording, count(*) AS rows FROM chunk GROUP BY recording) AS c \
     LEFT JOIN recording AS r ON r.seq = c.recording";
const EXPECTED: &str = "SELECT coalesce(sum(activities_added - activities_removed + events_added - events_removed), 0) \
     FROM instance";

/// Numbers of rows of one instance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowCounts {
    pub(super) activities: u64,
    pub(super) events: u64,
    pub(super) recordings: u64,
    pub(super) chunks: u64,
}

/// Counts all rows, keyed by the row id of the instance.
pub(super) fn count(
    connection: &Connection,
    progress: &mut dyn FnMut(f64),
) -> rusqlite::Result<HashMap<i64, RowCounts>> {
    let all: i64 = connection.query_row(EXPECTED, (), |row| row.get(0))?;
    let (mut found, mut done) = (HashMap::<i64, RowCounts>::new(), 0);
    for kind in RowKind::ALL {
        let (sql, field): (_, fn(&mut RowCounts) -> &mut u64) = match kind {
            RowKind::Activity => (ACTIVITIES, |found| &mut found.activities),
            RowKind::Event => (EVENTS, |found| &mut found.events),
            RowKind::Recording => (RECORDINGS, |found| &mut found.recordings),
            RowKind::Chunk => (CHUNKS, |found| &mut found.chunks),
        };
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let instance: Option<i64> = row.get(0)?;
            let count: i64 = row.get(1)?;
            let found = found.entry(instance.unwrap_or(ledger::UNKNOWN_INSTANCE));
            *field(found.or_default()) += unsigned(count);
            done += 1;
            if done % REPORT_EVERY == 0 {
                progress((done as f64 / all.max(1) as f64).min(1.0));
            }
        }
    }
    Ok(found)
}
