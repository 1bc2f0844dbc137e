//! Sums, computed from the rows.

use std::collections::HashMap;

use super::{ClickHouseReader, compile::Where, row};
use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Fingerprint, Has, Sums, Text},
    store::{
        ActivitySample, Bucket, Dimension, FailureGroup, FailureSums, Grain, Grouping, Quarter,
        Record, Total, TurnStats, Turns, TypeCount,
        clickhouse::row_binary::{FromRow, RowReader},
        sums::{AgentQuarter, AgentQuarters, Span, TurnBuckets},
    },
};

/// The number of the quarter hour in which an activity started.
const QUARTER: &str = "intDiv(started_at, 900000000) - (started_at % 900000000 < 0)";
/// The first quarter hour of the hour in which it started.
const HOUR: &str = "4 * (intDiv(started_at, 3600000000) - (started_at % 3600000000 < 0))";
/// The part of the scale of a sketch that a duration belongs to. A logarithm may be rounded up to the next power of two.
macro_rules! part {
    () => {
        "toUInt16(if(ns < 16, ns, toUInt64(bitShiftLeft(octave - 3, 4)) + bitAnd(bitShiftRight(ns, octave - 4), 15)))"
    };
}
/// Sums up rows by a key and by parts of the scale, and these by the key.
const BY_PART: &str = concat!(
    "SELECT key, sum(number), sumIf(number, status = 2), sumIf(number, status = 3), sum(timed), \
       toUInt64(least(sum(total), 18446744073709551615)), min(shortest), max(longest), groupArrayIf((part, timed), timed > 0) FROM ( \
     WITH ifNull(duration_ns, 0) AS ns, toUInt8(log2(greatest(ns, 16))) AS power, \
       toUInt8(power - (bitShiftRight(greatest(ns, 16), power) = 0)) AS octave \
     SELECT $KEY AS key, status, ",
    part!(),
    " AS part, duration_ns IS NULL AS untimed, count() AS number, count(duration_ns) AS timed, sum(toUInt128(ifNull(duration_ns, 0))) AS total, \
       min(duration_ns) AS shortest, max(duration_ns) AS longest FROM activity"
);
const GROUP: &str = " GROUP BY key, status, part, untimed) GROUP BY key";
/// Whether an activity is a turn of its agent.
macro_rules! is_turn {
    () => {
        "(kind = 'turn' OR ifNull(root = id AND agent IS NOT NULL \
           AND agent NOT IN (SELECT agent FROM activity WHERE kind = 'turn' AND agent IS NOT NULL), false))"
    };
}
const TURNS_OF_AGENTS: &str = concat!(
    "WITH ",
    is_turn!(),
    " AS is_turn SELECT $KEY AS key, assumeNotNull(agent) AS of, count(), countIf(is_turn), minIf(started_at, is_turn), maxIf(started_at, is_turn) \
     FROM activity"
);
const SAMPLES: &str = concat!(
    "SELECT id, started_at, status, duration_ns, ",
    is_turn!(),
    ", project, agent, name, brand FROM activity"
);
const FAILURES: &str = "SELECT assumeNotNull(fingerprint) AS print, intDiv(toInt64(bitShiftRight(id, 80)), 900000) AS quarter, any(name), any(error_type), min(id), max(id), count() \
     FROM activity";
const TYPES: &str = "SELECT type, status, count(), toUInt64(least(sum(toUInt128(count)), 18446744073709551615)) FROM event";
/// Rows that are read at a time.
const STEP: usize = 100_000;

/// Sums up the activities that match a filter by a key; `None` if the server cannot tell which they are.
fn sums<K: for<'a> FromRow<'a>>(
    reader: &ClickHouseReader,
    key: &str,
    filter: &Filter,
) -> Result<Option<Vec<(K, Sums)>>> {
    let mut clause = Where::new(&BY_PART.replace("$KEY", key), ActivityRecord::KIND, filter).once();
    if !clause.is_exact {
        return Ok(None);
    }
    clause.and("key IS NOT NULL");
    clause.statement.push_sql(GROUP);
    let answer = reader.query(clause.statement)?;
    let mut rows = RowReader::new(&answer);
    let mut all = Vec::new();
    while !rows.is_at_end() {
        let key = rows.next()?;
        let mut sums = Sums {
            count: rows.next()?,
            failed: rows.next()?,
            cancelled: rows.next()?,
            timed: rows.next()?,
            sum_ns: rows.next()?,
            min_ns: rows.next()?,
            max_ns: rows.next()?,
            ..Sums::default()
        };
        let parts: Vec<(u16, u64)> = rows.next()?;
        for (part, count) in parts {
            sums.sketch.add_part(part, count);
        }
        all.push((key, sums));
    }
    Ok(Some(all))
}

