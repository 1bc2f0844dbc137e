//! Scans ended activities one by one, for sums that are not precomputed.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};

use super::{
    compile::{Table, Where},
    failed, row, spellings,
};
use crate::{
    error::Result,
    record::{Filter, Kind, Text},
    store::{
        ActivitySample, RecordKind,
        sqlite::columns::{TEXT_VALUE, unsigned},
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
    status: crate::record::Status,
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
