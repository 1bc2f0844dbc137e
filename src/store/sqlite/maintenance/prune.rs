//! Pruning: deletes what retention does not keep, the oldest first, in short transactions.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, Transaction, params};

use super::{
    counted::{self, CountedRows},
    cutoff::{self, Cutoff, Cutoffs},
    recordings,
    search::{self, RowKey},
    size::{self, Size},
    target,
};
use crate::{
    record::ActivityId,
    store::{
        PruneCounts, RowKind,
        codes::{Code, SumScope},
        sqlite::{
            columns::{signed, unsigned},
            meta::MetaKey,
            write::{
                ledger,
                sums::{failures, hours},
            },
        },
        sums::{delete_quarters, quarter_of},
    },
};

/// Rows of one kind per step: a few milliseconds, in which other connections cannot write.
const STEP: i64 = 200;
/// As a `LIMIT`: none.
const NO_LIMIT: i64 = -1;

/// The queries that select rows of one kind to delete, each as seq and id.
struct Prunable {
    /// Rows that started before ?1, the oldest first.
    by_date: &'static str,
    /// Rows committed up to ?1 that started before ?2 or from ?3 on, in commit order.
    by_commit: &'static str,
    /// Rows committed up to ?1, in commit order.
    by_size: &'static str,
    size: Size,
    /// What counts the bytes of rows after the commit; `None`: they are counted on commit.
    counted: Option<&'static CountedRows>,
}

// The row with the highest seq stays: SQLite would give its number to the next row, which followers would miss.
const ACTIVITIES: Prunable = Prunable {
    by_date: "SELECT seq, id FROM activity INDEXED BY activity_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM activity) ORDER BY id LIMIT ?2",
    by_commit: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM activity) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM activity) \
         ORDER BY seq LIMIT ?2",
    size: size::ACTIVITIES,
    counted: Some(&counted::ACTIVITIES),
};
const EVENTS: Prunable = Prunable {
    by_date: "SELECT seq, id FROM event INDEXED BY event_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY id LIMIT ?2",
    by_commit: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM event) \
         ORDER BY seq LIMIT ?2",
    size: size::EVENTS,
    counted: Some(&counted::EVENTS),
};
const PREVIEWS: Prunable = Prunable {
    by_date: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE a.id < ?1 ORDER BY p.activity LIMIT ?2",
    by_commit: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 AND (a.id < ?2 OR a.id >= ?3) ORDER BY p.activity LIMIT ?4",
    by_size: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 ORDER BY p.activity LIMIT ?2",
    size: size::PREVIEWS,
    counted: Some(&counted::ACTIVITIES),
};
const RECORDINGS: Prunable = Prunable {
    by_date: "SELECT seq, id FROM recording WHERE id < ?1 AND status <> 0 ORDER BY id LIMIT ?2",
    by_commit: "SELECT seq, id FROM recording WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) AND status <> 0 \
         ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM recording WHERE seq <= ?1 AND status <> 0 ORDER BY seq LIMIT ?2",
    size: size::RECORDINGS,
    counted: None,
};

const DELETE_PREVIEW: &str = "DELETE FROM preview WHERE activity = ?1";
/// Counts the sums before a quarter hour: buckets, and groups of failures.
const COUNT_SUMS: &str = "SELECT (SELECT count(*) FROM bucket WHERE quarter < ?1) \
     + (SELECT count(*) FROM failure WHERE quarter < ?1)";
const NTH_SUM: &str = "SELECT quarter FROM bucket UNION ALL SELECT quarter FROM failure ORDER BY quarter LIMIT 1 OFFSET ?1";
const ANY_OLD_SUMS: &str = "SELECT EXISTS (SELECT 1 FROM bucket WHERE quarter < ?1) \
     OR EXISTS (SELECT 1 FROM failure WHERE quarter < ?1)";
const DELETE_SUMS: &str = "DELETE FROM bucket WHERE (scope, scope_id, quarter) IN \
     (SELECT scope, scope_id, quarter FROM bucket WHERE quarter < ?1 ORDER BY quarter LIMIT ?2) \
     RETURNING scope, scope_id, quarter";

