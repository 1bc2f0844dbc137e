//! Compares the sums of a quarter hour with its activities, and those of a day with its quarter hours.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use tokio_postgres::{Row, types::Type};

use super::super::{Snapshot, list::id_of};
use crate::{
    record::Sums,
    store::{
        postgres::{
            columns::MAX_COUNT,
            connection::Failed,
            fold::{
                self, Counted, agents,
                buckets::{self, Key},
            },
            recount::{Bounds, COUNTED},
        },
        sums::{AgentQuarter, AgentSums, FailureSum, Failures, TurnSums},
    },
};

const BUCKETS: &str = ", b.scope, b.scope_id, b.quarter FROM tower_activity.bucket AS b WHERE b.quarter >= $1 AND b.quarter < $2";
const DAY: &str =
    ", b.scope, b.scope_id, b.quarter FROM tower_activity.bucket_day AS b WHERE b.quarter = $1";
const AGENTS: &str =
    ", q.agent, q.scope_id FROM tower_activity.agent_quarter AS q WHERE q.quarter = $1";
const TURNS: &str =
    "SELECT scope_id, turns, within_us, after FROM tower_activity.turn_bucket WHERE quarter = $1";
const FAILURES: &str = "SELECT fingerprint, name, error_type, count, first, example FROM tower_activity.failure WHERE quarter = $1";
const SUMS_FROM: &str = "SELECT value FROM tower_activity.mark WHERE name = 'sums_from'";
/// Whether the sums of agents of a day differ from those of its quarter hours.
const DAY_DIFFERS: &str = "SELECT EXISTS (SELECT FROM ( \
         SELECT agent, scope_id, least(sum(active), 1e15) AS active, least(sum(turns), 1e15) AS turns, min(first_turn) AS first_turn, \
           max(last_turn) AS last_turn, least(sum(roots), 1e15) AS roots, min(first_root) AS first_root, max(last_root) AS last_root \
         FROM tower_activity.agent_quarter WHERE quarter >= $1 AND quarter < $1 + 96 GROUP BY 1, 2) AS q \
       FULL JOIN (SELECT * FROM tower_activity.agent_day WHERE quarter = $1) AS d USING (agent, scope_id) \
       WHERE (q.active, q.turns, q.first_turn, q.last_turn, q.roots, q.first_root, q.last_root) \
         IS DISTINCT FROM (d.active::numeric, d.turns::numeric, d.first_turn, d.last_turn, d.roots::numeric, d.first_root, d.last_root))";

/// Returns true if all sums of a quarter hour are those of its activities.
pub(super) async fn are_equal(snapshot: &Snapshot<'_>, quarter: i64) -> Result<bool, Failed> {
    let sql = [fold::COLUMNS, COUNTED].concat();
    let bounds = Bounds::new(&(quarter..quarter + 1));
    let activities = snapshot.query(&sql, &bounds.parameters()).await?;
    let Counted {
        mut buckets,
        mut agents,
        failures,
    } = Counted::new(&activities);
    let are_agents_equal = are_agents_equal(snapshot, &agents, quarter).await?;
    buckets.add_agents(std::mem::take(&mut agents.sums));
    Ok(are_agents_equal
        && are_failures_equal(snapshot, &failures, quarter).await?
        && limited(buckets::quarters(buckets)) == stored(snapshot, quarter..quarter + 1).await?)
}

/// Returns true if the sums of a day are those of its quarter hours. Of a day whose first quarter hours were deleted nothing is known.
pub(super) async fn of_day(snapshot: &Snapshot<'_>, day: i64) -> Result<bool, Failed> {
    if day < sums_from(snapshot).await? {
        return Ok(true);
    }
    let quarters = stored(snapshot, day..day + buckets::QUARTERS_OF_DAY).await?;
    let expected = buckets::days(quarters.iter().map(|(key, sums)| (*key, sums)));
    let sql = ["SELECT ", buckets::COLUMNS, DAY].concat();
    let found = snapshot.query(&sql, &[(&day, Type::INT8)]).await?;
    if limited(expected) != found.iter().map(bucket).collect() {
        return Ok(false);
    }
    let differs = snapshot.query(DAY_DIFFERS, &[(&day, Type::INT8)]).await?;
    Ok(!differs[0].get::<_, bool>(0))
}

