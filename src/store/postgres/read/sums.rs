//! Sums and turns, over all logs.

use std::{collections::HashMap, ops::Range};

use tokio_postgres::types::Type;

use super::Snapshot;
use crate::{
    record::{Sums, Text},
    store::{
        Bucket, Dimension, Gaps, Quarter, Subject, Total, TurnStats, Turns,
        codes::{Code, SumScope},
        postgres::{
            columns::key,
            connection::{Failed, Parameter},
            fold::{agents, buckets},
        },
        sums::{ALL, AgentQuarters, Span, TurnBuckets, TurnSums, numbers},
    },
};

const DAY: i64 = buckets::QUARTERS_OF_DAY;
const BUCKETS: &str = ", b.quarter FROM tower_activity.bucket AS b \
     WHERE b.scope = $1 AND b.scope_id = $2 AND b.quarter >= $3 AND b.quarter < $4 ORDER BY b.quarter";
/// From whole days and the quarter hours before and after them.
const TOTALS: &str = ", b.scope_id FROM (SELECT * FROM tower_activity.bucket_day WHERE scope = $1 AND quarter >= $3 AND quarter < $4 \
     UNION ALL SELECT * FROM tower_activity.bucket WHERE scope = $1 AND quarter >= $2 AND quarter < $3 \
     UNION ALL SELECT * FROM tower_activity.bucket WHERE scope = $1 AND quarter >= $4 AND quarter < $5) AS b";
const COUNT: &str = "SELECT least(greatest(sum(count), 0), 1e18)::bigint FROM tower_activity.bucket \
     WHERE scope = 0 AND scope_id = 0 AND quarter >= $1 AND quarter < $2";
const OLDEST: &str =
    "SELECT min(quarter) FROM tower_activity.bucket WHERE scope = 0 AND scope_id = 0";
const TEXT_ID: &str = "SELECT id FROM tower_activity.text WHERE value = $1";
const TEXTS: &str = "SELECT id, value FROM tower_activity.text WHERE id = ANY($1::bigint[])";
const HORIZONS: &str = "SELECT name, value FROM tower_activity.mark \
     WHERE value > 0 AND name IN ('activity_horizon', 'event_horizon', 'sums_from')";
const TURNS: &str = "SELECT scope_id, quarter, turns, within_us, after FROM tower_activity.turn_bucket \
     WHERE scope_id = ANY($1::bigint[]) AND quarter >= $2 AND quarter < $3 ORDER BY quarter";
const RECORDS_TURNS: &str =
    "SELECT EXISTS (SELECT 1 FROM tower_activity.turning_agent WHERE agent = $1)";
const OF_AGENT: &str = " FROM tower_activity.agent_quarter AS q WHERE q.agent = $1 AND q.scope_id = 0 \
     AND q.quarter >= $2 AND q.quarter < $3";
/// Of agents in each scope, from whole days and the quarter hours before and after them.
const OF_AGENTS: &str = "SELECT q.scope_id, q.agent, least(greatest(sum(CASE WHEN t.agent IS NULL THEN q.roots ELSE q.turns END), 0), 1e18)::bigint, \
       min(CASE WHEN t.agent IS NULL THEN q.first_root ELSE q.first_turn END), \
       max(CASE WHEN t.agent IS NULL THEN q.last_root ELSE q.last_turn END) \
     FROM (SELECT * FROM tower_activity.agent_day WHERE quarter >= $2 AND quarter < $3 \
       UNION ALL SELECT * FROM tower_activity.agent_quarter WHERE quarter >= $1 AND quarter < $2 \
       UNION ALL SELECT * FROM tower_activity.agent_quarter WHERE quarter >= $3 AND quarter < $4) AS q \
       LEFT JOIN tower_activity.turning_agent AS t ON t.agent = q.agent WHERE ";
const OVERALL: &str = "q.scope_id = 0 GROUP BY 1, 2";
const BY_PROJECT: &str = "q.scope_id <> 0 GROUP BY 1, 2";