/// The ranges that contain a quarter hour or are adjacent to it: they are merged with it.
const TAKE_ADJACENT: &str =
    "DELETE FROM pruned WHERE first <= ?1 + 1 AND last >= ?1 - 1 RETURNING first, last";
const INSERT_RANGE: &str = "INSERT INTO pruned (first, last) VALUES (?1, ?2)";

/// Counts what all steps together would delete.
pub(super) fn count(connection: &Connection, cutoffs: &Cutoffs) -> rusqlite::Result<PruneCounts> {
    let nothing = HashSet::new();
    let count = |rows: &Prunable, cutoff: &Cutoff, gone: &HashSet<i64>| {
        rows.select_except(connection, cutoff, NO_LIMIT, gone)
    };
    let activities = count(&ACTIVITIES, &cutoffs.activities, &nothing)?;
    let gone = activities.iter().map(|(seq, _)| *seq).collect();
    let sums = match sums_from(connection, &cutoffs.sums)? {
        None => 0,
        Some(first) => connection.query_row(COUNT_SUMS, [first], |row| row.get(0))?,
    };
    let recordings = count(&RECORDINGS, &cutoffs.recordings, &nothing)?;
    let mut recordings: BTreeSet<i64> = recordings.into_iter().map(|(seq, _)| seq).collect();
    recordings.extend(recordings::half_deleted(connection)?);
    let chunks = recordings
        .iter()
        .map(|seq| recordings::chunks(connection, *seq))
        .sum::<rusqlite::Result<_>>()?;
    Ok(PruneCounts {
        activities: activities.len() as u64,
        events: count(&EVENTS, &cutoffs.events, &nothing)?.len() as u64,
        previews: count(&PREVIEWS, &cutoffs.previews, &gone)?.len() as u64,
        sums: unsigned(sums),
        recordings: recordings.len() as u64,
        chunks,
        not_forwarded: 0,
    })
}

/// Returns whether a step would delete anything. Checked first, because even a step that finds nothing locks writers out.
pub(super) fn is_due(connection: &Connection, cutoffs: &Cutoffs) -> rusqlite::Result<bool> {
    if recordings::half_deleted(connection)?.is_some() {
        return Ok(true);
    }
    let kinds = [
        (&ACTIVITIES, &cutoffs.activities),
        (&EVENTS, &cutoffs.events),
        (&PREVIEWS, &cutoffs.previews),
        (&RECORDINGS, &cutoffs.recordings),
    ];
    for (rows, cutoff) in kinds {
        if !rows.select(connection, cutoff, 1)?.is_empty() {
            return Ok(true);
        }
    }
    match sums_from(connection, &cutoffs.sums)? {
        Some(first) => connection.query_row(ANY_OLD_SUMS, [first], |row| row.get(0)),
        None => Ok(false),
    }
}

/// Counts the records that are too old by date, and are kept because a target has not acknowledged them.
pub(super) fn count_not_forwarded(
    connection: &Connection,
    cutoffs: &Cutoffs,
) -> rusqlite::Result<u64> {
    let kinds = [
        (&ACTIVITIES, cutoffs.activities),
        (&EVENTS, cutoffs.events),
        (&RECORDINGS, cutoffs.recordings),
    ];
    let mut count = 0;
    for (rows, cutoff) in kinds {
        let by_date = Cutoff {
            committed: None,
            ..cutoff
        };
        let expired = |cutoff| {
            rows.expired(connection, cutoff, NO_LIMIT)
                .map(|rows| rows.len())
        };
        count += expired(&by_date)? - expired(&cutoff)?;
    }
    Ok(count as u64)
}

