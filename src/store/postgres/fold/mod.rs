//! Counts accepted batches in the sums, and gives them their place in the order of all logs.
//!
//! One intake folds at a time, so that sums are rows without a log that have one writer: it reads those that change, adds to them, and
//! writes them back. Only rows that carry a batch count, that is, those that it inserted.

pub(super) mod agents;
pub(super) mod buckets;
pub(super) mod failures;

use std::time::{Duration, Instant};

use tokio_postgres::{Row, Transaction, types::Type};
use uuid::Uuid;

use super::connection::{Connection, Failed, Parameter, query};
use crate::{
    error::Result,
    record::{ActivityId, Status},
    store::{
        codes::Code,
        sums::{
            AgentRow, AgentSums, BucketRow, Buckets, FailureSum, Failures, Nesting, quarter_of,
        },
    },
};

/// Sums are looked up by their keys: of a batch that was recorded in many quarter hours, the planner would read whole tables instead.
const BEGIN: &str = "SET LOCAL lock_timeout = '5s'; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
     SET LOCAL enable_mergejoin = off; SET LOCAL jit = off";
/// Locks the last ordinal: one intake folds at a time. The lock ends with its transaction, as a pooler needs it.
const NEXT: &str =
    "SELECT id, min_activity, max_activity, is_last FROM tower_activity.begin_fold()";
const UNFOLDED: &str = "SELECT min(id), max(id) FROM tower_activity.batch WHERE ordinal IS NULL";
const DONE: &str = "SELECT tower_activity.end_fold($1)";
const ROWS: &str = " FROM tower_activity.activity WHERE batch = ANY($1) AND id >= $2 AND id <= $3";
/// The columns that sums are computed from.
pub(super) const COLUMNS: &str = "SELECT id, started_at, status, duration_ns, name, project, brand, agent, \
       kind = (SELECT id FROM tower_activity.text WHERE value = 'turn') AS is_turn, root IS NULL AS is_root, \
       fingerprint, error_type";

/// How long an intake that ends waits for another one that counts, and the time between two looks. A process that was killed while it
/// counted holds the lock until the server notices.
pub(super) const MOST_WAIT: Duration = Duration::from_secs(10);
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// How long an intake folds before it sends again: other logs may be accepted faster than they are folded.
const LONGEST: Duration = Duration::from_secs(2);

/// Folds batches that were accepted, in the order of their ids, some in a transaction: until this one is folded, or as many as a turn takes.
/// Returns their number; 0 if another intake is folding.
pub(super) fn fold(connection: &mut Connection, up_to: i64) -> Result<u64> {
    let (start, mut count) = (Instant::now(), 0);
    loop {
        let folded = connection.transaction(BEGIN, async |transaction| next(transaction).await)?;
        count += folded.count;
        // What has come meanwhile is left to the next turn, which folds it together with more.
        let is_done = folded.is_last || folded.last.is_none_or(|last| last >= up_to);
        if is_done || start.elapsed() >= LONGEST {
            return Ok(count);
        }
    }
}

/// Batches that were folded in one transaction.
#[derive(Default)]
struct Folded {
    count: u64,
    /// The id of the last one; `None` if there are none, or another intake is folding them.
    last: Option<i64>,
    /// No other batch was left.
    is_last: bool,
}

/// Returns the first and the last batch that are not folded; `None` if all are.
pub(super) fn unfolded(connection: &mut Connection) -> Result<Option<(i64, i64)>> {
    connection.transaction(BEGIN, async |transaction| {
        let ends = &query(transaction, UNFOLDED, &[]).await?[0];
        let end = |column| ends.get::<_, Option<i64>>(column);
        Ok(end(0).zip(end(1)))
    })
}

/// Folds the next batches.
async fn next(transaction: &Transaction<'_>) -> Result<Folded, Failed> {
    let batches = query(transaction, NEXT, &[]).await?;
    let Some(last) = batches.last() else {
        return Ok(Folded::default());
    };
    let folded = Folded {
        count: batches.len() as u64,
        last: last.get(0),
        is_last: last.get(3),
    };
    let ids: Vec<i64> = batches.iter().map(|row| row.get(0)).collect();
    let bounds = |column| {
        let bounds = batches.iter();
        bounds.filter_map(move |row| row.get::<_, Option<Uuid>>(column))
    };
    if let (Some(min), Some(max)) = (bounds(1).min(), bounds(2).max()) {
        let parameters: [Parameter<'_>; 3] = [
            (&ids, Type::INT8_ARRAY),
            (&min, Type::UUID),
            (&max, Type::UUID),
        ];
        let sql = [COLUMNS, ROWS].concat();
        let activities = query(transaction, &sql, &parameters).await?;
        if !activities.is_empty() {
            Counted::new(&activities).fold(transaction).await?;
        }
    }
    query(transaction, DONE, &[(&ids, Type::INT8_ARRAY)]).await?;
    Ok(folded)
}

/// The sums of some rows.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) buckets: Buckets,
    pub(super) agents: AgentSums,
    pub(super) failures: Failures,
}

impl Counted {
    /// Counts rows of [`COLUMNS`].
    pub(super) fn new(rows: &[Row]) -> Self {
        let mut counted = Counted::default();
        for row in rows {
            // A row with a status of a later version is left out of every sum, as in a file.
            if let Some(status) = Status::from_code(i64::from(row.get::<_, i16>("status"))) {
                counted.add(row, status);
            }
        }
        counted
    }

    fn add(&mut self, row: &Row, status: Status) {
        let started_at_us = row.get("started_at");
        let duration_ns = row.get::<_, Option<i64>>("duration_ns");
        let duration_ns = duration_ns.map(|ns| ns.max(0).cast_unsigned());
        let project = row.get("project");
        self.buckets.add(BucketRow {
            started_at_us,
            status,
            duration_ns,
            name: row.get("name"),
            project,
            brand: row.get("brand"),
        });
        if let Some(agent) = row.get("agent") {
            self.agents.add(AgentRow {
                agent,
                project,
                started_at_us,
                status,
                duration_ns,
                nesting: Nesting::new(row.get("is_turn"), row.get("is_root")),
            });
        }
        if let Some(fingerprint) = row.get("fingerprint") {
            let id = ActivityId::from_bytes(row.get::<_, Uuid>("id").into_bytes());
            let one = FailureSum {
                name: row.get("name"),
                error_type: row.get("error_type"),
                count: 1,
                first: id,
                last: id,
            };
            self.failures
                .add((quarter_of(started_at_us), fingerprint), one);
        }
    }

    async fn fold(mut self, transaction: &Transaction<'_>) -> Result<(), Failed> {
        agents::fold(transaction, &self.agents).await?;
        self.buckets.add_agents(self.agents.sums);
        buckets::fold(transaction, self.buckets).await?;
        failures::fold(transaction, self.failures).await
    }
}