/// Reads the sums of a subject, oldest first.
pub(super) async fn buckets(
    snapshot: &Snapshot<'_>,
    of: &Subject,
    quarters: &Range<Quarter>,
) -> Result<Vec<Bucket>, Failed> {
    let (scope, number) = match of {
        Subject::Overall => (SumScope::Overall, 0),
        Subject::One(dimension, id) => match text_id(snapshot, id).await? {
            Some(number) => (scope(*dimension), number),
            None => return Ok(Vec::new()),
        },
    };
    let (scope, range) = (scope.code() as i16, numbers(quarters));
    let parameters: [Parameter<'_>; 4] = [
        (&scope, Type::INT2),
        (&number, Type::INT8),
        (&range.start, Type::INT8),
        (&range.end, Type::INT8),
    ];
    let sql = ["SELECT ", buckets::COLUMNS, BUCKETS].concat();
    let rows = snapshot.query(&sql, &parameters).await?;
    let buckets = rows.iter().map(|row| {
        let quarter = Quarter::from_number(row.get(8));
        Bucket::new(quarter, buckets::read(row))
    });
    Ok(buckets.collect())
}

/// Adds up the sums of each text of a dimension. Names and brands have no turns of their own.
pub(super) async fn totals(
    snapshot: &Snapshot<'_>,
    by: Dimension,
    quarters: &Range<Quarter>,
) -> Result<Vec<Total>, Failed> {
    let (scope, parts) = (scope(by).code() as i16, Parts::of(quarters));
    let Parts { start, days, end } = &parts;
    let parameters: [Parameter<'_>; 5] = [
        (&scope, Type::INT2),
        (start, Type::INT8),
        (&days.start, Type::INT8),
        (&days.end, Type::INT8),
        (end, Type::INT8),
    ];
    let mut totals = HashMap::<i64, Sums>::new();
    let sql = ["SELECT ", buckets::COLUMNS, TOTALS].concat();
    for row in snapshot.query(&sql, &parameters).await? {
        let sums = totals.entry(row.get(8)).or_default();
        sums.merge(&buckets::read(&row));
    }
    let ids: Vec<i64> = totals.keys().copied().collect();
    let turns = match by {
        Dimension::Agent => turns_of_agents(snapshot, &parts, OVERALL).await?,
        Dimension::Project => turns_of_agents(snapshot, &parts, BY_PROJECT).await?,
        Dimension::Name | Dimension::Brand => HashMap::new(),
    };
    let texts = snapshot.query(TEXTS, &[(&ids, Type::INT8_ARRAY)]).await?;
    let totals = texts.iter().filter_map(|row| {
        let (id, text): (i64, String) = (row.get(0), row.get(1));
        let turns = match by {
            Dimension::Name | Dimension::Brand => None,
            Dimension::Agent | Dimension::Project => {
                Some(turns.get(&id).copied().unwrap_or_default())
            }
        };
        Some(Total::new(Text::from(text), totals.remove(&id)?, turns))
    });
    Ok(totals.collect())
}

