//! Scans ended activities one by one, for sums that are not precomputed.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::ControlFlow,
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};

use super::{
    compile::{Table, Where},
    failed,
    list::{newest_position, resume},
    row, spellings,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Filter, Kind, Status, Text},
    store::{
        ActivitySample, AttributeSample, CommitPage, CountedActivity, GroupTotals, Grouping,
        Position, RecordKind, Total,
        codes::Code,
        sqlite::columns::{TEXT_VALUE, lossy, unsigned},
        text_of,
    },
};

/// A root is a turn if it has an agent that does not record turns explicitly: neither up to the watermark nor since.
const ROWS: &str = "WITH turn AS (SELECT id FROM text WHERE value = ?), \
     says AS (SELECT agent FROM turning_agent UNION SELECT agent FROM activity NOT INDEXED \
              WHERE kind = (SELECT id FROM turn) AND agent IS NOT NULL \
              AND seq > (SELECT coalesce(max(value), 0) FROM mark WHERE name = 'followed_activities')) \
     SELECT a.started_at, a.duration_ns, \
     coalesce(a.kind = (SELECT id FROM turn), 0) OR (a.root IS NULL AND a.agent IS NOT NULL AND a.agent NOT IN (SELECT agent FROM says)), \
     a.project, a.status, a.agent, a.name, a.brand FROM activity AS a WHERE ";
const IN_ORDER: &str = " ORDER BY a.id";
const ATTEMPT: &str = "add up activities";
const GROUPED: &str = " FROM activity AS a WHERE ";
const WITH_ATTRIBUTES: &str = "SELECT a.id, a.status, a.duration_ns, a.name, CASE a.status WHEN 2 THEN a.error_type END, \
     a.attributes FROM activity AS a WHERE ";
const COMMITS: &str = "SELECT a.name, a.project, a.status, a.duration_ns, CASE a.status WHEN 2 THEN a.error_type END \
     FROM activity AS a NOT INDEXED WHERE ";
const COUNT_ATTEMPT: &str = "count the newest activities";

pub(super) fn scan(
    connection: &Connection,
    filter: &Filter,
    take: &mut dyn FnMut(ActivitySample),
) -> Result<()> {
    let filter = spellings::resolve(connection, filter, RecordKind::Activities)?;
    let clause = Where::for_activities(&filter, Table::Ended);
    let sql = [ROWS, &clause.sql, IN_ORDER].concat();
    let turn = Value::from(Kind::Turn.as_str().to_owned());
    let values = params_from_iter([turn].into_iter().chain(clause.values));
    let mut texts = Texts::new(connection);
    let attempt = || failed(ATTEMPT);
    let mut statement = connection.prepare_cached(&sql).map_err(attempt())?;
    let mut rows = statement.query(values).map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let status = row::status(row.get(4).map_err(attempt())?)?;
        let one = sample(row, status, &mut texts).map_err(attempt())?;
        take(one);
    }
    Ok(())
}

fn sample(
    row: &Row<'_>,
    status: Status,
    texts: &mut Texts<'_>,
) -> rusqlite::Result<ActivitySample> {
    Ok(ActivitySample {
        started_us: row.get(0)?,
        duration_ns: row.get::<_, Option<i64>>(1)?.map(unsigned),
        is_turn: row.get(2)?,
        status,
        project: texts.get(row.get(3)?)?,
        agent: texts.get(row.get(5)?)?,
        name: texts.get(row.get(6)?)?,
        brand: texts.get(row.get(7)?)?,
    })
}

/// Adds up the ended activities that match a filter by group.
pub(super) fn totals_by(
    connection: &Connection,
    by: &Grouping,
    filter: &Filter,
) -> Result<Vec<Total>> {
    let attempt = || failed(ATTEMPT);
    let filter = spellings::resolve(connection, &by.filter().and(filter), RecordKind::Activities)?;
    let clause = Where::for_activities(&filter, Table::Ended);
    let column = match by {
        Grouping::Actor => "a.actor",
        Grouping::Environment => "a.environment",
        Grouping::Error => "a.error_type",
        Grouping::Attribute(_) => "a.attributes",
    };
    let sql = [
        "SELECT a.status, a.duration_ns, ",
        column,
        GROUPED,
        &clause.sql,
    ]
    .concat();
    let mut texts = Texts::new(connection);
    let mut totals = GroupTotals::default();
    let mut statement = connection.prepare_cached(&sql).map_err(attempt())?;
    let mut rows = statement
        .query(params_from_iter(clause.values))
        .map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let status = row::status(row.get(0).map_err(attempt())?)?;
        let mut read = || {
            let duration_ns: Option<i64> = row.get(1)?;
            let id = match by {
                Grouping::Actor | Grouping::Environment => texts.get(row.get(2)?)?,
                Grouping::Error => lossy(row.get_ref(2)?).map(|text| text.into_owned().into()),
                Grouping::Attribute(key) => {
                    lossy(row.get_ref(2)?).and_then(|object| attribute(&object, key))
                }
            };
            Ok((id, duration_ns.map(unsigned)))
        };
        if let (Some(id), duration_ns) = read().map_err(attempt())? {
            totals.add(id, status, duration_ns);
        }
    }
    Ok(totals.finish())
}

