//! The store's own clock, and how far the order of commits had come when it showed what.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::store::{
    ClockReading,
    clock::{Jump, StoreClock},
    sqlite::columns::unsigned,
};

const READ: &str = "SELECT now_us, wall_us, claim_us, agreed_us, since_us FROM clock";
const WRITE: &str = "INSERT OR REPLACE INTO clock (id, now_us, wall_us, claim_us, agreed_us, since_us) \
     VALUES (1, ?1, ?2, ?3, ?4, ?5)";

/// The newest rows, as a place.
const NEWEST: &str = "SELECT coalesce((SELECT max(seq) FROM activity), 0), coalesce((SELECT max(seq) FROM event), 0), \
     coalesce((SELECT max(seq) FROM recording), 0)";
const LAST: &str = "SELECT activity, event, recording FROM place ORDER BY id DESC LIMIT 1";
const ADD: &str = "INSERT INTO place (at_us, activity, event, recording) VALUES (?1, ?2, ?3, ?4)";
const SHIFT: &str = "UPDATE place SET at_us = at_us + ?1 WHERE at_us >= ?2";
const FORGET: &str = "DELETE FROM place WHERE at_us > ?1";
/// Of the places before an instant one is kept in each span of time.
const THIN: &str = "DELETE FROM place WHERE at_us < ?1 AND id NOT IN \
     (SELECT max(id) FROM place WHERE at_us < ?1 GROUP BY at_us / ?2)";
const UP_TO: &str = "SELECT coalesce(max(activity), 0), coalesce(max(event), 0), coalesce(max(recording), 0) \
     FROM place WHERE at_us <= ?1";

/// What an open log has seen of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// By the log's monotonic clock, when it was last brought up to date.
    monotonic: Duration,
    /// What it showed then.
    now_us: i64,
    /// What it showed when the log was opened.
    opened_us: i64,
}

/// Rows up to these were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) activity: i64,
    pub(crate) event: i64,
    pub(crate) recording: i64,
}

impl Running {
    /// How long ago that was.
    pub(crate) fn age(&self, reading: ClockReading) -> Duration {
        reading.monotonic.saturating_sub(self.monotonic)
    }

    /// What the clock shows.
    pub(crate) fn now_us(&self, reading: ClockReading) -> i64 {
        let passed = i64::try_from(self.age(reading).as_micros()).unwrap_or(i64::MAX);
        self.now_us.saturating_add(passed)
    }

    /// The instant that ages are counted from: the earlier of both clocks.
    pub(crate) fn earlier(&self, reading: ClockReading) -> DateTime<Utc> {
        let us = self.now_us(reading).min(reading.wall.timestamp_micros());
        DateTime::from_timestamp_micros(us).unwrap_or(reading.wall)
    }
}

/// The clock as it was last written.
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

/// Brings the clock up to date, and remembers how far the order of commits has come.
pub(super) fn tick(
    transaction: &Transaction<'_>,
    running: Option<Running>,
    reading: ClockReading,
) -> rusqlite::Result<Running> {
    let wall_us = reading.wall.timestamp_micros();
    let (mut clock, jump, opened_us) = match (read(transaction)?, running) {
        (None, _) => (StoreClock::new(wall_us), Jump::default(), wall_us),
        (Some(mut clock), None) => {
            let jump = clock.open(wall_us);
            (clock, jump, clock.now_us)
        }
        (Some(mut clock), Some(running)) => {
            // Others may have advanced it meanwhile, or set it.
            let passed = match clock.now_us < running.now_us {
                true => 0,
                false => running.now_us(reading).saturating_sub(clock.now_us),
            };
            let passed = Duration::from_micros(unsigned(passed));
            let jump = clock.advance(passed, wall_us, running.opened_us);
            (clock, jump, running.opened_us)
        }
    };
    clock.since_us = clock.since_us.min(clock.now_us);
    let opened_us = opened_us.saturating_add(jump.by_us);
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
    // Nothing was committed in the future.
    transaction
        .prepare_cached(FORGET)?
        .execute([clock.now_us])?;
    let newest = transaction.query_row(NEWEST, (), place)?;
    let last = transaction.prepare_cached(LAST)?.query_row((), place);
    if last.optional()? != Some(newest) {
        transaction.prepare_cached(ADD)?.execute(params![
            clock.now_us,
            newest.activity,
            newest.event,
            newest.recording
        ])?;
        thin(transaction, clock.now_us)?;
    }
    Ok(Running {
        monotonic: reading.monotonic,
        now_us: clock.now_us,
        opened_us,
    })
}

/// Forgets some of the places: ages are not told more exactly than one part in some forty.
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

/// What had been committed when the clock showed this.
pub(super) fn up_to(connection: &Connection, at_us: i64) -> rusqlite::Result<Place> {
    let mut statement = connection.prepare_cached(UP_TO)?;
    statement.query_row([at_us], place)
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        activity: row.get(0)?,
        event: row.get(1)?,
        recording: row.get(2)?,
    })
}