/// Counts the activities that started in some quarter hours.
pub(super) async fn count(
    snapshot: &Snapshot<'_>,
    quarters: &Range<Quarter>,
) -> Result<u64, Failed> {
    let range = numbers(quarters);
    let parameters: [Parameter<'_>; 2] = [(&range.start, Type::INT8), (&range.end, Type::INT8)];
    let count: i64 = snapshot.query(COUNT, &parameters).await?[0].get(0);
    Ok(count.max(0).cast_unsigned())
}

/// Reads the turns of a subject; `None` for a name or a brand, which have no turns of their own.
pub(super) async fn turn_stats(
    snapshot: &Snapshot<'_>,
    of: &Subject,
    quarters: &Range<Quarter>,
) -> Result<Option<Vec<TurnStats>>, Failed> {
    let scope = match of {
        Subject::Overall => ALL,
        Subject::One(dimension, id) => match (dimension, text_id(snapshot, id).await?) {
            (_, None) => return Ok(Some(Vec::new())),
            (Dimension::Project, Some(number)) => number,
            (Dimension::Agent, Some(agent)) => {
                return turns_of_agent(snapshot, agent, &numbers(quarters))
                    .await
                    .map(Some);
            }
            (Dimension::Name | Dimension::Brand, Some(_)) => return Ok(None),
        },
    };
    let mut stats = turns(snapshot, &[scope], quarters).await?;
    Ok(Some(stats.remove(&scope).unwrap_or_default()))
}

/// Reads what was deleted.
pub(super) async fn gaps(
    snapshot: &Snapshot<'_>,
    quarters: &Range<Quarter>,
) -> Result<Gaps, Failed> {
    let mut gaps = Gaps::default();
    let before = |end: Quarter| {
        let deleted = quarters.start..quarters.end.min(end);
        Vec::from_iter(Some(deleted).filter(|deleted| !deleted.is_empty()))
    };
    for row in snapshot.query(HORIZONS, &[]).await? {
        let value: i64 = row.get(1);
        let day = Quarter::from_number(value.saturating_mul(DAY));
        match row.get::<_, &str>(0) {
            "activity_horizon" => gaps.activities = before(day),
            "event_horizon" => gaps.events_before = day.start(),
            _ => {
                gaps.sums = before(Quarter::from_number(value));
                gaps.failures = gaps.sums.clone();
            }
        }
    }
    Ok(gaps)
}

/// Reads the oldest quarter hour with sums.
pub(super) async fn oldest_quarter(snapshot: &Snapshot<'_>) -> Result<Option<Quarter>, Failed> {
    let oldest: Option<i64> = snapshot.query(OLDEST, &[]).await?[0].get(0);
    Ok(oldest.map(Quarter::from_number))
}

/// Where a dimension is stored.
fn scope(dimension: Dimension) -> SumScope {
    match dimension {
        Dimension::Project => SumScope::Project,
        Dimension::Agent => SumScope::Agent,
        Dimension::Name => SumScope::Name,
        Dimension::Brand => SumScope::Brand,
    }
}

async fn text_id(snapshot: &Snapshot<'_>, text: &str) -> Result<Option<i64>, Failed> {
    let text = key(text);
    let found = snapshot.query(TEXT_ID, &[(&text, Type::TEXT)]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

/// Reads the turns of all agents in each scope, in order of quarter hours.
async fn turns(
    snapshot: &Snapshot<'_>,
    scopes: &[i64],
    quarters: &Range<Quarter>,
) -> Result<HashMap<i64, Vec<TurnStats>>, Failed> {
    let range = numbers(quarters);
    let parameters: [Parameter<'_>; 3] = [
        (&scopes, Type::INT8_ARRAY),
        (&range.start, Type::INT8),
        (&range.end, Type::INT8),
    ];
    let mut all = HashMap::<i64, Vec<TurnStats>>::new();
    for row in snapshot.query(TURNS, &parameters).await? {
        let sums = TurnSums::from_parts(row.get(2), row.get(3), row.get(4));
        let stats = all.entry(row.get(0)).or_default();
        stats.push(sums.into_stats(row.get(1)));
    }
    Ok(all)
}

async fn turns_of_agent(
    snapshot: &Snapshot<'_>,
    agent: i64,
    range: &Range<i64>,
) -> Result<Vec<TurnStats>, Failed> {
    let records_turns = snapshot
        .query(RECORDS_TURNS, &[(&agent, Type::INT8)])
        .await?[0]
        .get(0);
    let parameters: [Parameter<'_>; 3] = [
        (&agent, Type::INT8),
        (&range.start, Type::INT8),
        (&range.end, Type::INT8),
    ];
    let sql = ["SELECT ", agents::COLUMNS, OF_AGENT].concat();
    let quarters = snapshot.query(&sql, &parameters).await?;
    let quarters: AgentQuarters = quarters.iter().map(agents::read).collect();
    let mut turns = TurnBuckets::default();
    turns.add_agent(&quarters, records_turns);
    Ok(turns.into_stats())
}

/// Reads the turns in a span: of each agent, or of the agents of each project.
async fn turns_of_agents(
    snapshot: &Snapshot<'_>,
    parts: &Parts,
    by: &str,
) -> Result<HashMap<i64, Turns>, Failed> {
    let parameters: [Parameter<'_>; 4] = [
        (&parts.start, Type::INT8),
        (&parts.days.start, Type::INT8),
        (&parts.days.end, Type::INT8),
        (&parts.end, Type::INT8),
    ];
    let rows = snapshot
        .query(&[OF_AGENTS, by].concat(), &parameters)
        .await?;
    let mut turns = HashMap::<i64, Turns>::new();
    for row in rows {
        let us = |column| row.get::<_, Option<i64>>(column).unwrap_or_default();
        let (scope, agent): (i64, i64) = (row.get(0), row.get(1));
        let id = if scope == ALL { agent } else { scope };
        turns.entry(id).or_default().add_agent(&Span {
            count: row.get(2),
            first_us: us(3),
            last_us: us(4),
        });
    }
    Ok(turns)
}

/// A span of quarter hours, with the whole days in it.
struct Parts {
    start: i64,
    days: Range<i64>,
    end: i64,
}

impl Parts {
    fn of(quarters: &Range<Quarter>) -> Self {
        let Range { start, end } = numbers(quarters);
        let first = buckets::first_of_day(start.saturating_add(DAY - 1));
        let days = first..buckets::first_of_day(end);
        Parts {
            start,
            days: if days.is_empty() { end..end } else { days },
            end,
        }
    }
}