/// Reads the stored sums of some quarter hours.
async fn stored(snapshot: &Snapshot<'_>, of: Range<i64>) -> Result<BTreeMap<Key, Sums>, Failed> {
    let sql = ["SELECT ", buckets::COLUMNS, BUCKETS].concat();
    let of = [(&of.start as _, Type::INT8), (&of.end as _, Type::INT8)];
    let rows = snapshot.query(&sql, &of).await?;
    Ok(rows.iter().map(bucket).collect())
}

fn bucket(row: &Row) -> (Key, Sums) {
    ((row.get(8), row.get(9), row.get(10)), buckets::read(row))
}

/// Returns sums with the largest numbers that are stored.
fn limited(mut all: BTreeMap<Key, Sums>) -> BTreeMap<Key, Sums> {
    let (count, ns) = (MAX_COUNT.cast_unsigned(), i64::MAX.cast_unsigned());
    for sums in all.values_mut() {
        for (number, most) in [
            (&mut sums.count, count),
            (&mut sums.failed, count),
            (&mut sums.cancelled, count),
            (&mut sums.timed, count),
            (&mut sums.sum_ns, ns),
        ] {
            *number = most.min(*number);
        }
        sums.min_ns = sums.min_ns.map(|min| min.min(ns));
        sums.max_ns = sums.max_ns.map(|max| max.min(ns));
    }
    all
}

async fn sums_from(snapshot: &Snapshot<'_>) -> Result<i64, Failed> {
    Ok(snapshot.query(SUMS_FROM, &[]).await?[0].get(0))
}

/// Compares the sums of agents, and the turns.
async fn are_agents_equal(
    snapshot: &Snapshot<'_>,
    agents: &AgentSums,
    quarter: i64,
) -> Result<bool, Failed> {
    let of_quarter = [(&quarter as _, Type::INT8)];
    let sql = ["SELECT ", agents::COLUMNS, AGENTS].concat();
    let rows = snapshot.query(&sql, &of_quarter).await?;
    let found: BTreeMap<(i64, i64), AgentQuarter> = rows
        .iter()
        .map(|row| ((row.get(8), row.get(9)), agents::read(row).1))
        .collect();
    let scopes = agents.quarters.iter().flat_map(|(agent, scopes)| {
        let scopes = scopes.iter();
        scopes.map(move |(scope, quarters)| ((*agent, *scope), quarters))
    });
    let expected: BTreeMap<_, _> = scopes
        .filter_map(|(key, quarters)| Some((key, *quarters.get(&quarter)?)))
        .collect();
    if found != expected {
        return Ok(false);
    }
    let Some(turns) = agents::turns(snapshot.client, agents, &(quarter..quarter + 1)).await? else {
        return Ok(false);
    };
    let first = sums_from(snapshot).await?;
    let known = |sums: TurnSums| sums.known_since(quarter, first);
    let turns = turns.0.into_iter();
    let expected: HashMap<i64, TurnSums> = turns
        .filter(|(key, sums)| key.1 == quarter && !sums.is_nothing())
        .map(|(key, sums)| (key.0, known(sums)))
        .collect();
    let rows = snapshot.query(TURNS, &of_quarter).await?;
    let found = rows.iter().map(|row| {
        let sums = TurnSums::from_parts(row.get(1), row.get(2), row.get(3));
        (row.get(0), known(sums))
    });
    Ok(expected == found.collect())
}

/// Compares the groups of failures.
async fn are_failures_equal(
    snapshot: &Snapshot<'_>,
    expected: &Failures,
    quarter: i64,
) -> Result<bool, Failed> {
    let rows = snapshot.query(FAILURES, &[(&quarter, Type::INT8)]).await?;
    let mut stored = Failures::default();
    for row in rows {
        let one = FailureSum {
            name: row.get(1),
            error_type: row.get(2),
            count: row.get(3),
            first: id_of(row.get(4)),
            last: id_of(row.get(5)),
        };
        stored.add((quarter, row.get(0)), one);
    }
    Ok(stored.are_groups_of(expected))
}
