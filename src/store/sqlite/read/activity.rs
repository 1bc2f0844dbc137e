//! Reads activities: ended, and open.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    compile::{Table, Where},
    failed,
    list::{BY_ID, ListedRecord, NEWEST_FIRST, before},
    row::{self, COLUMNS, ENDED, ENDED_BY_SEQ, JOINS, OPEN},
    search::Search,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Filter, Has, Status},
    store::Cursor,
};

const ENDED_STATUSES: [Status; 5] = [
    Status::Success,
    Status::Failed,
    Status::Cancelled,
    Status::Skipped,
    Status::Abandoned,
];
const OPEN_STATUSES: [Status; 2] = [Status::Running, Status::Abandoned];

/// Up to this many rows of a side table are looked up one by one: some tens of milliseconds.
const FEW: i64 = 10_000;
const LINKS: &str = "SELECT count(*) FROM (SELECT 1 FROM link LIMIT ?)";
const RECORDED: &str =
    "a.seq IN (SELECT seq FROM activity WHERE id IN (SELECT activity FROM link))";
const PREVIEWS: &str = "SELECT count(*) FROM (SELECT 1 FROM preview LIMIT ?)";
const PREVIEWED: &str = "a.seq IN (SELECT activity FROM preview)";

impl ListedRecord for ActivityRecord {
    const ATTEMPT: &'static str = "read activities";
    const COLUMNS: &'static str = COLUMNS;
    const TABLE: &'static str = ENDED;
    const BY_SEQ: &'static str = ENDED_BY_SEQ;
    const OF_START: &'static str =
        " AND a.seq IN (SELECT seq FROM activity WHERE id >= ? AND id < ?)";
    const JOINS: &'static str = JOINS;
    const SEARCH: &'static str = "SELECT rowid FROM activity_search WHERE activity_search MATCH ? \
         AND rowid BETWEEN ? AND ? ORDER BY rowid DESC";

    fn condition(filter: &Filter) -> Where {
        Where::for_activities(filter, Table::Ended)
    }

    fn search(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
    ) -> Result<Option<Search>> {
        Search::activities(connection, filter, cursor)
    }

    fn candidates(connection: &Connection, filter: &Filter) -> Result<Option<&'static str>> {
        let (rows, candidates) = match filter.has.any_of[..] {
            [Has::Recording] => (LINKS, RECORDED),
            [Has::Input | Has::Output] => (PREVIEWS, PREVIEWED),
            _ => return Ok(None),
        };
        let count = || {
            connection
                .prepare_cached(rows)?
                .query_row([FEW + 1], |row| row.get(0))
        };
        let count: i64 = count().map_err(failed(Self::ATTEMPT))?;
        Ok((count <= FEW).then_some(candidates))
    }

    fn read(row: &Row<'_>) -> Result<Self> {
        row::record(row)
    }

    fn may_be_committed(filter: &Filter) -> bool {
        any_status(filter, &ENDED_STATUSES)
    }

    fn open(
        snapshot: &Snapshot<'_>,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
        wanted: usize,
    ) -> Result<Vec<Self>> {
        if !any_status(filter, &OPEN_STATUSES) {
            return Ok(Vec::new());
        }
        let clause = before(Where::for_activities(filter, Table::Open), cursor);
        let mut values = vec![Value::from(snapshot.alive_rows.clone())];
        values.extend(clause.values);
        values.push(Value::from(wanted as i64));
        let sql = [COLUMNS, OPEN, JOINS, &clause.sql, NEWEST_FIRST].concat();
        snapshot.records((sql, values))
    }

    fn open_one(snapshot: &Snapshot<'_>, id: ActivityId) -> Result<Vec<Self>> {
        let sql = [COLUMNS, OPEN, JOINS, BY_ID].concat();
        let id = Value::from(id.as_bytes().to_vec());
        snapshot.records((sql, vec![snapshot.alive_rows.clone().into(), id]))
    }
}

/// True if the filter can match one of these statuses.
fn any_status(filter: &Filter, statuses: &[Status]) -> bool {
    statuses
        .iter()
        .any(|status| filter.status.allows(|allowed| allowed == status))
}
