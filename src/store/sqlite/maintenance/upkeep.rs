//! Upkeep: pruning and rebuilding, a short transaction at a time.

use std::{ops::Range, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{
    clock::{self, Running},
    prune::{self, Plan},
    renamed, retention,
    search::{ACTIVITIES, EVENTS},
};
use crate::{
    error::Result,
    record::ActivityId,
    store::{
        ClockReading, Cutoffs, Erased, Pruned, QUARTER_US, Retention, Upkeep,
        clock::TOLERANCE_US,
        sqlite::{
            open::{
                connection,
                file::{Access, Guard, OpenFile, Place},
                schema,
            },
            write::{
                checkpoint,
                sums::{
                    agents::{self, Agents},
                    hour, recount,
                },
            },
        },
    },
};

/// How long a step waits for the writers' transactions, which come one after the other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How old the store's clock may be when ages are counted: it goes on by the monotonic clock.
const TICK: Duration = Duration::from_secs(60);

/// 64 MB: every agent adds to pages of its own, and those of some thousands are to stay in memory.
const CACHE: &str = "PRAGMA cache_size = -65536";
const DELETE_QUARTERS: &str = "DELETE FROM bucket WHERE quarter >= ?1 AND quarter < ?2";

/// 256 pages are 2 MB.
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(256)";

/// The first quarter from ?2 on that anything is there of, and the last one.
const QUARTERS: &str = "SELECT min(first), max(last) FROM ( \
     SELECT (SELECT min(quarter) FROM bucket WHERE quarter >= ?2) AS first, (SELECT max(quarter) FROM bucket) AS last \
     UNION ALL SELECT (SELECT started_at FROM activity WHERE id >= ?3 ORDER BY id LIMIT 1) / ?1, \
                      (SELECT started_at FROM activity ORDER BY id DESC LIMIT 1) / ?1)";
/// Ranges of quarters whose sums cannot be added up again.
const PRUNED: &str =
    "SELECT first, last FROM pruned WHERE first < ?2 AND last >= ?1 ORDER BY first";

/// A connection that tends a store: one for all of a process.
#[derive(Debug)]
pub(in crate::store::sqlite) struct SqliteUpkeep {
    pub(in crate::store::sqlite) access: Arc<Access>,
    /// What it has seen of the store's clock.
    running: Option<Running>,
}

impl SqliteUpkeep {
    /// Opens the store in this place, which must exist.
    pub(in crate::store::sqlite) fn open(place: &Place) -> Result<Self> {
        let access = match place {
            Place::Memory(connection) => Arc::new(Access::memory(connection.clone())),
            Place::File(path) => OpenFile::at(path)?.maintenance(),
        };
        let upkeep = SqliteUpkeep {
            access,
            running: None,
        };
        // Says what is wrong with a file before it is used.
        drop(upkeep.connection()?);
        Ok(upkeep)
    }

    /// The connection, opened where it is not.
    fn connection(&self) -> Result<Guard<'_>> {
        self.access.lock(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(CACHE)
        })
    }

    /// Brings the store's clock up to date.
    fn tick(&mut self, reading: ClockReading) -> Result<Running> {
        let before = self.running;
        let running = self.write(|transaction| clock::tick(transaction, before, reading))?;
        self.running = Some(running);
        Ok(running)
    }

    pub(in crate::store::sqlite) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&*self.connection()?).map_err(|cause| connection::at(self.access.path(), cause))
    }

    pub(in crate::store::sqlite) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection()?;
        let all = || {
            let immediate = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            if let Some(file) = self.access.open_file() {
                checkpoint::bound(&connection, file.path())?;
            }
            Ok(done)
        };
        all().map_err(|cause| connection::at(self.access.path(), cause))
    }
}

impl Upkeep for SqliteUpkeep {
    fn retention(&mut self) -> Result<Retention> {
        self.read(retention::read)
    }

    fn set_retention(&mut self, change: &Retention) -> Result<Retention> {
        let before = self.write(|transaction| retention::write(transaction, change))?;
        for ((kind, limit), (_, was)) in change.kinds().into_iter().zip(before.kinds()) {
            if let Some(limit) = limit.filter(|_| limit != was) {
                let was = was.map_or_else(|| "default".to_owned(), |was| was.to_string());
                tracing::info!(
                    target: "tower_activity::store", store = %self.access.path().display(), kind, %limit, %was,
                    "the retention of the store was changed"
                );
            }
        }
        Ok(before)
    }

    fn now(&mut self, reading: ClockReading) -> Result<DateTime<Utc>> {
        Ok(self.tick(reading)?.earlier(reading))
    }

    fn enforce(&mut self, reading: ClockReading) -> Result<Pruned> {
        let running = match self.running.filter(|one| one.age(reading) < TICK) {
            Some(running) => running,
            None => self.tick(reading)?,
        };
        let now = running.earlier(reading);
        let latest_us = running.now_us(reading).max(reading.wall.timestamp_micros());
        let plan = self.read(|connection| {
            let cutoffs = retention::read(connection)?.cutoffs(now);
            Plan::of(connection, &cutoffs, latest_us + TOLERANCE_US)
        })?;
        if !self.read(|connection| prune::is_due(connection, &plan))? {
            self.write(|transaction| clock::thin(transaction, running.now_us(reading)))?;
            return Ok(Pruned::default());
        }
        self.write(|transaction| prune::step(transaction, &plan))
    }

