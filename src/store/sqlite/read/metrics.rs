//! Sums: from the buckets where there are any, for agents and turns from the rows.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use rusqlite::{Connection, Params, Row, params, params_from_iter, types::Value};

use super::{compile::Where, failed, row};
use crate::{
    error::{Error, Result},
    record::{ActivityId, Filter, Kind, Sketch, Status, Sums, Text},
    store::{
        Bucket, Dimension, Nesting, QUARTER_US, Starts, Subject, TypeCount,
        sqlite::write::status_number,
    },
};

const NUMBER: &str = "SELECT id FROM text WHERE value = ?1";
const TEXT: &str = "SELECT value FROM text WHERE id = ?1";
const BUCKETS: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = ?1 AND scope_id = ?2 AND quarter >= ?3 AND quarter < ?4 ORDER BY quarter";
const TOTALS: &str = "SELECT scope_id, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = ?1 AND quarter >= ?2 AND quarter < ?3";
const AGENT_ROWS: &str = "SELECT started_at, status, duration_ns FROM activity \
     WHERE id >= ?1 AND id < ?2 AND agent = ?3";
const AGENTS_ROWS: &str = "SELECT agent, status, duration_ns FROM activity \
     WHERE id >= ?1 AND id < ?2 AND agent IS NOT NULL";
const OLDEST: &str = "SELECT min(quarter) FROM bucket WHERE scope = 0 AND scope_id = 0";
const TYPES: &str = "SELECT (SELECT value FROM text WHERE text.id = a.type), count(*), sum(a.status = ?), sum(a.count) \
     FROM event AS a WHERE ";
const TYPES_GROUPS: &str = " GROUP BY a.type";

/// In the order of starts, so that those of one quarter come together: grouping them here takes a quarter of the time that
/// SQLite takes to sort all of them by agent.
const STARTS: &str = "SELECT agent, started_at, kind = (SELECT id FROM text WHERE value = ?3), root IS NULL \
     FROM activity WHERE id >= ?1 AND id < ?2 AND agent IS NOT NULL";
const IN_ORDER: &str = " ORDER BY id";

/// How a dimension is stored.
struct Stored {
    /// `bucket.scope`; `None` where no buckets are kept.
    scope: Option<i64>,
    /// The condition on `activity` that an id, bound to `?4`, holds.
    condition: &'static str,
    /// Whether there is an ended activity of the id bound to `?1`.
    any: &'static str,
}

fn stored(dimension: Dimension) -> Stored {
    match dimension {
        Dimension::Project => Stored {
            scope: Some(1),
            condition: " AND project = ?4",
            any: "SELECT EXISTS (SELECT 1 FROM activity WHERE project = ?1)",
        },
        Dimension::Agent => Stored {
            scope: None,
            condition: " AND agent = ?4",
            any: "SELECT EXISTS (SELECT 1 FROM activity WHERE agent = ?1)",
        },
        Dimension::Name => Stored {
            scope: Some(2),
            condition: " AND name = ?4",
            any: "SELECT EXISTS (SELECT 1 FROM activity WHERE name = ?1)",
        },
        Dimension::Brand => Stored {
            scope: Some(3),
            condition: " AND brand = ?4",
            any: "SELECT EXISTS (SELECT 1 FROM activity WHERE brand = ?1)",
        },
    }
}

pub(super) fn buckets(
    connection: &Connection,
    of: &Subject,
    quarters: Range<i64>,
) -> Result<Vec<Bucket>> {
    let (scope, number) = match of {
        Subject::Overall => (0, 0),
        Subject::One(dimension, id) => match (stored(*dimension).scope, number(connection, id)?) {
            (_, None) => return Ok(Vec::new()),
            (None, Some(agent)) => return buckets_of_agent(connection, agent, quarters),
            (Some(scope), Some(number)) => (scope, number),
        },
    };
    let values = params![scope, number, quarters.start, quarters.end];
    read(connection, BUCKETS, values, "read the sums", |row| {
        let (quarter, sums) = sums(row)?;
        Ok(Bucket { quarter, sums })
    })
}