/// Sums up the activities that match a filter by quarter hour, or by hour.
pub(super) fn buckets(
    reader: &ClickHouseReader,
    filter: &Filter,
    grain: Grain,
) -> Result<Option<Vec<Bucket>>> {
    let key = match grain {
        Grain::Quarter => QUARTER,
        Grain::Hour => HOUR,
    };
    let sums = sums::<i64>(reader, key, filter)?;
    Ok(sums.map(|sums| {
        let sums = sums.into_iter();
        let mut buckets: Vec<_> = sums
            .map(|(number, sums)| Bucket::new(Quarter::from_number(number), sums))
            .collect();
        buckets.sort_by_key(|one| one.quarter);
        buckets
    }))
}

/// Sums up the activities that match a filter, and the turns of their agents, by the values of a column.
pub(super) fn totals(
    reader: &ClickHouseReader,
    by: Dimension,
    filter: &Filter,
) -> Result<Option<Vec<Total>>> {
    let column = format!("assumeNotNull({by})", by = by.as_str());
    let mut has = Filter::default();
    has.has.any_of.extend(match by {
        Dimension::Project => Some(Has::Project),
        Dimension::Agent => Some(Has::Agent),
        Dimension::Name => None,
        Dimension::Brand => Some(Has::Brand),
    });
    let known = filter.clone().and(&has);
    let Some(sums) = sums::<String>(reader, &column, &known)? else {
        return Ok(None);
    };
    let mut turns: HashMap<String, Turns> = HashMap::new();
    let agents = of_agents::<String>(reader, &column, &known)?;
    for (key, _, _, span) in agents {
        turns.entry(key).or_default().add_agent(&span);
    }
    let totals = sums.into_iter().map(|(key, sums)| {
        let turns = turns.remove(&key).unwrap_or_default();
        Total::new(key.into(), sums, Some(turns))
    });
    Ok(Some(totals.collect()))
}

/// Sums up the activities that match a filter by the values of a field without sums of its own.
pub(super) fn totals_by(
    reader: &ClickHouseReader,
    by: &Grouping,
    filter: &Filter,
) -> Result<Option<Vec<Total>>> {
    let column = match by {
        Grouping::Actor => "assumeNotNull(actor)",
        Grouping::Environment => "assumeNotNull(environment)",
        Grouping::Error => "assumeNotNull(error_type)",
        Grouping::Attribute(_) => return Ok(None),
    };
    let sums = sums::<String>(reader, column, &by.filter().and(filter))?;
    Ok(sums.map(|sums| {
        let sums = sums.into_iter();
        sums.map(|(key, sums)| Total::new(key.into(), sums, None))
            .collect()
    }))
}

/// Counts the events that match a filter by type; `None` if the server cannot tell which they are.
pub(super) fn event_types(
    reader: &ClickHouseReader,
    filter: &Filter,
) -> Result<Option<Vec<TypeCount>>> {
    let mut clause = Where::new(TYPES, EventRecord::KIND, filter).once();
    if !clause.is_exact {
        return Ok(None);
    }
    clause.statement.push_sql(" GROUP BY type, status");
    let answer = reader.query(clause.statement)?;
    let mut rows = RowReader::new(&answer);
    let mut types: HashMap<String, TypeCount> = HashMap::new();
    while !rows.is_at_end() {
        let name: String = rows.next()?;
        let status = row::status(rows.next()?)?;
        let counted = types.entry(name.clone());
        let counted = counted.or_insert_with(|| TypeCount::new(name.into()));
        counted.add(status, rows.next()?, rows.next()?);
    }
    Ok(Some(types.into_values().collect()))
}

/// Returns the activity of each agent by a key: their number, and the turns.
fn of_agents<K: for<'a> FromRow<'a>>(
    reader: &ClickHouseReader,
    key: &str,
    filter: &Filter,
) -> Result<Vec<(K, String, i64, Span)>> {
    let select = TURNS_OF_AGENTS.replace("$KEY", key);
    let mut clause = Where::new(&select, ActivityRecord::KIND, filter).once();
    clause.and("agent IS NOT NULL");
    clause.statement.push_sql(" GROUP BY key, of");
    let answer = reader.query(clause.statement)?;
    let mut rows = RowReader::new(&answer);
    let mut all = Vec::new();
    while !rows.is_at_end() {
        let (key, agent) = (rows.next()?, rows.next()?);
        let active: u64 = rows.next()?;
        let turns: u64 = rows.next()?;
        let span = Span {
            count: turns.cast_signed(),
            first_us: rows.next()?,
            last_us: rows.next()?,
        };
        all.push((key, agent, active.cast_signed(), span));
    }
    Ok(all)
}

