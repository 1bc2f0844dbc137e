//! The steps of maintenance, each a short transaction of its own.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::{
    connection::SqliteMaintenance,
    counted,
    cutoff::Cutoffs,
    prune, recompute, relink, retention,
    search::{self, ACTIVITIES, EVENTS},
    token,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord},
    store::{
        AccessToken, ClockReading, EraseCounts, Maintenance, Position, Prune, PruneCounts,
        Retention,
        clock::TOLERANCE_US,
        sealed,
        sqlite::{columns::unsigned, open::schema},
        sums::{QUARTER_US, first_id},
    },
};

/// How old the last tick of the store's clock may be when ages are counted; until then the monotonic clock continues it.
const TICK: Duration = Duration::from_secs(60);

/// How long an indexing step should take: other connections cannot write meanwhile.
const INDEX_STEP: Duration = Duration::from_millis(25);
/// The bounds of the number of rows of each table that a step indexes, after the first one.
const FEWEST_INDEXED: i64 = 1_000;
const MOST_INDEXED: i64 = 16_000;

/// 256 pages, which are 2 MB.
const VACUUM_SOME: &str = "PRAGMA incremental_vacuum(256)";

/// The first quarter hour from ?2 on that has sums or activities, and the last one.
const QUARTERS: &str = "SELECT min(first), max(last) FROM ( \
     SELECT (SELECT min(quarter) FROM bucket WHERE quarter >= ?2) AS first, (SELECT max(quarter) FROM bucket) AS last \
     UNION ALL SELECT (SELECT started_at FROM activity WHERE id >= ?3 ORDER BY id LIMIT 1) / ?1, \
                      (SELECT started_at FROM activity ORDER BY id DESC LIMIT 1) / ?1)";
/// Ranges of quarter hours whose sums cannot be recomputed, because their activities were pruned.
const PRUNED: &str =
    "SELECT first, last FROM pruned WHERE first < ?2 AND last >= ?1 ORDER BY first";

impl sealed::WriteSide for SqliteMaintenance {}

impl Maintenance for SqliteMaintenance {
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
                    "the store's retention was changed"
                );
            }
        }
        Ok(before)
    }

    fn create_token(&mut self, token: &AccessToken) -> Result<bool> {
        token.check()?;
        self.write(|transaction| token::create(transaction, token))
    }

    fn revoke_token(&mut self, name: &str) -> Result<bool> {
        self.write(|transaction| token::revoke(transaction, name))
    }

    fn now(&mut self, reading: ClockReading) -> Result<DateTime<Utc>> {
        Ok(self.tick(reading)?.earlier(reading))
    }

    fn prunable(&mut self, what: Prune) -> Result<PruneCounts> {
        let cutoffs = self.cutoffs(what)?;
        self.read(|connection| {
            let mut counts = prune::count(connection, &cutoffs)?;
            if let Prune::ByDate(..) = what {
                counts.not_forwarded = prune::count_not_forwarded(connection, &cutoffs)?;
            }
            Ok(counts)
        })
    }

    fn prune(&mut self, what: Prune) -> Result<PruneCounts> {
        let cutoffs = self.cutoffs(what)?;
        if !self.read(|connection| prune::is_due(connection, &cutoffs))? {
            return Ok(PruneCounts::default());
        }
        self.write(|transaction| prune::step(transaction, &cutoffs))
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
            let mut statement = connection.prepare(VACUUM_SOME)?;
            let mut rows = statement.query(())?;
            // Each step frees one page.
            while rows.next()?.is_some() {}
            let pages = free - number("PRAGMA freelist_count")?;
            Ok(unsigned(pages * number("PRAGMA page_size")?))
        })
    }

    fn index(&mut self) -> Result<u64> {
        let limit = self.index_limit;
        let mut start = Instant::now();
        let rows = self.write(|transaction| {
            // Not the wait for other processes.
            start = Instant::now();
            let counted = counted::count_some(transaction, limit)?;
            let indexed = match search::prepare_indexes(transaction)? {
                true => {
                    ACTIVITIES.index_some(transaction, limit)?
                        + EVENTS.index_some(transaction, limit)?
                }
                false => 0,
            };
            Ok(counted.max(indexed))
        })?;
        self.index_limit = match start.elapsed() {
            took if took > INDEX_STEP => limit / 2,
            took if took < INDEX_STEP / 2 && rows >= unsigned(limit) => limit * 2,
            _ => limit,
        }
        .clamp(FEWEST_INDEXED, MOST_INDEXED);
        Ok(rows)
    }

    fn check(&mut self, now: DateTime<Utc>) -> Result<bool> {
        self.check_step(now.timestamp_micros())
    }

    fn accept(&mut self, progress: &mut dyn FnMut(f64)) -> Result<()> {
        self.accept_all(progress)
    }

    fn restore_schema(&mut self) -> Result<Vec<String>> {
        self.write(|transaction| schema::restore(transaction))
    }

    fn erasable(&mut self, actor: &str) -> Result<EraseCounts> {
        self.count_erasable(actor)
    }

    fn erase(
        &mut self,
        actor: &str,
        progress: &mut dyn FnMut(&EraseCounts),
    ) -> Result<EraseCounts> {
        self.erase_actor(actor, progress)
    }

    fn rename(&mut self, ids: &[(ActivityId, ActivityId)]) -> Result<()> {
        self.write(|transaction| relink::add_renamed(transaction, ids))
    }

    fn relink(
        &mut self,
        activities: Position<ActivityRecord>,
        events: Position<EventRecord>,
    ) -> Result<()> {
        self.relink_renamed(activities.seq(), events.seq())
    }

    fn rebuildable(&mut self, from: i64) -> Result<Range<i64>> {
        self.read(|connection| {
            let id = first_id(from);
            let ends =
                connection.query_row(QUARTERS, params![QUARTER_US, from, id.as_bytes()], |row| {
                    Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
                });
            Ok(match ends? {
                // Another program may have written any start.
                (Some(first), Some(last)) if last >= from => first.max(from)..last + 1,
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
                    recompute::rebuild(transaction, first..pruned)?;
                }
                first = first.max(last + 1);
            }
            if first < quarters.end {
                recompute::rebuild(transaction, first..quarters.end)?;
            }
            Ok(())
        })
    }
}

impl SqliteMaintenance {
    fn cutoffs(&mut self, what: Prune) -> Result<Cutoffs> {
        let reading = match what {
            Prune::ByDate(limits, now) => {
                let now_us = now.timestamp_micros();
                return self.read(|connection| Cutoffs::by_date(connection, &limits, now_us));
            }
            Prune::Retention(reading) => reading,
        };
        let running = match self.running.filter(|clock| clock.age(reading) < TICK) {
            Some(running) => running,
            None => self.tick(reading)?,
        };
        let now_us = running.earlier(reading).timestamp_micros();
        let latest_us = running.now_us(reading).max(reading.wall.timestamp_micros());
        self.read(|connection| {
            let limits = retention::read(connection)?.or(Retention::DEFAULT);
            Cutoffs::by_commit(connection, &limits, now_us, latest_us + TOLERANCE_US)
        })
    }
}
