//! The read side: all logs as one.

mod follow;
mod health;
mod list;
mod recording;
mod row;

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use tokio_postgres::{Row, Transaction};

use self::list::Listed;
use super::{
    connection::{Connection, Failed, Parameter, query},
    migrate,
};
use crate::{
    error::Result,
    record::{ActivityId, ChunkRecord, Filter, RecordingId, RecordingRecord},
    store::{
        AHEAD, CommitPage, Cursor, Health, LARGEST_PAGE, List, Position, ReadOptions, Reader,
        Source,
    },
};

/// Begins a transaction in which nothing changes.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Reads a central store.
#[derive(Debug)]
pub(super) struct PostgresReader {
    connection: Connection,
    options: ReadOptions,
}

/// A transaction in which nothing changes.
pub(super) struct Snapshot<'a> {
    transaction: &'a Transaction<'a>,
    /// Records dated from this instant on are ahead of the present.
    ahead_from: DateTime<Utc>,
    options: ReadOptions,
}

impl Snapshot<'_> {
    async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failed> {
        self.options.check("read the store")?;
        Ok(query(self.transaction, sql, parameters).await?)
    }
}

impl PostgresReader {
    pub(super) fn open(mut connection: Connection) -> Result<Self> {
        connection.transaction(SNAPSHOT, async |transaction| {
            migrate::check_current(transaction).await
        })?;
        Ok(PostgresReader {
            connection,
            options: ReadOptions::default(),
        })
    }

    fn snapshot<T>(
        &mut self,
        read: impl AsyncFnOnce(&Snapshot<'_>) -> Result<T, Failed>,
    ) -> Result<T> {
        self.options.check("read the store")?;
        let options = self.options.clone();
        let begin = match options.deadline {
            // A session's setting would reach other clients of a pooler.
            Some(deadline) => {
                let left = deadline.saturating_duration_since(std::time::Instant::now());
                format!(
                    "{SNAPSHOT}; SET LOCAL statement_timeout = {}",
                    left.as_millis().max(1)
                )
            }
            None => SNAPSHOT.to_owned(),
        };
        self.connection.transaction(&begin, async |transaction| {
            let snapshot = Snapshot {
                transaction,
                ahead_from: options.now() + AHEAD,
                options,
            };
            read(&snapshot).await
        })
    }
}

impl<R: Listed> Source<R> for PostgresReader {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::check_filter(filter)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| list::list(snapshot, filter, cursor, limit).await)
    }

    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        R::check_filter(filter)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| follow::after(snapshot, position, filter, limit).await)
    }

    fn newest(&mut self) -> Result<Position<R>> {
        self.snapshot(async |snapshot| follow::newest(snapshot).await)
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        self.snapshot(async |snapshot| list::get(snapshot, id).await)
    }
}

impl Reader for PostgresReader {
    fn options(&mut self) -> &mut ReadOptions {
        &mut self.options
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        self.snapshot(async |snapshot| {
            let found = recording::with_ids(snapshot, &[id]).await?;
            Ok(found.into_iter().next())
        })
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        self.snapshot(async |snapshot| recording::of_activity(snapshot, activity).await)
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| recording::ids(snapshot, &range, limit).await)
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| recording::chunks(snapshot, id, from, limit).await)
    }

    fn health(&mut self) -> Result<Health> {
        self.snapshot(async |snapshot| health::health(snapshot).await)
    }
}