/// Returns the turn statistics of the activities that match a filter, in order.
pub(super) fn turn_stats(
    reader: &ClickHouseReader,
    filter: &Filter,
) -> Result<Option<Vec<TurnStats>>> {
    if !Where::new("", ActivityRecord::KIND, filter).is_exact {
        return Ok(None);
    }
    let mut agents: HashMap<String, AgentQuarters> = HashMap::new();
    for (quarter, agent, active, turns) in of_agents::<i64>(reader, QUARTER, filter)? {
        let of = AgentQuarter {
            active,
            turns,
            ..AgentQuarter::default()
        };
        agents.entry(agent).or_default().insert(quarter, of);
    }
    let mut buckets = TurnBuckets::default();
    for quarters in agents.values() {
        buckets.add_agent(quarters, true);
    }
    Ok(Some(buckets.into_stats()))
}

/// Passes the ended activities that match a filter to `take`, in order of start. Returns false if the server cannot tell which they
/// are.
pub(super) fn samples(
    reader: &ClickHouseReader,
    filter: &Filter,
    take: &mut dyn FnMut(ActivitySample),
) -> Result<bool> {
    let clause = Where::new(SAMPLES, ActivityRecord::KIND, filter).once();
    if !clause.is_exact {
        return Ok(false);
    }
    let limit = reader.options.largest_scan();
    let (mut after, mut seen) = (None::<u128>, 0);
    loop {
        let mut page = clause.clone();
        if let Some(after) = after {
            page.and_value("id > ", &after, "UInt128");
        }
        let most = page.bind(&(STEP as u64), "UInt64");
        page.statement
            .push_sql(&format!(" ORDER BY id LIMIT {most}"));
        let answer = reader.query(page.statement)?;
        let mut rows = RowReader::new(&answer);
        let before = seen;
        while !rows.is_at_end() {
            after = Some(rows.next()?);
            let started_us = rows.next()?;
            let status = row::status(rows.next()?)?;
            let (duration_ns, is_turn) = (rows.next()?, rows.next()?);
            let mut text = || Ok::<_, Error>(rows.next::<Option<String>>()?.map(Text::from));
            let (project, agent) = (text()?, text()?);
            let name = rows.next::<String>()?;
            let brand = rows.next::<Option<String>>()?.map(Text::from);
            seen += 1;
            if seen > limit {
                return Err(crate::store::too_many(filter, limit));
            }
            take(ActivitySample {
                started_us,
                status,
                duration_ns,
                is_turn,
                project,
                agent,
                name: Some(name.into()),
                brand,
            });
        }
        if seen - before < STEP {
            return Ok(true);
        }
    }
}

/// Groups the failed activities that match a filter; `None` if the server cannot tell which they are.
pub(super) fn failures(
    reader: &ClickHouseReader,
    filter: &Filter,
) -> Result<Option<Vec<FailureGroup>>> {
    let mut clause = Where::new(FAILURES, ActivityRecord::KIND, filter).once();
    if !clause.is_exact {
        return Ok(None);
    }
    clause.and("status = 2 AND fingerprint IS NOT NULL");
    clause.statement.push_sql(" GROUP BY print, quarter");
    let answer = reader.query(clause.statement)?;
    let mut rows = RowReader::new(&answer);
    let mut sums = FailureSums::default();
    while !rows.is_at_end() {
        let print: u64 = rows.next()?;
        let _quarter: i64 = rows.next()?;
        let name: String = rows.next()?;
        let error_type = rows.next::<Option<String>>()?.map(Text::from);
        let mut id = || Ok::<_, Error>(ActivityId::from_bytes(rows.next::<u128>()?.to_be_bytes()));
        let ids = [id()?, id()?];
        let count = rows.next()?;
        let fingerprint = Fingerprint::from_number(print.cast_signed());
        sums.add_some(
            Some(fingerprint),
            &name.into(),
            error_type.as_ref(),
            ids,
            count,
        );
    }
    Ok(Some(sums.finish()))
}
