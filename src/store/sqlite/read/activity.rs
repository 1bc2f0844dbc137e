//! Activities as they are stored: ended, and open.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    compile::{Table, Where},
    list::{BY_ID, NEWEST_FIRST, Stored, before},
    row::{self, COLUMNS, ENDED, ENDED_BY_SEQ, ENDED_FOUND, JOINS, OPEN},
    search::Search,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Filter, Status},
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

impl Stored for ActivityRecord {
    const READ: &'static str = "read activities";
    const COLUMNS: &'static str = COLUMNS;
    const TABLE: &'static str = ENDED;
    const BY_SEQ: &'static str = ENDED_BY_SEQ;
    const FOUND: &'static str = ENDED_FOUND;
    const JOINS: &'static str = JOINS;
    const INDEX: &'static str = "activity_search";
    const NEWEST: &'static str = "SELECT coalesce(max(seq), 0) FROM activity";

    fn condition(filter: &Filter) -> Where {
        Where::of(filter, Table::Ended)
    }

    fn search(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
    ) -> Result<Option<Search>> {
        Search::activities(connection, filter, cursor)
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
        let clause = before(Where::of(filter, Table::Open), cursor);
        let mut values = vec![Value::from(snapshot.alive.clone())];
        values.extend(clause.values);
        values.push(Value::from(wanted as i64));
        let sql = [COLUMNS, OPEN, JOINS, &clause.sql, NEWEST_FIRST].concat();
        snapshot.records((sql, values))
    }

    fn open_one(snapshot: &Snapshot<'_>, id: ActivityId) -> Result<Vec<Self>> {
        let sql = [COLUMNS, OPEN, JOINS, BY_ID].concat();
        let id = Value::from(id.as_bytes().to_vec());
        snapshot.records((sql, vec![snapshot.alive.clone().into(), id]))
    }
}

/// Whether a table that holds these has to be read at all.
fn any_status(filter: &Filter, of: &[Status]) -> bool {
    of.iter()
        .any(|status| filter.status.allows(|allowed| allowed == status))
}