fn buckets_of_agent(
    connection: &Connection,
    agent: i64,
    quarters: Range<i64>,
) -> Result<Vec<Bucket>> {
    let (first, end) = bounds(quarters);
    let values = params![first, end, agent];
    let mut buckets = BTreeMap::<i64, Sums>::new();
    let attempt = "add up an agent's activities";
    each(connection, AGENT_ROWS, values, attempt, |row| {
        let quarter = row.get::<_, i64>(0)?.div_euclid(QUARTER_US);
        add(buckets.entry(quarter).or_default(), row)
    })?;
    let bucket = |(quarter, sums)| Bucket { quarter, sums };
    Ok(buckets.into_iter().map(bucket).collect())
}

pub(super) fn totals(
    connection: &Connection,
    by: Dimension,
    quarters: Range<i64>,
) -> Result<Vec<(Text, Sums)>> {
    let mut totals = HashMap::<i64, Sums>::new();
    match stored(by).scope {
        Some(scope) => {
            let values = params![scope, quarters.start, quarters.end];
            each(connection, TOTALS, values, "read the sums", |row| {
                let (id, sums) = sums(row)?;
                totals.entry(id).or_default().merge(&sums);
                Ok(())
            })?;
        }
        None => {
            let (first, end) = bounds(quarters);
            let attempt = "add up the activities of agents";
            each(
                connection,
                AGENTS_ROWS,
                params![first, end],
                attempt,
                |row| add(totals.entry(row.get(0)?).or_default(), row),
            )?;
        }
    }
    totals
        .into_iter()
        .map(|(id, sums)| Ok((text(connection, id)?, sums)))
        .collect()
}

pub(super) fn starts(
    connection: &Connection,
    of: &Subject,
    quarters: Range<i64>,
) -> Result<Vec<Starts>> {
    let (first, end) = bounds(quarters);
    let turn = Kind::Turn.as_str();
    let attempt = "add up the turns of agents";
    let mut groups = Groups::default();
    let take = |row: &Row<'_>| {
        groups.add(row.get(0)?, row.get(1)?, nesting(row)?);
        Ok(())
    };
    match of {
        Subject::Overall => {
            let sql = [STARTS, IN_ORDER].concat();
            each(connection, &sql, params![first, end, turn], attempt, take)?;
        }
        Subject::One(dimension, id) => {
            let Some(number) = number(connection, id)? else {
                return Ok(Vec::new());
            };
            let sql = [STARTS, stored(*dimension).condition, IN_ORDER].concat();
            let values = params![first, end, turn, number];
            each(connection, &sql, values, attempt, take)?;
        }
    }
    let mut names = HashMap::new();
    let mut named = |(agent, of, group): (i64, Nesting, Group)| {
        let name = match names.get(&agent) {
            Some(name) => Text::clone(name),
            None => names
                .entry(agent)
                .or_insert(text(connection, agent)?)
                .clone(),
        };
        Ok(Starts {
            agent: name,
            quarter: group.first_us.div_euclid(QUARTER_US),
            of,
            count: group.count,
            first_us: group.first_us,
            last_us: group.last_us,
        })
    };
    groups.end().into_iter().map(&mut named).collect()
}

/// Starts that come in order, grouped by quarter, agent and sort.
#[derive(Default)]
struct Groups {
    done: Vec<(i64, Nesting, Group)>,
    quarter: i64,
    of_quarter: HashMap<(i64, Nesting), Group>,
}

struct Group {
    count: u64,
    first_us: i64,
    last_us: i64,
}

impl Groups {
    fn add(&mut self, agent: i64, at_us: i64, of: Nesting) {
        let quarter = at_us.div_euclid(QUARTER_US);
        if quarter != self.quarter {
            self.close();
            self.quarter = quarter;
        }
        let group = self.of_quarter.entry((agent, of)).or_insert(Group {
            count: 0,
            first_us: at_us,
            last_us: at_us,
        });
        group.count += 1;
        group.last_us = at_us;
    }

    fn close(&mut self) {
        let groups = self.of_quarter.drain();
        self.done
            .extend(groups.map(|((agent, of), group)| (agent, of, group)));
    }

    fn end(mut self) -> Vec<(i64, Nesting, Group)> {
        self.close();
        self.done
    }
}