/// Deletes some rows of each kind. Nothing else deletes rows for retention.
pub(super) fn step(
    transaction: &Transaction<'_>,
    cutoffs: &Cutoffs,
) -> rusqlite::Result<PruneCounts> {
    let mut pruned = PruneCounts::default();
    let seqs = |rows: &[RowKey]| rows.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
    let delete_previews = |activities: &[RowKey]| -> rusqlite::Result<()> {
        let mut delete = transaction.prepare_cached(DELETE_PREVIEW)?;
        let mut rows = activities.iter().map(|(seq, _)| delete.execute([seq]));
        rows.try_for_each(|done| done.map(drop))
    };

    let activities = ACTIVITIES.select(transaction, &cutoffs.activities, STEP)?;
    target::count_lost(transaction, RowKind::Activity, &seqs(&activities))?;
    search::ACTIVITIES.change(transaction, &activities, || {
        delete_previews(&activities)?;
        pruned.activities = ledger::delete(transaction, RowKind::Activity, seqs(&activities))?;
        Ok(())
    })?;
    let quarters = activities.iter().map(started_us).map(quarter_of);
    record_pruned(transaction, &quarters.collect())?;
    let grouped = counted::FAILURES.up_to(transaction)?;
    let ungrouped = activities.iter().filter(|(seq, _)| *seq > grouped);
    if let Some(last) = ungrouped.map(started_us).map(quarter_of).max() {
        MetaKey::UngroupedPruned.raise(transaction, last + 1)?;
    }
    if activities.is_empty() {
        // Previews of deleted activities were deleted with them.
        let found = PREVIEWS.select(transaction, &cutoffs.previews, STEP)?;
        search::ACTIVITIES.change(transaction, &found, || delete_previews(&found))?;
        pruned.previews = found.len() as u64;
    }

    let events = EVENTS.select(transaction, &cutoffs.events, STEP)?;
    target::count_lost(transaction, RowKind::Event, &seqs(&events))?;
    // Not by events that are dated ahead: they would make all later ones unknown.
    let dates = events.iter().map(started_us);
    if let Some(last) = dates.filter(|at| *at < cutoffs.events.ahead_us).max() {
        MetaKey::EventsPruned.raise(transaction, last + 1)?;
    }
    search::EVENTS.change(transaction, &events, || {
        pruned.events = ledger::delete(transaction, RowKind::Event, seqs(&events))?;
        Ok(())
    })?;

    let recording = match recordings::half_deleted(transaction)? {
        Some(seq) => Some(seq),
        None => {
            let found = RECORDINGS.select(transaction, &cutoffs.recordings, 1)?;
            target::count_lost(transaction, RowKind::Recording, &seqs(&found))?;
            found.first().map(|(seq, _)| *seq)
        }
    };
    if let Some(seq) = recording {
        (pruned.recordings, pruned.chunks) = recordings::delete_some(transaction, seq)?;
    }

    if let Some(first) = sums_from(transaction, &cutoffs.sums)? {
        pruned.sums = delete_sums(transaction, first)?;
        if pruned.sums > 0 {
            // Checks do not compare deleted sums with their activities.
            MetaKey::SumsDeleted.raise(transaction, first)?;
        }
    }
    Ok(pruned)
}

/// Records the quarter hours whose activities were pruned.
fn record_pruned(transaction: &Transaction<'_>, quarters: &BTreeSet<i64>) -> rusqlite::Result<()> {
    for quarter in quarters {
        let (mut first, mut last) = (*quarter, *quarter);
        let mut adjacent = transaction.prepare_cached(TAKE_ADJACENT)?;
        let mut ranges = adjacent.query([quarter])?;
        while let Some(range) = ranges.next()? {
            first = first.min(range.get(0)?);
            last = last.max(range.get(1)?);
        }
        transaction
            .prepare_cached(INSERT_RANGE)?
            .execute([first, last])?;
    }
    Ok(())
}

impl Prunable {
    /// Selects up to `limit` rows to delete.
    fn select(
        &self,
        connection: &Connection,
        cutoff: &Cutoff,
        limit: i64,
    ) -> rusqlite::Result<Vec<RowKey>> {
        self.select_except(connection, cutoff, limit, &HashSet::new())
    }

