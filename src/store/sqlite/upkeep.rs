//! Upkeep: pruning and rebuilding, a short transaction at a time.

use std::{collections::BTreeSet, fmt, mem, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    error::{Error, Result},
    record::{ActivityId, Kind, Status},
    store::{
        Cutoffs, Erased, KeepRecordings, Pruned, QUARTER_US, Upkeep,
        sqlite::{
            Place,
            agents::{self, AgentRow, Agents, Nesting},
            bucket::{Buckets, Fold},
            connection,
            process::{Connected, Process},
            recording,
            search::{ACTIVITIES, EVENTS, Indexed},
            write::status_number,
        },
    },
};

/// Rows that one step deletes: some tens of milliseconds.
const STEP: i64 = 1_000;
/// How long a step waits for the writers' transactions, which come one after the other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

// Of a deleted row that had the highest seq the number would be given again, to a row that followers then miss.
const OLD_ACTIVITIES: &str =
    "FROM activity INDEXED BY activity_id WHERE id < ?1 AND seq < (SELECT max(seq) FROM activity)";
const OLD_EVENTS: &str =
    "FROM event INDEXED BY event_id WHERE id < ?1 AND seq < (SELECT max(seq) FROM event)";
const OLD_PREVIEWS: &str =
    "FROM preview JOIN activity ON activity.seq = preview.activity WHERE activity.id < ?1";
const OLD_SUMS: &str = "FROM bucket WHERE quarter < ?1";

const SOME_ROWS: &str = "SELECT seq, id ";
const SOME_PREVIEWS: &str = "SELECT preview.activity, activity.id ";
const OLDEST_FIRST: &str = " ORDER BY id LIMIT ?2";
const SOME: &str = " LIMIT ?2";
const COUNT: &str = "SELECT count(*) ";
const DELETE_ACTIVITY: &str = "DELETE FROM activity WHERE seq = ?1";
const DELETE_EVENT: &str = "DELETE FROM event WHERE seq = ?1";
const DELETE_PREVIEW: &str = "DELETE FROM preview WHERE activity = ?1";
const DELETE_SUMS: &str = "DELETE FROM bucket WHERE (scope, scope_id, quarter) IN \
     (SELECT scope, scope_id, quarter FROM bucket WHERE quarter < ?1 ORDER BY quarter LIMIT ?2) \
     RETURNING scope = 4, scope_id, quarter";
const DELETE_QUARTERS: &str = "DELETE FROM bucket WHERE quarter >= ?1 AND quarter < ?2";

/// 256 pages are 2 MB.
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(256)";

const COMPLETE_FROM: &str =
    "SELECT coalesce(max(value), ?1) FROM mark WHERE name = 'complete_from'";
const MARK: &str = "INSERT INTO mark (name, value) VALUES ('complete_from', ?1) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
const MARK_SUMS: &str = "INSERT INTO mark (name, value) VALUES ('sums_from', ?1) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
const QUARTERS: &str = "SELECT min(first), max(last) FROM ( \
     SELECT min(quarter) AS first, max(quarter) AS last FROM bucket WHERE scope = 0 AND scope_id = 0 \
     UNION ALL SELECT (SELECT started_at FROM activity ORDER BY id LIMIT 1) / ?1, \
                      (SELECT started_at FROM activity ORDER BY id DESC LIMIT 1) / ?1)";
const ROWS: &str = "SELECT started_at, status, duration_ns, name, project, brand, seq, agent, \
     kind = (SELECT id FROM text WHERE value = ?3), root IS NULL FROM activity WHERE id >= ?1 AND id < ?2";

/// A connection that tends a store.
pub(super) struct SqliteUpkeep {
    connection: Arc<Mutex<Connection>>,
    /// The file, where there is one.
    path: PathBuf,
    process: Process,
    /// Declared last: it is counted until it is closed.
    _connected: Option<Connected>,
}

impl SqliteUpkeep {
    /// Opens the store in this place, which must exist.
    pub(super) fn open(place: &Place) -> Result<Self> {
        let (connection, path, connected) = match place {
            Place::Memory(connection) => (connection.clone(), PathBuf::from(":memory:"), None),
            Place::File(path, _) => {
                let connected = Connected::to(path)?;
                // Says what is wrong with a file that is none, before one is made.
                drop(connection::open_to_read(path)?);
                let connection = connection::open_to_write(path)?;
                let patient = connection.busy_timeout(BUSY_TIMEOUT);
                patient.map_err(|cause| connection::at(path, cause))?;
                (
                    Arc::new(Mutex::new(connection)),
                    path.clone(),
                    Some(connected),
                )
            }
        };
        Ok(SqliteUpkeep {
            connection,
            path,
            process: Process::own(),
            _connected: connected,
        })
    }

