//! The read side: all logs as one.

mod follow;
mod health;
mod list;
mod recording;
mod row;
mod sums;

use std::{
    collections::HashMap,
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, Utc};
use tokio_postgres::{Row, Transaction};

use self::list::Listed;
use super::{
    connection::{Connection, Failed, Parameter, query},
    migrate,
};
use crate::{
    error::Result,
    record::{ActivityId, ChunkRecord, Filter, Has, RecordingId, RecordingRecord, Text},
    store::{
        AHEAD, Bucket, CommitPage, Cursor, Dimension, Gaps, Grain, Health, LARGEST_PAGE,
        LARGEST_SCAN, List, Position, Quarter, ReadOptions, Reader, SampleTotals, Source, Subject,
        Total, TurnHistory, Turns, during, scan,
    },
};

/// Begins a transaction in which nothing changes.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// The most activities that are scanned for the turns of names and brands, which have no sums of them.
const TURN_SCAN: u64 = 200_000;

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

    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<Vec<Bucket>> {
        self.snapshot(async |snapshot| sums::buckets(snapshot, of, &quarters).await)
    }

    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        let (mut totals, count) = self.snapshot(async |snapshot| {
            let totals = sums::totals(snapshot, by, &quarters).await?;
            Ok((totals, sums::count(snapshot, &quarters).await?))
        })?;
        if matches!(by, Dimension::Name | Dimension::Brand) && count <= TURN_SCAN {
            let mut of_agents = Filter::default();
            of_agents.has.any_of.push(Has::Agent);
            let mut found = SampleTotals::new(by);
            self.scan(&during(of_agents, quarters), &mut |one| found.add(&one))?;
            let found = found.finish().into_iter();
            let mut turns: HashMap<Text, Turns> =
                found.filter_map(|one| Some((one.id, one.turns?))).collect();
            for total in &mut totals {
                // Without an activity that has an agent there are no turns.
                total.turns = Some(turns.remove(&total.id).unwrap_or_default());
            }
        }
        Ok(totals)
    }

    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<TurnHistory> {
        let (stats, count) = self.snapshot(async |snapshot| {
            let stats = sums::turn_stats(snapshot, of, &quarters).await?;
            Ok((stats, sums::count(snapshot, &quarters).await?))
        })?;
        match stats {
            Some(stats) => Ok(TurnHistory::new(quarters.start, stats)),
            None if count <= LARGEST_SCAN as u64 => scan::turn_stats(self, of, quarters),
            None => Ok(TurnHistory::new(quarters.end, Vec::new())),
        }
    }

    fn gaps(&mut self, quarters: Range<Quarter>) -> Result<Gaps> {
        self.snapshot(async |snapshot| sums::gaps(snapshot, &quarters).await)
    }

    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        self.snapshot(async |snapshot| sums::oldest_quarter(snapshot).await)
    }
}