    fn prunable(&mut self, cutoffs: &Cutoffs) -> Result<Pruned> {
        self.read(|connection| prune::count(connection, &Plan::asked(cutoffs)))
    }

    fn prune(&mut self, cutoffs: &Cutoffs) -> Result<Pruned> {
        let plan = Plan::asked(cutoffs);
        if !self.read(|connection| prune::is_due(connection, &plan))? {
            return Ok(Pruned::default());
        }
        self.write(|transaction| prune::step(transaction, &plan))
    }

    fn reclaim(&mut self) -> Result<u64> {
        self.read(|connection| {
            let number = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
            while number("PRAGMA freelist_count")? == 0
                && (ACTIVITIES.merge(connection)? || EVENTS.merge(connection)?)
            {}
            let free = number("PRAGMA freelist_count")?;
            if free == 0 {
                return Ok(0);
            }
            let mut statement = connection.prepare(GIVE_BACK)?;
            let mut rows = statement.query(())?;
            // Each step gives a page back.
            while rows.next()?.is_some() {}
            let pages = free - number("PRAGMA freelist_count")?;
            Ok((pages * number("PRAGMA page_size")?).max(0).cast_unsigned())
        })
    }

    fn index(&mut self) -> Result<u64> {
        self.write(|transaction| {
            let before = ACTIVITIES.followed(transaction)?;
            let count = ACTIVITIES.follow(transaction)?;
            let followed = ACTIVITIES.followed(transaction)?;
            // Sums that would be pruned at once are not begun.
            let from_us = sums_from_us(transaction)?;
            Agents::committed(transaction, before, followed, from_us)?.fold(transaction)?;
            Ok(count + EVENTS.follow(transaction)?)
        })
    }

    fn check(&mut self, now: DateTime<Utc>) -> Result<bool> {
        self.check_some(now.timestamp_micros())
    }

    fn accept(&mut self, told: &mut dyn FnMut(f64)) -> Result<()> {
        self.accept_all(told)
    }

    fn restore_schema(&mut self) -> Result<Vec<String>> {
        self.write(|transaction| schema::restore(transaction))
    }

    fn erasable(&mut self, actor: &str) -> Result<Erased> {
        self.count_of(actor)
    }

    fn erase(&mut self, actor: &str, told: &mut dyn FnMut(&Erased)) -> Result<Erased> {
        self.erase_all_of(actor, told)
    }

    fn rename(&mut self, ids: &[(ActivityId, ActivityId)]) -> Result<()> {
        self.write(|transaction| renamed::add(transaction, ids))
    }

    fn relink(&mut self, after: (i64, i64)) -> Result<()> {
        self.relink_all(after)
    }

    fn rebuildable(&mut self, from: i64) -> Result<Range<i64>> {
        self.read(|connection| {
            let id = ActivityId::from_parts(from.max(0).saturating_mul(QUARTER_US), 0);
            let ends =
                connection.query_row(QUARTERS, params![QUARTER_US, from, id.as_bytes()], |row| {
                    Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
                });
            Ok(match ends? {
                (Some(first), Some(last)) => first..last + 1,
                _ => from..from,
            })
        })
    }

    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()> {
        self.write(|transaction| {
            let mut first = quarters.start;
            let mut statement = transaction.prepare_cached(PRUNED)?;
            let mut ranges = statement.query([quarters.start, quarters.end])?;
            while let Some(range) = ranges.next()? {
                let (pruned, last): (i64, i64) = (range.get(0)?, range.get(1)?);
                if first < pruned {
                    rebuild(transaction, first..pruned)?;
                }
                first = first.max(last + 1);
            }
            if first < quarters.end {
                rebuild(transaction, first..quarters.end)?;
            }
            Ok(())
        })
    }
}

/// Sums of what started before are older than the store keeps them.
pub(in crate::store::sqlite) fn sums_from_us(connection: &Connection) -> rusqlite::Result<i64> {
    let clock = clock::read(connection)?;
    let present = clock.and_then(|clock| DateTime::from_timestamp_micros(clock.present_us()));
    let retention = retention::read(connection)?;
    let before = present.and_then(|present| retention.cutoffs(present).sums.before);
    Ok(before.map_or(i64::MIN, |before| before.timestamp_micros()))
}

pub(in crate::store::sqlite) fn rebuild(
    transaction: &Transaction<'_>,
    quarters: Range<i64>,
) -> rusqlite::Result<()> {
    transaction.execute(DELETE_QUARTERS, params![quarters.start, quarters.end])?;
    let (mut buckets, agents) = recount::add_up(transaction, &quarters)?;
    buckets.fold(transaction)?;
    agents::rebuild(transaction, &quarters, agents)?;
    // Also where there is nothing any more.
    hour::add_up(transaction, quarters)
}