    /// The connection, unless it is the copy of a parent's.
    fn connection(&self) -> Result<MutexGuard<'_, Connection>> {
        self.process.check()?;
        Ok(self.connection.lock())
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&*self.connection()?).map_err(|cause| connection::at(&self.path, cause))
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection()?;
        let all = || {
            let immediate = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        all().map_err(|cause| connection::at(&self.path, cause))
    }
}

impl Upkeep for SqliteUpkeep {
    fn prunable(&mut self, cutoffs: &Cutoffs) -> Result<Pruned> {
        self.read(|connection| {
            let count = |of: &str, before: Option<DateTime<Utc>>| match before {
                None => Ok(0),
                Some(before) => {
                    let sql = [COUNT, of].concat();
                    let count = connection.query_row(&sql, [bound(before)], |row| row.get(0));
                    count.map(|count: i64| count.max(0).cast_unsigned())
                }
            };
            let sums = cutoffs.sums.map_or(Ok(0), |before| {
                let sql = [COUNT, OLD_SUMS].concat();
                let count = connection.query_row(&sql, [first_kept(before)], |row| row.get(0));
                count.map(|count: i64| count.max(0).cast_unsigned())
            })?;
            let recordings = cutoffs.recordings.map_or(Ok(Pruned::default()), |before| {
                recording::prunable(connection, &bound(before))
            })?;
            Ok(Pruned {
                activities: count(OLD_ACTIVITIES, cutoffs.activities)?,
                events: count(OLD_EVENTS, cutoffs.events)?,
                previews: count(OLD_PREVIEWS, cutoffs.previews)?,
                sums,
                ..recordings
            })
        })
    }

    fn prune(&mut self, cutoffs: &Cutoffs) -> Result<Pruned> {
        self.write(|transaction| {
            let mut pruned = Pruned::default();
            if let Some(before) = cutoffs.activities {
                let sql = [SOME_ROWS, OLD_ACTIVITIES, OLDEST_FIRST].concat();
                let deletes = [DELETE_PREVIEW, DELETE_ACTIVITY];
                pruned.activities = delete(transaction, &sql, &deletes, before, &ACTIVITIES)?;
                if pruned.activities > 0 {
                    transaction.execute(MARK, [first_complete(before)])?;
                }
            }
            if let Some(before) = cutoffs.events {
                let sql = [SOME_ROWS, OLD_EVENTS, OLDEST_FIRST].concat();
                pruned.events = delete(transaction, &sql, &[DELETE_EVENT], before, &EVENTS)?;
            }
            if let Some(before) = cutoffs.previews {
                let sql = [SOME_PREVIEWS, OLD_PREVIEWS, SOME].concat();
                pruned.previews =
                    delete(transaction, &sql, &[DELETE_PREVIEW], before, &ACTIVITIES)?;
            }
            if let Some(before) = cutoffs.sums {
                let first = first_kept(before);
                pruned.sums = delete_sums(transaction, first)?;
                if pruned.sums > 0 {
                    // What was deleted on purpose is not to come back.
                    transaction.execute(MARK, [first])?;
                    transaction.execute(MARK_SUMS, [first])?;
                }
            }
            if let Some(before) = cutoffs.recordings {
                let keep = KeepRecordings {
                    since_us: before.timestamp_micros(),
                    bytes: u64::MAX,
                };
                pruned.add(recording::prune(transaction, keep)?);
            }
            Ok(pruned)
        })
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
            Agents::committed(transaction, before, followed)?.fold(transaction)?;
            Ok(count + EVENTS.follow(transaction)?)
        })
    }

    fn erasable(&mut self, actor: &str) -> Result<Erased> {
        self.count_of(actor)
    }

    fn erase(&mut self, actor: &str, told: &mut dyn FnMut(&Erased)) -> Result<Erased> {
        self.erase_all_of(actor, told)
    }

    fn rebuildable(&mut self) -> Result<Range<i64>> {
        self.read(rebuildable)
    }

    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()> {
        let possible = self.write(|transaction| {
            let possible = rebuildable(transaction)?;
            let asked = quarters.start >= possible.start && quarters.end <= possible.end;
            if asked {
                rebuild(transaction, quarters.clone())?;
            }
            Ok(asked)
        })?;
        if possible {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "cannot rebuild the sums of the quarters {quarters:?}: not all of their activities are on record"
        )))
    }
}

