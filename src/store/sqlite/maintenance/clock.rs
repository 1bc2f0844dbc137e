//! The store's own clock, and the positions in commit order at the instants that it showed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::store::{
    ClockReading,
    clock::{Jump, StoreClock},
    sqlite::{columns::unsigned, last_seqs::LastSeqs},
};

const READ: &str = "SELECT now_us, wall_us, claim_us, agreed_us, since_us FROM clock";
const WRITE: &str = "INSERT OR REPLACE INTO clock (id, now_us, wall_us, claim_us, agreed_us, since_us) \
     VALUES (1, ?1, ?2, ?3, ?4, ?5)";

const LAST: &str = "SELECT activity, event, recording FROM place ORDER BY id DESC LIMIT 1";
const ADD: &str = "INSERT INTO place (at_us, activity, event, recording) VALUES (?1, ?2, ?3, ?4)";
const SHIFT: &str = "UPDATE place SET at_us = at_us + ?1 WHERE at_us >= ?2";
const FORGET: &str = "DELETE FROM place WHERE at_us > ?1";
/// Keeps one row per ?2 microseconds of those before ?1.
const THIN: &str = "DELETE FROM place WHERE at_us < ?1 AND id NOT IN \
     (SELECT max(id) FROM place WHERE at_us < ?1 GROUP BY at_us / ?2)";
const POSITIONS_AT: &str = "SELECT coalesce(max(activity), 0), coalesce(max(event), 0), coalesce(max(recording), 0) \
     FROM place WHERE at_us <= ?1";

/// The store's clock, as one handle has advanced it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningClock {
    /// The log's monotonic clock at the last tick.
    monotonic: Duration,
    /// The store's clock at the last tick.
    now_us: i64,
}

/// A position in the commit order of each kind: the seq of its newest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Positions {
    pub(crate) activity: i64,
    pub(crate) event: i64,
    pub(crate) recording: i64,
}

impl From<LastSeqs> for Positions {
    fn from(last: LastSeqs) -> Self {
        Positions {
            activity: last.activity,
            event: last.event,
            recording: last.recording,
        }
    }
}

impl RunningClock {
    /// The time since the last tick.
    pub(crate) fn age(&self, reading: ClockReading) -> Duration {
        reading.monotonic.saturating_sub(self.monotonic)
    }

    /// The current time of the store's clock.
    pub(crate) fn now_us(&self, reading: ClockReading) -> i64 {
        let passed = i64::try_from(self.age(reading).as_micros()).unwrap_or(i64::MAX);
        self.now_us.saturating_add(passed)
    }

    /// The instant that ages are counted from: the earlier of the store's clock and the wall clock.
    pub(crate) fn earlier(&self, reading: ClockReading) -> DateTime<Utc> {
        let us = self.now_us(reading).min(reading.wall.timestamp_micros());
        DateTime::from_timestamp_micros(us).unwrap_or(reading.wall)
    }
}

/// Reads the clock as last written; `None` before the first tick.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<StoreClock>> {
    let mut statement = connection.prepare_cached(READ)?;
    let clock = statement.query_row((), |row| {
        Ok(StoreClock {
            now_us: row.get(0)?,
            wall_us: row.get(1)?,
            claim_us: row.get(2)?,
            agreed_us: row.get(3)?,
            since_us: row.get(4)?,
        })
    });
    clock.optional()
}

/// Advances the clock, and records the current position in commit order for [`positions_at`].
pub(super) fn tick(
    transaction: &Transaction<'_>,
    running: Option<RunningClock>,
    reading: ClockReading,
) -> rusqlite::Result<RunningClock> {
    let wall_us = reading.wall.timestamp_micros();
    let (mut clock, jump) = match (read(transaction)?, running) {
        (None, _) => (StoreClock::new(wall_us), Jump::default()),
        (Some(mut clock), None) => {
            let jump = clock.open(wall_us);
            (clock, jump)
        }
        (Some(mut clock), Some(running)) => {
            // Another process may have advanced or set it meanwhile.
            let passed = match clock.now_us < running.now_us {
                true => 0,
                false => running.now_us(reading).saturating_sub(clock.now_us),
            };
            let passed = Duration::from_micros(unsigned(passed));
            let jump = clock.advance(passed, wall_us);
            (clock, jump)
        }
    };
    clock.since_us = clock.since_us.min(clock.now_us);
    transaction.prepare_cached(WRITE)?.execute(params![
        clock.now_us,
        clock.wall_us,
        clock.claim_us,
        clock.agreed_us,
        clock.since_us
    ])?;
    if jump.by_us > 0 {
        let mut shift = transaction.prepare_cached(SHIFT)?;
        shift.execute([jump.by_us, jump.since_us])?;
    }
    // Positions in the future were recorded by a clock that has been set back: nothing was committed then.
    transaction
        .prepare_cached(FORGET)?
        .execute([clock.now_us])?;
    let newest = LastSeqs::read(transaction)?.into();
    let last = transaction.prepare_cached(LAST)?.query_row((), positions);
    if last.optional()? != Some(newest) {
        transaction.prepare_cached(ADD)?.execute(params![
            clock.now_us,
            newest.activity,
            newest.event,
            newest.recording
        ])?;
        thin(transaction, clock.now_us)?;
    }
    Ok(RunningClock {
        monotonic: reading.monotonic,
        now_us: clock.now_us,
    })
}

/// Thins out old positions. Ages then are exact to about one part in forty.
fn thin(transaction: &Transaction<'_>, now_us: i64) -> rusqlite::Result<()> {
    const MINUTE: i64 = 60_000_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let mut thin = transaction.prepare_cached(THIN)?;
    for (older, apart) in [(HOUR, 10 * MINUTE), (DAY, HOUR), (40 * DAY, DAY)] {
        thin.execute([now_us - older, apart])?;
    }
    Ok(())
}

/// Returns the position in commit order when the clock showed this instant.
pub(super) fn positions_at(connection: &Connection, at_us: i64) -> rusqlite::Result<Positions> {
    let mut statement = connection.prepare_cached(POSITIONS_AT)?;
    statement.query_row([at_us], positions)
}

fn positions(row: &rusqlite::Row<'_>) -> rusqlite::Result<Positions> {
    Ok(Positions {
        activity: row.get(0)?,
        event: row.get(1)?,
        recording: row.get(2)?,
    })
}
