//! Reads sums from the buckets; those of agents also from the activities that are not indexed yet.

use std::ops::Range;

use rusqlite::{Connection, Params, Row, Transaction, params, params_from_iter};

use super::{
    compile::Where,
    coverage::{Coverage, in_quarters, snapshot},
    failed, scan, spellings,
};
use crate::{
    error::{Error, Result},
    record::{Filter, Status, Text},
    store::{
        Bucket, Dimension, Grain, Quarter, RecordKind, SampleSums, Subject, TurnHistory, TurnStats,
        TypeCount,
        codes::{Code, SumScope},
        during,
        sqlite::{
            columns::{TEXT_ID, TEXT_VALUE, unsigned},
            maintenance::counted::ACTIVITIES,
            write::sums::{agents, buckets::sums, turn_buckets},
        },
        sums::{ALL, AgentQuarters, AgentRows, AgentSums, TurnBuckets, quarter_of},
    },
};

const BUCKETS: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = ?1 AND scope_id = ?2 AND quarter >= ?3 AND quarter < ?4 ORDER BY quarter";
const HOURS: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM hour \
     WHERE quarter >= ?3 AND quarter < ?4 AND count > 0 AND ?1 = 0 AND ?2 = 0 ORDER BY quarter";
const OLDEST_SUMS: &str = "SELECT min(quarter) FROM bucket WHERE scope = 0 AND scope_id = 0";
const OLDEST_ACTIVITY: &str = "SELECT started_at FROM activity ORDER BY id LIMIT 1";
// In halves of 32 bits: `sum` fails when the whole does not fit an integer.
const TYPES: &str = "SELECT (SELECT value FROM text WHERE text.id = a.type), a.status, count(*), \
     sum(max(a.count, 0) >> 32), sum(max(a.count, 0) & 0xffffffff) FROM event AS a WHERE ";
const TYPES_GROUPS: &str = " GROUP BY a.type, a.status ORDER BY a.type";

/// Where a dimension is stored.
pub(super) struct StoredDimension {
    pub(super) scope: SumScope,
    /// Selects whether an ended activity has the text id ?1.
    has_activities: &'static str,
}

pub(super) fn stored(dimension: Dimension) -> StoredDimension {
    match dimension {
        Dimension::Project => StoredDimension {
            scope: SumScope::Project,
            has_activities: "SELECT CASE WHEN EXISTS (SELECT 1 FROM bucket WHERE scope = 1 AND scope_id = ?1) THEN 1 \
                  ELSE EXISTS (SELECT 1 FROM activity WHERE project = ?1) END",
        },
        Dimension::Agent => StoredDimension {
            scope: SumScope::Agent,
            has_activities: "SELECT CASE WHEN EXISTS (SELECT 1 FROM bucket WHERE scope = 4 AND scope_id = ?1) THEN 1 \
                  ELSE EXISTS (SELECT 1 FROM activity WHERE agent = ?1) END",
        },
        Dimension::Name => StoredDimension {
            scope: SumScope::Name,
            has_activities: "SELECT CASE WHEN EXISTS (SELECT 1 FROM bucket WHERE scope = 2 AND scope_id = ?1) THEN 1 \
                  ELSE EXISTS (SELECT 1 FROM activity WHERE name = ?1) END",
        },
        Dimension::Brand => StoredDimension {
            scope: SumScope::Brand,
            has_activities: "SELECT CASE WHEN EXISTS (SELECT 1 FROM bucket WHERE scope = 3 AND scope_id = ?1) THEN 1 \
                  ELSE EXISTS (SELECT 1 FROM activity WHERE brand = ?1) END",
        },
    }
}

/// Reads the buckets of a subject, oldest first. Those of a time without kept sums are added up from the activities.
pub(super) fn buckets(
    connection: &Connection,
    of: &Subject,
    quarters: Range<i64>,
    grain: Grain,
    limit: usize,
) -> Result<Vec<Bucket>> {
    let view = snapshot(connection)?;
    let coverage = Coverage::read(&view, &quarters, limit)?;
    if coverage.is_kept() {
        return kept_buckets(&view, of, quarters, grain);
    }
    let (mut buckets, _) = scanned_sums(&view, of, coverage.scanned())?;
    // An hour may have kept sums of a part of its quarters.
    buckets.extend(kept_buckets(&view, of, coverage.kept(), Grain::Quarter)?);
    Ok(buckets)
}

