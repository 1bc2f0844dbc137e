//! The read side: all logs as one.

mod attributes;
mod check;
mod compile;
mod dictionary;
mod expiry;
mod failures;
mod follow;
mod health;
mod indexed;
mod list;
mod recording;
mod row;
mod scan;
mod search;
mod sums;
mod tree;

use std::{
    collections::HashMap,
    ops::{Range, RangeInclusive},
    time::Instant,
};

use chrono::{DateTime, Utc};
use tokio_postgres::{Client, Row, SimpleQueryMessage, types::ToSql};

use self::{compile::Value, expiry::before_expiry, list::Listed};
use super::{
    connection::{Connection, Failed, Parameter},
    maintenance::{retention, token},
    schema,
};
use crate::{
    error::Result,
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, Fingerprint, Has,
        RecordingId, RecordingRecord, Status, Text,
    },
    store::{
        AHEAD, AccessToken, ActivitySample, AttributeSample, Bucket, Check, CommitPage,
        CountedActivity, Cursor, Descendants, Dimension, FailureGroup, Gaps, Grain, Grouping,
        Health, LARGEST_PAGE, LARGEST_SCAN, List, Position, Quarter, ReadOptions, Reader, Record,
        Retention, SampleTotals, Source, Subject, Total, TreePage, TurnHistory, Turns, TypeCount,
        Vitals,
        codes::{Code, SumScope},
        during, scan as unindexed,
    },
};

/// Begins a transaction in which nothing changes. A page is read in less time than workers start, or a plan is compiled.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";
const NOW: &str = "SELECT (extract(epoch FROM now()) * 1000000)::bigint";

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
    client: &'a Client,
    present: DateTime<Utc>,
    /// Records dated from this instant on are ahead of the present.
    ahead_from: DateTime<Utc>,
    options: ReadOptions,
}

impl Snapshot<'_> {
    /// Runs a query.
    ///
    /// # Errors
    ///
    /// If it has not ended by the deadline, or was cancelled (`is_timeout`).
    async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failed> {
        let query = self.client.query_typed(sql, parameters);
        before_expiry(&self.options, query).await
    }

    async fn query_values(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failed> {
        let parameters = values.iter().map(|(value, of)| {
            let value: &(dyn ToSql + Sync) = &**value;
            (value, of.clone())
        });
        self.query(sql, &parameters.collect::<Vec<_>>()).await
    }
}

impl PostgresReader {
    pub(super) fn open(mut connection: Connection) -> Result<Self> {
        connection.transaction("SET TRANSACTION READ ONLY", async |transaction| {
            schema::check_current(transaction).await
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
                let left = deadline.saturating_duration_since(Instant::now());
                let left = left.as_millis().clamp(1, i32::MAX as u128);
                format!("{SNAPSHOT}; SET LOCAL statement_timeout = {left}; {NOW}")
            }
            None => format!("{SNAPSHOT}; {NOW}"),
        };
        let begin = async |client: &Client| {
            let begun = client.simple_query(&begin);
            before_expiry(&self.options, begun).await
        };
        self.connection.read(&begin, async |client, begun| {
            let present = present(&options, &begun)?;
            let ahead_from = present.checked_add_signed(AHEAD);
            let snapshot = Snapshot {
                client,
                present,
                ahead_from: ahead_from.unwrap_or(DateTime::<Utc>::MAX_UTC),
                options,
            };
            read(&snapshot).await
        })
    }
}

