//! The daily check: compares the ledger with the rows of each kind, some thousand rows per transaction.
//!
//! A check starts with the ledger's count of each instance, and subtracts the rows that it finds in the order of their
//! seqs, up to the newest seq at its start. Rows added meanwhile have higher seqs. Rows deleted meanwhile are subtracted by
//! [`ledger::delete`], unless the check has passed them. So the remainder is what is missing, whatever was written in
//! between, and whichever process did which step.

#[cfg(test)]
mod tests;

use std::{thread, time::Instant};

use chrono::Utc;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{connection::SqliteMaintenance, recompute};
use crate::{
    error::{Error, Result},
    store::{
        RowKind,
        sqlite::{
            last_seqs::LastSeqs,
            open::lock,
            write::ledger::{self, Statements},
        },
    },
};

/// Rows per step: a few milliseconds.
const STEP: i64 = 2_000;
/// Microseconds between the end of a check and the next one: a day.
const INTERVAL_US: i64 = 86_400_000_000;

const READ: &str =
    "SELECT started_at, counted, last, accept, finished_at FROM ledger_check WHERE kind = ?1";
const BEGIN: &str = "INSERT INTO ledger_check (kind, started_at, counted, last, accept, missing, surplus) \
     VALUES (?1, ?2, 0, ?3, ?4, 0, 0) \
     ON CONFLICT (kind) DO UPDATE SET started_at = excluded.started_at, counted = 0, last = excluded.last, \
       accept = excluded.accept";
const FORGET: &str = "DELETE FROM ledger_uncounted WHERE kind = ?1";
const SUBTRACT: &str = "INSERT INTO ledger_uncounted (kind, instance, rows) VALUES (?1, ?2, -?3) \
     ON CONFLICT (kind, instance) DO UPDATE SET rows = rows + excluded.rows";
const ADVANCE: &str = "UPDATE ledger_check SET counted = ?2, last = ?3 WHERE kind = ?1";
const LEFT: &str = "SELECT instance, rows FROM ledger_uncounted WHERE kind = ?1 AND rows <> 0";
const FINISH: &str = "UPDATE ledger_check SET counted = NULL, accept = 0, finished_at = ?2, missing = ?3, surplus = ?4, \
       complete_at = iif(?3 = 0 AND ?4 = 0, started_at, complete_at) WHERE kind = ?1";

/// The state of the check of one kind.
struct State {
    started_at: i64,
    /// The last seq that was counted; `None`: the check has finished.
    counted: Option<i64>,
    /// The newest seq at the start.
    last: i64,
    accept: bool,
    finished_at: Option<i64>,
}

/// The result of a step.
#[derive(Debug, Default)]
struct Step {
    /// Whether there is more to do.
    more: bool,
    /// Missing rows of the kinds whose check this step finished.
    missing: i64,
    /// Rows of these kinds that the ledger does not have.
    surplus: i64,
}

impl SqliteMaintenance {
    /// Runs a step of the check, if one is due. Returns `true` while there is more to do.
    pub(super) fn check_step(&self, now_us: i64) -> Result<bool> {
        if !self.read(|connection| is_due(connection, now_us))? {
            return Ok(false);
        }
        let done = self.write(|transaction| step(transaction, now_us, STEP))?;
        let Step {
            more,
            missing,
            surplus,
        } = done;
        if (missing, surplus) != (0, 0) {
            tracing::error!(
                target: "tower_activity::store", missing, surplus, path = %self.access.path().display(),
                "another program deleted or inserted rows · run `activity doctor` for details"
            );
        }
        Ok(more)
    }

    /// Checks all rows, writes the differences into the ledger, and rebuilds sums that differ from their activities.
    pub(super) fn accept_all(&self, progress: &mut dyn FnMut(f64)) -> Result<()> {
        let store = self.access.path().to_owned();
        let now_us = Utc::now().timestamp_micros();
        self.write(|transaction| {
            let unknown = ledger::unknown_counts(transaction, &store)?;
            ledger::adopt_counts(transaction, &unknown)?;
            RowKind::ALL
                .into_iter()
                .try_for_each(|kind| begin(transaction, kind, now_us, true))
        })?;
        loop {
            let start = Instant::now();
            let done = self.write(|transaction| step(transaction, now_us, STEP))?;
            if !done.more {
                break;
            }
            progress(self.read(fraction_checked)? / 2.0);
            // SQLite's lock is not fair: without a pause, this would keep others out for seconds.
            thread::sleep(start.elapsed());
        }
        // An older copy that replaced the file is the reference from now on.
        if let Some(total) = self.read(ledger::total)? {
            let folder = lock::folder(&store);
            if folder.is_dir() {
                total.write(&folder).map_err(|cause| {
                    let what = format!("could not write into {}", folder.display());
                    Error::store(what).with_source(cause)
                })?;
            }
        }
        let mut next = Some(i64::MIN);
        while let Some(from) = next {
            let found = self.read(|connection| {
                let view = connection.unchecked_transaction()?;
                recompute::compare(&view, from)
            })?;
            for quarter in found.differing {
                self.write(|transaction| recompute::rebuild(transaction, quarter..quarter + 1))?;
            }
            next = found.next;
            progress(0.5 + found.progress / 2.0);
        }
        Ok(())
    }
}