/// What the third and the fourth column say.
pub(super) fn nesting(row: &Row<'_>) -> rusqlite::Result<Nesting> {
    Ok(match (row.get::<_, Option<bool>>(2)?, row.get(3)?) {
        // No text is the kind's where there is no turn at all.
        (Some(true), _) => Nesting::Turn,
        (_, true) => Nesting::Root,
        (_, false) => Nesting::Nested,
    })
}

pub(super) fn event_types(connection: &Connection, filter: &Filter) -> Result<Vec<TypeCount>> {
    let clause = Where::of_events(filter);
    let sql = [TYPES, &clause.sql, TYPES_GROUPS].concat();
    let failed = Value::from(status_number(Status::Failed));
    let values = params_from_iter([failed].into_iter().chain(clause.values));
    read(connection, &sql, values, "count the events", |row| {
        Ok(TypeCount {
            event_type: Text::from(row.get::<_, String>(0)?),
            events: unsigned(row.get(1)?),
            failed: unsigned(row.get(2)?),
            count: unsigned(row.get(3)?),
        })
    })
}

pub(super) fn oldest_quarter(connection: &Connection) -> Result<Option<i64>> {
    one(connection, OLDEST, (), "read the oldest sums")
}

pub(super) fn is_known(connection: &Connection, subject: &Subject) -> Result<bool> {
    let Subject::One(dimension, id) = subject else {
        return Ok(true);
    };
    match number(connection, id)? {
        Some(number) => one(
            connection,
            stored(*dimension).any,
            [number],
            "look for activities",
        ),
        None => Ok(false),
    }
}

/// Counts one row whose second and third columns are its status and its duration.
fn add(sums: &mut Sums, row: &Row<'_>) -> rusqlite::Result<()> {
    let code = row.get(1)?;
    let damaged = |_| rusqlite::Error::IntegralValueOutOfRange(1, code);
    let status = row::status(code).map_err(damaged)?;
    sums.add(status, row.get::<_, Option<i64>>(2)?.map(unsigned));
    Ok(())
}

/// A row of `bucket`: what stands in its first column, and the sums.
fn sums(row: &Row<'_>) -> rusqlite::Result<(i64, Sums)> {
    let number = |column| row.get(column).map(unsigned);
    let optional = |column| row.get::<_, Option<i64>>(column).map(|ns| ns.map(unsigned));
    let sketch = row.get::<_, Option<Vec<u8>>>(8)?.unwrap_or_default();
    let sums = Sums {
        count: number(1)?,
        failed: number(2)?,
        cancelled: number(3)?,
        timed: number(4)?,
        sum_ns: number(5)?,
        min_ns: optional(6)?,
        max_ns: optional(7)?,
        sketch: Sketch::from_bytes(&sketch),
    };
    Ok((row.get(0)?, sums))
}

/// The ids of what started in these quarters: from the first up to, and without, the second.
fn bounds(quarters: Range<i64>) -> ([u8; 16], [u8; 16]) {
    let bound =
        |quarter: i64| *ActivityId::from_parts(quarter.saturating_mul(QUARTER_US), 0).as_bytes();
    (bound(quarters.start), bound(quarters.end))
}

fn number(connection: &Connection, text: &str) -> Result<Option<i64>> {
    let found = read(connection, NUMBER, [text], "look up a text", |row| {
        row.get(0)
    })?;
    Ok(found.into_iter().next())
}

fn text(connection: &Connection, number: i64) -> Result<Text> {
    one::<String>(connection, TEXT, [number], "look up a text").map(Text::from)
}

fn one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    attempt: &str,
) -> Result<T> {
    let found = read(connection, sql, values, attempt, |row| row.get(0))?;
    let nothing = || Error::store(format!("could not {attempt}: there was no answer"));
    found.into_iter().next().ok_or_else(nothing)
}

fn read<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    attempt: &str,
    of: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    each(connection, sql, values, attempt, |row| {
        all.push(of(row)?);
        Ok(())
    })?;
    Ok(all)
}

fn each(
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

/// SQLite's integers have a sign, what is counted has none.
fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}