/// Returns the later of the wall clock and the server's, in the answer to [`NOW`]. A clock that the caller has set is right.
fn present(options: &ReadOptions, answer: &[SimpleQueryMessage]) -> Result<DateTime<Utc>> {
    let wall = options.now();
    if options.clock.is_some() {
        return Ok(wall);
    }
    let server = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    Ok(server
        .map(row::instant)
        .map_or(wall, |server| server.max(wall)))
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

    fn behind(&mut self, position: Position<R>) -> Result<u64> {
        self.snapshot(async |snapshot| follow::behind(snapshot, position).await)
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        Ok(self.get_all(&[id])?.pop())
    }

    fn get_all(&mut self, ids: &[R::Id]) -> Result<Vec<R>> {
        self.snapshot(async |snapshot| list::get_all(snapshot, ids).await)
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
            None if count <= LARGEST_SCAN as u64 => unindexed::turn_stats(self, of, quarters),
            None => Ok(TurnHistory::new(quarters.end, Vec::new())),
        }
    }

    fn gaps(&mut self, quarters: Range<Quarter>) -> Result<Gaps> {
        self.snapshot(async |snapshot| sums::gaps(snapshot, &quarters).await)
    }

    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        self.snapshot(async |snapshot| sums::oldest_quarter(snapshot).await)
    }

    fn vitals(&mut self) -> Result<Vitals> {
        self.snapshot(async |snapshot| health::vitals(snapshot).await)
    }

    fn newest_recordings(
        &mut self,
        before: Option<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingRecord>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| recording::newest(snapshot, before, limit).await)
    }

    fn count_after(
        &mut self,
        position: Position<ActivityRecord>,
        filter: &Filter,
        limit: usize,
        take: &mut dyn FnMut(CountedActivity),
    ) -> Result<CommitPage<ActivityRecord>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| {
            follow::count_after(snapshot, position, filter, limit, take).await
        })
    }

    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| scan::ids(snapshot, range.into_inner(), limit).await)
    }

    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        self.snapshot(async |snapshot| tree::tree(snapshot, root).await)
    }

    fn tree_page(
        &mut self,
        root: ActivityId,
        filter: &Filter,
        after: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<TreePage> {
        ActivityRecord::check_filter(filter)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| tree::page(snapshot, root, filter, after, limit).await)
    }

    fn descendants(&mut self, roots: &[ActivityId], filter: &Filter) -> Result<Vec<Descendants>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| tree::descendants(snapshot, roots, filter).await)
    }

    fn root_cause(
        &mut self,
        activity: &ActivityRecord,
        filter: &Filter,
    ) -> Result<Vec<ActivityRecord>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| tree::root_cause(snapshot, activity, filter).await)
    }

    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(async |snapshot| scan::events_of(snapshot, activity, limit).await)
    }

    fn failures(&mut self, filter: &Filter) -> Result<Vec<FailureGroup>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| failures::groups(snapshot, filter).await)
    }

    fn first_failures(
        &mut self,
        filter: &Filter,
        of: &[Fingerprint],
    ) -> Result<HashMap<Fingerprint, ActivityId>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| failures::first(snapshot, filter, of).await)
    }

    fn scan(&mut self, filter: &Filter, take: &mut dyn FnMut(ActivitySample)) -> Result<()> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| scan::samples(snapshot, filter, take).await)
    }

    fn totals_by(&mut self, by: &Grouping, filter: &Filter) -> Result<Vec<Total>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| scan::totals_by(snapshot, by, filter).await)
    }

    fn scan_attributes(
        &mut self,
        filter: &Filter,
        take: &mut dyn FnMut(AttributeSample),
    ) -> Result<()> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| attributes::scan(snapshot, filter, take).await)
    }

    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        EventRecord::check_filter(filter)?;
        self.snapshot(async |snapshot| scan::event_types(snapshot, filter).await)
    }

    fn is_known(&mut self, subject: &Subject) -> Result<bool> {
        let Subject::One(dimension, text) = subject else {
            return Ok(true);
        };
        let scope = match dimension {
            Dimension::Project => SumScope::Project,
            Dimension::Agent => SumScope::Agent,
            Dimension::Name => SumScope::Name,
            Dimension::Brand => SumScope::Brand,
        };
        let scope = scope.code() as i16;
        let mut ended = subject.filter();
        ended.status.none_of.push(Status::Running);
        self.snapshot(async |snapshot| {
            if scan::has_sums(snapshot, scope, text).await? {
                return Ok(true);
            }
            let one = list::list::<ActivityRecord>(snapshot, &ended, None, 1).await?;
            Ok(!one.records.is_empty())
        })
    }

    fn present(&mut self) -> Result<DateTime<Utc>> {
        self.snapshot(async |snapshot| Ok(snapshot.present))
    }

    fn retention(&mut self) -> Result<Retention> {
        self.snapshot(async |snapshot| {
            Ok(retention::read(
                &snapshot.query(retention::LIMITS, &[]).await?,
            ))
        })
    }

    fn tokens(&mut self) -> Result<Vec<AccessToken>> {
        self.snapshot(async |snapshot| {
            let rows = snapshot.query(token::READ, &[]).await?;
            Ok(rows.iter().map(token::read).collect::<Result<_>>()?)
        })
    }

    fn check(&mut self, progress: &mut dyn FnMut(f64)) -> Result<Check> {
        check::check(self, progress)
    }
}