fn kept_buckets(
    view: &Connection,
    of: &Subject,
    quarters: Range<i64>,
    grain: Grain,
) -> Result<Vec<Bucket>> {
    let sql = match (of, grain) {
        (Subject::Overall, Grain::Hour) => HOURS,
        _ => BUCKETS,
    };
    let (scope, number) = match of {
        Subject::Overall => (SumScope::Overall, 0),
        Subject::One(dimension, id) => match text_id(view, id)? {
            Some(number) => (stored(*dimension).scope, number),
            None => return Ok(Vec::new()),
        },
    };
    let values = params![scope.code(), number, quarters.start, quarters.end];
    let mut buckets = read(view, sql, values, "read the sums", |row| {
        let (quarter, sums) = sums(row)?;
        Ok(Bucket::new(Quarter::from_number(quarter), sums))
    })?;
    if let Subject::One(Dimension::Agent, _) = of {
        let more = uncounted(view)?.sums.into_iter();
        for ((_, quarter), sums) in
            more.filter(|((agent, quarter), _)| *agent == number && quarters.contains(quarter))
        {
            let quarter = Quarter::from_number(quarter);
            match buckets.binary_search_by_key(&quarter, |bucket| bucket.quarter) {
                Ok(at) => buckets[at].sums.merge(&sums),
                Err(at) => buckets.insert(at, Bucket::new(quarter, sums)),
            }
        }
    }
    Ok(buckets)
}

/// Adds up the activities of a subject.
fn scanned_sums(
    view: &Connection,
    of: &Subject,
    quarters: Range<i64>,
) -> Result<(Vec<Bucket>, Vec<TurnStats>)> {
    let mut samples = SampleSums::default();
    if !quarters.is_empty() {
        let filter = during(of.filter(), in_quarters(&quarters));
        scan::scan(view, &filter, &mut |one| samples.add(one))?;
    }
    Ok(samples.finish())
}

/// Reads the turn statistics of a subject. Those that are not kept are computed from the activities.
pub(super) fn turn_history(
    connection: &Connection,
    of: &Subject,
    quarters: Range<i64>,
    grain: Grain,
    limit: usize,
) -> Result<TurnHistory> {
    let view = snapshot(connection)?;
    let coverage = Coverage::read(&view, &quarters, limit)?;
    let from = Quarter::from_number(quarters.start);
    if coverage.is_kept()
        && let Some(stats) = kept_turns(&view, of, &quarters, grain)?
    {
        return Ok(TurnHistory::new(from, stats));
    }
    if coverage.can_scan_all(&view, limit)? {
        let (_, stats) = scanned_sums(&view, of, quarters)?;
        return Ok(TurnHistory::new(from, stats));
    }
    let kept = coverage.kept();
    Ok(match kept_turns(&view, of, &kept, Grain::Quarter)? {
        Some(stats) => TurnHistory::new(Quarter::from_number(kept.start), stats),
        None => TurnHistory::new(Quarter::from_number(kept.end), Vec::new()),
    })
}

/// Reads the kept turn statistics; `None` for a name or a brand, which have none.
fn kept_turns(
    view: &Transaction<'_>,
    of: &Subject,
    quarters: &Range<i64>,
    grain: Grain,
) -> Result<Option<Vec<TurnStats>>> {
    let attempt = || failed("read the turns of agents");
    let scope = match of {
        Subject::Overall => ALL,
        Subject::One(dimension, id) => match (dimension, text_id(view, id)?) {
            (_, None) => return Ok(Some(Vec::new())),
            (Dimension::Project, Some(number)) => number,
            (Dimension::Agent, Some(agent)) => {
                let mut tail = uncounted(view)?;
                let mut scopes = tail.quarters.remove(&agent).unwrap_or_default();
                let more = scopes.remove(&ALL);
                let (agent_quarters, records_turns) =
                    agent_quarters_of(view, agent, more.as_ref(), quarters)?;
                let mut turns = TurnBuckets::default();
                turns.add_agent(&agent_quarters, records_turns);
                return Ok(Some(turns.into_stats()));
            }
            (Dimension::Name | Dimension::Brand, Some(_)) => return Ok(None),
        },
    };
    let mut tail = uncounted(view)?;
    for scopes in tail.quarters.values_mut() {
        // Whether an agent records turns depends on its activities of all projects.
        scopes.retain(|of, _| [scope, ALL].contains(of));
    }
    let turns = tail.turn_buckets(&**view).map_err(attempt())?;
    let quarters = quarters.clone();
    match (of, grain) {
        (Subject::Overall, Grain::Hour) => turn_buckets::read_hours_with(&turns, view, quarters),
        _ => turn_buckets::read_with(turns, view, scope, quarters),
    }
    .map(Some)
    .map_err(attempt())
}