/// Deletes what is found, at most a step of it. Returns how much that was.
fn delete(
    transaction: &Transaction<'_>,
    find: &str,
    deletes: &[&str],
    before: DateTime<Utc>,
    index: &Indexed,
) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached(find)?;
    let found = statement.query_map(params![bound(before), STEP], |row| {
        let id = ActivityId::from_bytes(row.get(1)?);
        Ok((row.get(0)?, id.started_at_us()))
    })?;
    let found = found.collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    for sql in deletes {
        let mut delete = transaction.prepare_cached(sql)?;
        for (seq, _) in &found {
            delete.execute([seq])?;
        }
    }
    let starts: BTreeSet<i64> = found.iter().map(|(_, start)| *start).collect();
    index.refresh(transaction, starts)?;
    Ok(found.len() as u64)
}

/// Deletes some of the sums before a quarter. Returns how many.
fn delete_sums(transaction: &Transaction<'_>, first_kept: i64) -> rusqlite::Result<u64> {
    let (mut count, mut of_agents) = (0, BTreeSet::new());
    let mut delete = transaction.prepare_cached(DELETE_SUMS)?;
    let mut rows = delete.query(params![first_kept, STEP])?;
    while let Some(row) = rows.next()? {
        count += 1;
        if row.get(0)? {
            of_agents.insert((row.get(1)?, row.get(2)?));
        }
    }
    agents::forget(transaction, &of_agents)?;
    Ok(count)
}

fn rebuildable(connection: &Connection) -> rusqlite::Result<Range<i64>> {
    let (first, last): (Option<i64>, Option<i64>) =
        connection.query_row(QUARTERS, [QUARTER_US], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(0..0);
    };
    let complete: i64 = connection.query_row(COMPLETE_FROM, [first], |row| row.get(0))?;
    let first = first.max(complete);
    Ok(first..first.max(last + 1))
}

fn rebuild(transaction: &Transaction<'_>, quarters: Range<i64>) -> rusqlite::Result<()> {
    transaction.execute(DELETE_QUARTERS, params![quarters.start, quarters.end])?;
    let mut buckets = Buckets::default();
    let mut statement = transaction.prepare_cached(ROWS)?;
    let id = |quarter: i64| ActivityId::from_parts(quarter.saturating_mul(QUARTER_US), 0);
    let (first, end) = (id(quarters.start), id(quarters.end));
    let turn = Kind::Turn.as_str();
    let mut rows = statement.query(params![first.as_bytes(), end.as_bytes(), turn])?;
    let followed = ACTIVITIES.followed(transaction)?;
    let mut agents = Agents::default();
    while let Some(row) = rows.next()? {
        let code: i64 = row.get(1)?;
        let status = Status::ALL
            .into_iter()
            .find(|one| status_number(*one) == code);
        let duration_ns: Option<i64> = row.get(2)?;
        let fold = Fold {
            started_at_us: row.get(0)?,
            status: status.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, code))?,
            duration_ns: duration_ns.map(|ns| ns.max(0).cast_unsigned()),
            name: row.get(3)?,
            project: row.get(4)?,
            brand: row.get(5)?,
        };
        buckets.add(fold);
        // What comes after that is added to the sums of agents later.
        if row.get::<_, i64>(6)? <= followed
            && let Some(agent) = row.get(7)?
        {
            agents.add(AgentRow {
                agent,
                project: fold.project,
                started_at_us: fold.started_at_us,
                status: fold.status,
                duration_ns: fold.duration_ns,
                nesting: Nesting::of(row.get(8)?, row.get(9)?),
            });
        }
    }
    buckets.fold(transaction)?;
    agents::rebuild(transaction, &quarters, agents)
}

/// The smallest id of what started then.
fn bound(before: DateTime<Utc>) -> [u8; 16] {
    *ActivityId::lower_bound(before).as_bytes()
}

/// The quarter that an instant lies in: the first whose sums are kept.
fn first_kept(before: DateTime<Utc>) -> i64 {
    before.timestamp_micros().div_euclid(QUARTER_US)
}

/// The first quarter of which nothing lies before an instant.
fn first_complete(before: DateTime<Utc>) -> i64 {
    let us = before.timestamp_micros();
    us.div_euclid(QUARTER_US) + i64::from(us.rem_euclid(QUARTER_US) > 0)
}

impl Drop for SqliteUpkeep {
    fn drop(&mut self) {
        if self.process.is_other() {
            // Not even to be closed there: see `process`.
            mem::forget(self.connection.clone());
        }
    }
}

impl fmt::Debug for SqliteUpkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteUpkeep")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
