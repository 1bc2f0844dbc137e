//! Counts accepted batches in the sums, and gives them their place in the order of all logs.
//!
//! One intake folds at a time, so that sums are rows without a log that have one writer: it reads those that change, adds to them, and
//! writes them back. Only rows that carry a batch count, that is, those that it inserted.

pub(super) mod agents;
pub(super) mod buckets;
pub(super) mod failures;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

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
/// Locks the last ordinal: one intake folds at a time. Ends with its transaction, as a pooler needs it.
const LAST: &str =
    "SELECT value FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE SKIP LOCKED";
/// Batches that share a transaction: the first, and more until there are this many rows.
const NEXT: &str = "SELECT id, min_activity, max_activity, min_event, max_event FROM ( \
       SELECT id, min_activity, max_activity, min_event, max_event, sum(last_activity - first_activity) OVER (ORDER BY id) AS rows, \
         row_number() OVER (ORDER BY id) AS number \
       FROM (SELECT * FROM tower_activity.batch WHERE ordinal IS NULL ORDER BY id LIMIT 100) AS first) AS next \
     WHERE number = 1 OR rows <= 20000 ORDER BY id";
const ROWS: &str =
    ", batch FROM tower_activity.activity WHERE batch = ANY($1) AND id >= $2 AND id <= $3";
/// The columns that sums are computed from.
pub(super) const COLUMNS: &str = "SELECT id, started_at, status, duration_ns, name, project, brand, agent, \
       kind = (SELECT id FROM tower_activity.text WHERE value = 'turn') AS is_turn, root IS NULL AS is_root, \
       fingerprint, error_type";
const EVENTS: &str = "SELECT batch, count(*) FROM tower_activity.event WHERE batch = ANY($1) AND id >= $2 AND id <= $3 GROUP BY batch";
const SET: &str = "UPDATE tower_activity.batch AS b SET ordinal = new.ordinal, activities = new.activities, events = new.events \
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new (id, ordinal, activities, events) WHERE b.id = new.id";
const SET_LAST: &str = "UPDATE tower_activity.mark SET value = $1 WHERE name = 'ordinal'";

/// How long an intake folds before it sends again: other logs may be accepted faster than they are folded.
const LONGEST: Duration = Duration::from_secs(2);

/// Folds batches that were accepted, some in a transaction: all, or as many as a turn takes. Returns how many.
pub(super) fn fold(connection: &mut Connection) -> Result<u64> {
    let (start, mut count) = (Instant::now(), 0);
    loop {
        match connection.transaction(BEGIN, async |transaction| next(transaction).await)? {
            0 => return Ok(count),
            more => count += more,
        }
        if start.elapsed() >= LONGEST {
            return Ok(count);
        }
    }
}

/// Folds the next batches. Returns how many; 0 if there are none, or another intake is folding them.
async fn next(transaction: &Transaction<'_>) -> Result<u64, Failed> {
    let last = query(transaction, LAST, &[]).await?;
    let Some(last) = last.first().map(|row| row.get::<_, i64>(0)) else {
        return Ok(0);
    };
    let batches = query(transaction, NEXT, &[]).await?;
    if batches.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = batches.iter().map(|row| row.get(0)).collect();
    let bounds = |column| {
        let bounds = batches.iter();
        bounds.filter_map(move |row| row.get::<_, Option<Uuid>>(column))
    };
    let rows = async |sql: &str, min: Option<Uuid>, max: Option<Uuid>| match (min, max) {
        (Some(min), Some(max)) => {
            let parameters: [Parameter<'_>; 3] = [
                (&ids, Type::INT8_ARRAY),
                (&min, Type::UUID),
                (&max, Type::UUID),
            ];
            query(transaction, sql, &parameters).await
        }
        _ => Ok(Vec::new()),
    };
    let activities = [COLUMNS, ROWS].concat();
    let activities = rows(&activities, bounds(1).min(), bounds(2).max()).await?;
    if !activities.is_empty() {
        Counted::new(&activities).fold(transaction).await?;
    }
    let events = rows(EVENTS, bounds(3).min(), bounds(4).max()).await?;
    let ordinals: Vec<i64> = (last + 1..).take(ids.len()).collect();
    let (activities, events) = (
        counts(&ids, &activities, |row| (row.get("batch"), 1)),
        counts(&ids, &events, |row| (row.get(0), row.get(1))),
    );
    let set: [Parameter<'_>; 4] = [
        (&ids, Type::INT8_ARRAY),
        (&ordinals, Type::INT8_ARRAY),
        (&activities, Type::INT8_ARRAY),
        (&events, Type::INT8_ARRAY),
    ];
    query(transaction, SET, &set).await?;
    let last = last + ids.len() as i64;
    query(transaction, SET_LAST, &[(&last, Type::INT8)]).await?;
    Ok(ids.len() as u64)
}

/// Returns the numbers of rows of each batch.
fn counts(batches: &[i64], rows: &[Row], one: impl Fn(&Row) -> (i64, i64)) -> Vec<i64> {
    let mut counts = HashMap::<i64, i64>::new();
    for (batch, count) in rows.iter().map(one) {
        *counts.entry(batch).or_default() += count;
    }
    let of = |batch| counts.get(batch).copied().unwrap_or_default();
    batches.iter().map(of).collect()
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