/// Returns the value of an attribute as a text.
fn attribute(attributes: &str, key: &str) -> Option<Text> {
    let attributes: serde_json::Map<_, _> = serde_json::from_str(attributes).ok()?;
    text_of(attributes.get(key)?)
}

/// Passes the ended activities that match a filter to `take`, with their attributes.
pub(super) fn attributes(
    connection: &Connection,
    filter: &Filter,
    take: &mut dyn FnMut(AttributeSample),
) -> Result<()> {
    let attempt = || failed(ATTEMPT);
    // Conditions on attributes are checked here, so that these are parsed once.
    let columns = spellings::resolve(
        connection,
        &filter.without_attributes(),
        RecordKind::Activities,
    )?;
    let clause = Where::for_activities(&columns, Table::Ended);
    let sql = [WITH_ATTRIBUTES, &clause.sql].concat();
    let mut texts = Texts::new(connection);
    let mut statement = connection.prepare_cached(&sql).map_err(attempt())?;
    let mut rows = statement
        .query(params_from_iter(clause.values))
        .map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let status = row::status(row.get(1).map_err(attempt())?)?;
        let mut read = || {
            let json = lossy(row.get_ref(5)?);
            let Some(attributes) = filter.matching_attributes(json.as_deref()) else {
                return Ok(None);
            };
            let duration_ns: Option<i64> = row.get(2)?;
            let error_type = row.get_ref(4).map(lossy)?;
            Ok(Some(AttributeSample {
                id: ActivityId::from_bytes(row.get(0)?),
                name: texts.get(row.get(3)?)?.unwrap_or_default(),
                status,
                duration_ns: duration_ns.map(unsigned),
                error_type: error_type.map(|text| text.into_owned().into()),
                attributes,
            }))
        };
        if let Some(one) = read().map_err(attempt())? {
            take(one);
        }
    }
    Ok(())
}

/// Passes the ended activities that match a filter to `take`, of up to `limit` commits after a position.
pub(super) fn count_after(
    view: &Connection,
    position: Position<ActivityRecord>,
    filter: &Filter,
    limit: usize,
    take: &mut dyn FnMut(CountedActivity),
) -> Result<CommitPage<ActivityRecord>> {
    let attempt = || failed(COUNT_ATTEMPT);
    let end = newest_position(view)?;
    let from = match resume(view, position, end)? {
        ControlFlow::Continue(from) => from,
        ControlFlow::Break(page) => return Ok(page),
    };
    let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
    let up_to = from.saturating_add(limit).min(end.seq());
    let filter = spellings::resolve(view, filter, RecordKind::Activities)?;
    let clause = Where::for_activities(&filter, Table::Ended);
    let sql = [COMMITS, &clause.sql, " AND a.seq > ? AND a.seq <= ?"].concat();
    let values = clause
        .values
        .into_iter()
        .chain([from, up_to].map(Value::from));
    let mut texts = Texts::new(view);
    let mut statement = view.prepare_cached(&sql).map_err(attempt())?;
    let mut rows = statement
        .query(params_from_iter(values))
        .map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let Some(status) = Status::from_code(row.get(2).map_err(attempt())?) else {
            // A status that another program wrote: not counted in any sum.
            continue;
        };
        let mut read = || {
            let duration_ns: Option<i64> = row.get(3)?;
            let error_type = row.get_ref(4).map(lossy)?;
            Ok(CountedActivity {
                name: texts.get(row.get(0)?)?.unwrap_or_default(),
                project: texts.get(row.get(1)?)?,
                status,
                duration_ns: duration_ns.map(unsigned),
                error_type: error_type.map(|text| text.into_owned().into()),
            })
        };
        take(read().map_err(attempt())?);
    }
    Ok(CommitPage::new(Vec::new(), Position::new(end.log(), up_to)))
}

/// A cache of dictionary texts: many activities share few of them.
pub(super) struct Texts<'a> {
    connection: &'a Connection,
    cached: HashMap<i64, Option<Text>>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Texts {
            connection,
            cached: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, id: Option<i64>) -> rusqlite::Result<Option<Text>> {
        let Some(id) = id else { return Ok(None) };
        match self.cached.entry(id) {
            Entry::Occupied(cached) => Ok(cached.get().clone()),
            Entry::Vacant(new) => {
                let mut statement = self.connection.prepare_cached(TEXT_VALUE)?;
                let text = statement
                    .query_row([id], |row| row.get::<_, String>(0))
                    .optional()?;
                Ok(new.insert(text.map(Text::from)).clone())
            }
        }
    }
}