    /// Selects up to `limit` rows to delete: the expired ones, then the first in commit order until the rest is within the
    /// size limit. Leaves out the seqs in `gone`.
    fn select_except(
        &self,
        connection: &Connection,
        cutoff: &Cutoff,
        limit: i64,
        gone: &HashSet<i64>,
    ) -> rusqlite::Result<Vec<RowKey>> {
        if cutoff.is_unlimited() {
            return Ok(Vec::new());
        }
        let mut found = self.expired(connection, cutoff, limit)?;
        found.retain(|(seq, _)| !gone.contains(seq));
        let Some(bytes) = cutoff.bytes else {
            return Ok(found);
        };
        let mut over = self.size.total(connection)? - signed(bytes);
        // Rows beyond the watermark are not in the total.
        let counted_up_to = match self.counted {
            Some(counted) => counted.up_to(connection)?,
            None => i64::MAX,
        };
        if over <= 0 {
            return Ok(found);
        }
        let mut taken: HashSet<i64> = found.iter().map(|(seq, _)| *seq).collect();
        taken.extend(gone);
        for seq in taken.iter().filter(|seq| **seq <= counted_up_to) {
            over -= self.size.of_row(connection, *seq)?;
        }
        let mut statement = connection.prepare_cached(self.by_size)?;
        let mut rows = statement.query([counted_up_to, NO_LIMIT])?;
        while over > 0
            && (limit == NO_LIMIT || (found.len() as i64) < limit)
            && let Some(row) = rows.next()?
        {
            let key: RowKey = (row.get(0)?, row.get(1)?);
            if !taken.contains(&key.0) {
                over -= self.size.of_row(connection, key.0)?;
                found.push(key);
            }
        }
        Ok(found)
    }

    /// Selects up to `limit` rows that are too old.
    fn expired(
        &self,
        connection: &Connection,
        cutoff: &Cutoff,
        limit: i64,
    ) -> rusqlite::Result<Vec<RowKey>> {
        let Some(before_us) = cutoff.before_us else {
            return Ok(Vec::new());
        };
        let key = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let before = cutoff::first_id(before_us);
        let Some(committed) = cutoff.committed else {
            let mut statement = connection.prepare_cached(self.by_date)?;
            return statement.query_map(params![before, limit], key)?.collect();
        };
        let mut statement = connection.prepare_cached(self.by_commit)?;
        let values = params![committed, before, cutoff::first_id(cutoff.ahead_us), limit];
        statement.query_map(values, key)?.collect()
    }
}

/// Returns the first quarter hour whose sums are kept; `None` without a limit. Sums dated in the future are not counted.
fn sums_from(connection: &Connection, cutoff: &Cutoff) -> rusqlite::Result<Option<i64>> {
    let old = cutoff.before_us.map(quarter_of);
    let Some(bytes) = cutoff.bytes else {
        return Ok(old);
    };
    let ahead = quarter_of(cutoff.ahead_us);
    let count: i64 = connection.query_row(COUNT_SUMS, [ahead], |row| row.get(0))?;
    let excess = count - signed(bytes) / size::SUM;
    if excess <= 0 {
        return Ok(old);
    }
    // Only whole quarter hours are pruned.
    let last: i64 = connection.query_row(NTH_SUM, [excess - 1], |row| row.get(0))?;
    Ok(old.max(Some(last + 1)))
}

/// Deletes some of the sums before a quarter hour, and returns their number. They can be rebuilt as long as their activities
/// are kept.
fn delete_sums(transaction: &Transaction<'_>, first_kept: i64) -> rusqlite::Result<u64> {
    let (mut count, mut of_agents, mut overall) = (0, BTreeSet::new(), BTreeSet::new());
    let mut delete = transaction.prepare_cached(DELETE_SUMS)?;
    let mut rows = delete.query(params![first_kept, STEP])?;
    while let Some(row) = rows.next()? {
        count += 1;
        match SumScope::from_code(row.get(0)?) {
            Some(SumScope::Overall) => drop(overall.insert(row.get(2)?)),
            Some(SumScope::Agent) => drop(of_agents.insert((row.get(1)?, row.get(2)?))),
            _ => {}
        }
    }
    count += failures::delete_before(transaction, first_kept, STEP)?;
    overall.append(&mut delete_quarters(&**transaction, &of_agents)?);
    hours::roll_up(transaction, overall)?;
    Ok(count)
}

fn started_us((_, id): &RowKey) -> i64 {
    ActivityId::from_bytes(*id).started_at_us()
}
