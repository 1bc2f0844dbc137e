//! Reads events: in lists, and those of one activity.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    compile::Where,
    list::{ListedRecord, NEWEST_FIRST},
    row::{get, instant, status},
    search::Search,
};
use crate::{
    error::{Error, Result},
    record::{ActivityId, EventId, EventRecord, Filter, InstanceId, Scope, Text},
    store::Cursor,
};

/// The columns for [`record`].
const COLUMNS: &str = "SELECT a.id, a.at, type.value, a.status, a.summary, a.count, a.reference, a.data, a.activity, \
     instance.uuid, project.value, agent.value, actor.value, brand.value, environment.value, a.session, a.request, \
     a.dedup_key, a.truncated, a.seq FROM ";
const TABLE: &str = "event AS a ";
/// In the order of row ids.
const BY_SEQ: &str = "event AS a NOT INDEXED ";
/// Outer joins, so that SQLite reads the tables in this order.
const JOINS: &str = "LEFT JOIN text AS type ON type.id = a.type LEFT JOIN instance ON instance.id = a.instance \
     LEFT JOIN text AS project ON project.id = a.project LEFT JOIN text AS agent ON agent.id = a.agent \
     LEFT JOIN text AS actor ON actor.id = a.actor LEFT JOIN text AS brand ON brand.id = a.brand \
     LEFT JOIN text AS environment ON environment.id = a.environment WHERE ";
const OF_ACTIVITY: &str = "a.activity = ?";

impl ListedRecord for EventRecord {
    const ATTEMPT: &'static str = "read events";
    const COLUMNS: &'static str = COLUMNS;
    const TABLE: &'static str = TABLE;
    const BY_SEQ: &'static str = BY_SEQ;
    const OF_START: &'static str = " AND a.seq IN (SELECT seq FROM event WHERE id >= ? AND id < ?)";
    const JOINS: &'static str = JOINS;
    const SEARCH: &'static str = "SELECT rowid FROM event_search WHERE event_search MATCH ? \
         AND rowid BETWEEN ? AND ? ORDER BY rowid DESC";

    fn condition(filter: &Filter) -> Where {
        Where::for_events(filter)
    }

    fn search(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
    ) -> Result<Option<Search>> {
        Search::events(connection, filter, cursor)
    }

    fn read(row: &Row<'_>) -> Result<Self> {
        record(row)
    }
}

/// Reads the newest events of one activity, oldest first.
pub(super) fn of_activity(
    snapshot: &Snapshot<'_>,
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>> {
    let sql = [COLUMNS, TABLE, JOINS, OF_ACTIVITY, NEWEST_FIRST].concat();
    let id = Value::from(activity.as_bytes().to_vec());
    let mut events: Vec<EventRecord> =
        snapshot.records((sql, vec![id, Value::from(limit as i64)]))?;
    events.reverse();
    Ok(events)
}

/// Reads one row.
fn record(row: &Row<'_>) -> Result<EventRecord> {
    let id = EventId::from_bytes(get(row, 0)?);
    columns(row, id).map_err(|cause| {
        Error::store(format!("could not read the row of event {id}")).with_source(cause)
    })
}

fn columns(row: &Row<'_>, id: EventId) -> Result<EventRecord> {
    let text = |column| get::<Option<String>>(row, column).map(|text| text.map(Text::from));
    let data = get::<Option<String>>(row, 7)?.map(|json| serde_json::from_str(&json));
    Ok(EventRecord {
        id,
        at: instant(get(row, 1)?)?,
        event_type: get::<String>(row, 2)?.into(),
        status: status(get(row, 3)?)?,
        summary: text(4)?,
        count: get::<i64>(row, 5)?.max(0).cast_unsigned(),
        reference: text(6)?,
        data: data
            .transpose()
            .map_err(|cause| Error::store("the data is not JSON").with_source(cause))?,
        activity: get::<Option<[u8; 16]>>(row, 8)?.map(ActivityId::from_bytes),
        instance: InstanceId::from_bytes(get(row, 9)?),
        scope: Scope {
            project: text(10)?,
            agent: text(11)?,
            actor: text(12)?,
            brand: text(13)?,
            environment: text(14)?,
            session: text(15)?,
            request: text(16)?,
        },
        dedup_key: text(17)?,
        // `Snapshot::records` sets it.
        ahead: false,
        truncated: get::<Option<bool>>(row, 18)?.unwrap_or_default(),
        seq: get(row, 19)?,
    })
}
