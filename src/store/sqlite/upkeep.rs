//! Upkeep: pruning and rebuilding, a short transaction at a time.

use std::{fmt, mem, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    error::{Error, Result},
    record::{ActivityId, Kind, Status},
    store::{
        Cutoffs, Erased, Pruned, QUARTER_US, Upkeep,
        sqlite::{
            Place,
            agents::{self, AgentRow, Agents, Nesting},
            bucket::{Buckets, Fold},
            connection, hour,
            process::{Connected, Process},
            prune,
            search::{ACTIVITIES, EVENTS},
            write::status_number,
        },
    },
};

/// How long a step waits for the writers' transactions, which come one after the other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// 64 MB: every agent adds to pages of its own, and those of some thousands are to stay in memory.
const CACHE: &str = "PRAGMA cache_size = -65536";
const DELETE_QUARTERS: &str = "DELETE FROM bucket WHERE quarter >= ?1 AND quarter < ?2";

/// 256 pages are 2 MB.
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(256)";

const COMPLETE_FROM: &str =
    "SELECT coalesce(max(value), ?1) FROM mark WHERE name = 'complete_from'";
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
                let set_up = connection
                    .busy_timeout(BUSY_TIMEOUT)
                    .and_then(|()| connection.execute_batch(CACHE));
                set_up.map_err(|cause| connection::at(path, cause))?;
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
        self.read(|connection| prune::count(connection, cutoffs))
    }

    fn prune(&mut self, cutoffs: &Cutoffs) -> Result<Pruned> {
        if !self.read(|connection| prune::is_due(connection, cutoffs))? {
            return Ok(Pruned::default());
        }
        self.write(|transaction| prune::step(transaction, cutoffs))
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
    agents::rebuild(transaction, &quarters, agents)?;
    // Also where there is nothing any more.
    hour::add_up(transaction, quarters)
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