/// Returns whether a check is running or due. Checked first, because even a step that finds nothing locks writers out.
fn is_due(connection: &Connection, now_us: i64) -> rusqlite::Result<bool> {
    for kind in RowKind::ALL {
        if state(connection, ledger::statements(kind))?.is_none_or(|state| state.is_due(now_us)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts up to `limit` rows, kind by kind.
fn step(transaction: &Transaction<'_>, now_us: i64, mut limit: i64) -> rusqlite::Result<Step> {
    let mut step = Step::default();
    for kind in RowKind::ALL {
        let ledger = ledger::statements(kind);
        let mut state = state(transaction, ledger)?;
        if state.as_ref().is_some_and(|state| !state.is_due(now_us)) {
            continue;
        }
        if state.as_ref().is_none_or(|state| state.counted.is_none()) {
            begin(transaction, kind, now_us, false)?;
            state = self::state(transaction, ledger)?;
        }
        let Some(state) = state else { continue };
        let counted = count(transaction, kind, &state, limit)?;
        limit -= counted;
        if limit == 0 {
            step.more = true;
            break;
        }
        let (missing, surplus) = finish(transaction, kind, &state, now_us)?;
        step.missing += missing;
        step.surplus += surplus;
    }
    Ok(step)
}

/// The fraction of rows checked (0 to 1).
fn fraction_checked(connection: &Connection) -> rusqlite::Result<f64> {
    let (mut counted, mut all) = (0, 1);
    for kind in RowKind::ALL {
        if let Some(state) = state(connection, ledger::statements(kind))? {
            counted += state.counted.unwrap_or(state.last).min(state.last);
            all += state.last;
        }
    }
    Ok(counted as f64 / all as f64)
}

impl State {
    /// True while it is running, and a day after it finished. A clock that was set back by a day makes it due, too.
    fn is_due(&self, now_us: i64) -> bool {
        let age = |at: i64| now_us.saturating_sub(at).saturating_abs();
        self.counted.is_some() || self.finished_at.is_none_or(|at| age(at) >= INTERVAL_US)
    }
}

fn state(connection: &Connection, ledger: &Statements) -> rusqlite::Result<Option<State>> {
    let mut read = connection.prepare_cached(READ)?;
    let state = |row: &Row<'_>| {
        Ok(State {
            started_at: row.get(0)?,
            counted: row.get(1)?,
            last: row.get(2)?,
            accept: row.get(3)?,
            finished_at: row.get(4)?,
        })
    };
    read.query_row([ledger.kind], state).optional()
}

fn begin(
    transaction: &Transaction<'_>,
    kind: RowKind,
    now_us: i64,
    accept: bool,
) -> rusqlite::Result<()> {
    let ledger = ledger::statements(kind);
    let newest = LastSeqs::read(transaction)?.of_rows(kind);
    transaction.execute(BEGIN, params![ledger.kind, now_us, newest, accept])?;
    transaction.execute(FORGET, [ledger.kind])?;
    transaction.execute(ledger.begin, [ledger.kind])?;
    Ok(())
}

/// Counts up to `limit` rows and subtracts them from the ledger's counts. Returns their number.
fn count(
    transaction: &Transaction<'_>,
    kind: RowKind,
    state: &State,
    limit: i64,
) -> rusqlite::Result<i64> {
    let ledger = ledger::statements(kind);
    // If the newest rows were deleted, later rows got their seqs.
    let newest = LastSeqs::read(transaction)?.of_rows(kind);
    let last = state.last.min(newest);
    let mut counted = state.counted.unwrap_or_default();
    let mut found = 0;
    let mut some = transaction.prepare_cached(ledger.some)?;
    let mut rows = some.query([counted, last, limit])?;
    while let Some(row) = rows.next()? {
        let (instance, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let mut subtract = transaction.prepare_cached(SUBTRACT)?;
        subtract.execute([ledger.kind, instance, count])?;
        counted = counted.max(row.get(2)?);
        found += count;
    }
    let mut advance = transaction.prepare_cached(ADVANCE)?;
    advance.execute([ledger.kind, counted, last])?;
    Ok(found)
}

/// Ends the check of one kind: returns the missing and surplus rows, or writes them into the ledger if they are accepted.
fn finish(
    transaction: &Transaction<'_>,
    kind: RowKind,
    state: &State,
    now_us: i64,
) -> rusqlite::Result<(i64, i64)> {
    let ledger = ledger::statements(kind);
    let (mut missing, mut surplus) = (0, 0);
    let mut left = transaction.prepare_cached(LEFT)?;
    let mut rows = left.query([ledger.kind])?;
    while let Some(row) = rows.next()? {
        let (instance, rows): (i64, i64) = (row.get(0)?, row.get(1)?);
        if state.accept {
            ledger::accept(transaction, kind, instance, rows, state.started_at)?;
        } else {
            missing += rows.max(0);
            surplus -= rows.min(0);
        }
    }
    transaction.execute(FINISH, [ledger.kind, now_us, missing, surplus])?;
    transaction.execute(FORGET, [ledger.kind])?;
    Ok((missing, surplus))
}