/// Adds up the activities that are not in the sums of agents yet.
pub(super) fn uncounted(connection: &Connection) -> Result<AgentSums> {
    let read = || {
        let watermark = ACTIVITIES.up_to(connection)?;
        agents::read_committed(connection, watermark, i64::MAX, i64::MIN)
    };
    read().map_err(failed("add up the activities of agents"))
}

/// Reads an agent's sums in some quarter hours, and whether it records turns.
pub(super) fn agent_quarters_of(
    connection: &Connection,
    agent: i64,
    more: Option<&AgentQuarters>,
    quarters: &Range<i64>,
) -> Result<(AgentQuarters, bool)> {
    let read = || {
        let asked = quarters.start..=quarters.end.saturating_sub(1);
        let mut agent_quarters = connection.agent_quarters(agent, ALL, asked)?;
        let mut records_turns = connection.records_turns(agent)?;
        for (quarter, sums) in more.into_iter().flatten() {
            records_turns |= sums.turns_of(true).count > 0;
            if quarters.contains(quarter) {
                agent_quarters.entry(*quarter).or_default().add(sums);
            }
        }
        Ok((agent_quarters, records_turns))
    };
    read().map_err(failed("read the turns of an agent"))
}

/// Counts the events of each type.
pub(super) fn event_types(connection: &Connection, filter: &Filter) -> Result<Vec<TypeCount>> {
    let filter = spellings::resolve(connection, filter, RecordKind::Events)?;
    let clause = Where::for_events(&filter);
    let sql = [TYPES, &clause.sql, TYPES_GROUPS].concat();
    let values = params_from_iter(clause.values);
    let mut types = Vec::<TypeCount>::new();
    for_each_row(connection, &sql, values, "count the events", |row| {
        let event_type = Text::from(row.get::<_, String>(0)?);
        let Some(status) = Status::from_code(row.get(1)?) else {
            // A status that another program wrote: not counted in any sum.
            return Ok(());
        };
        let (high, low) = (unsigned(row.get(3)?), unsigned(row.get(4)?));
        let count = (u128::from(high) << 32) + u128::from(low);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if types
            .last()
            .is_none_or(|last| last.event_type != event_type)
        {
            types.push(TypeCount::new(event_type));
        }
        if let Some(last) = types.last_mut() {
            last.add(status, unsigned(row.get(2)?), count);
        }
        Ok(())
    })?;
    Ok(types)
}

/// Reads the oldest quarter hour that has sums or an ended activity.
pub(super) fn oldest_quarter(connection: &Connection) -> Result<Option<i64>> {
    let view = snapshot(connection)?;
    let sums: Option<i64> = read_one(&view, OLDEST_SUMS, (), "read the oldest sums")?;
    let started_us = read(
        &view,
        OLDEST_ACTIVITY,
        (),
        "read the oldest activity",
        |row| row.get(0),
    )?;
    let activity = started_us.into_iter().map(quarter_of);
    Ok(activity.chain(sums).min())
}

/// Returns whether there are sums or ended activities of a subject.
pub(super) fn is_known(connection: &Connection, subject: &Subject) -> Result<bool> {
    let Subject::One(dimension, id) = subject else {
        return Ok(true);
    };
    match text_id(connection, id)? {
        Some(number) => read_one(
            connection,
            stored(*dimension).has_activities,
            [number],
            "look for activities",
        ),
        None => Ok(false),
    }
}

fn text_id(connection: &Connection, text: &str) -> Result<Option<i64>> {
    let found = read(connection, TEXT_ID, [text], "look up a text", |row| {
        row.get(0)
    })?;
    Ok(found.into_iter().next())
}

pub(super) fn text_value(connection: &Connection, id: i64) -> Result<Text> {
    read_one::<String>(connection, TEXT_VALUE, [id], "look up a text").map(Text::from)
}

fn read_one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    attempt: &str,
) -> Result<T> {
    let found = read(connection, sql, values, attempt, |row| row.get(0))?;
    let no_row = || Error::store(format!("could not {attempt}: the query returned no row"));
    found.into_iter().next().ok_or_else(no_row)
}

fn read<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    attempt: &str,
    of: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for_each_row(connection, sql, values, attempt, |row| {
        all.push(of(row)?);
        Ok(())
    })?;
    Ok(all)
}

pub(super) fn for_each_row(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    attempt: &str,
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<()> {
    let all = || {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    };
    all().map_err(failed(attempt))
}
