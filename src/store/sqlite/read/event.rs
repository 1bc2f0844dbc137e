//! Events: lists, newest first by id, and those of one activity.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    compile::Where,
    failed,
    page::by_project,
    row::{get, instant, status},
};
use crate::{
    error::{Error, Result},
    record::{ActivityId, EventId, EventRecord, Filter, Has, InstanceId, Scope, Text},
    store::{Cursor, EventPage, FollowedEvents},
};

/// The columns that [`record`] reads.
const COLUMNS: &str = "SELECT a.id, a.at, type.value, a.status, a.summary, a.count, a.reference, a.data, a.activity, \
     instance.uuid, project.value, agent.value, actor.value, brand.value, environment.value, a.session, a.request, \
     a.dedup_key, a.truncated, a.seq FROM event AS a ";
/// Where they come from. Outer joins, so that the order of the tables is the order of reading.
const JOINS: &str = "LEFT JOIN text AS type ON type.id = a.type LEFT JOIN instance ON instance.id = a.instance \
     LEFT JOIN text AS project ON project.id = a.project LEFT JOIN text AS agent ON agent.id = a.agent \
     LEFT JOIN text AS actor ON actor.id = a.actor LEFT JOIN text AS brand ON brand.id = a.brand \
     LEFT JOIN text AS environment ON environment.id = a.environment WHERE ";
const NEWEST_FIRST: &str = " ORDER BY a.id DESC LIMIT ?";
const COMMIT_ORDER: &str = " AND a.seq > ? AND a.seq <= ? ORDER BY a.seq LIMIT ?";
const NEWEST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM event";
const OF_ACTIVITY: &str = "a.activity = ?";

/// The newest events.
pub(super) fn page(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<EventPage> {
    let mut events = Vec::new();
    for filter in by_project(filter) {
        // One more than asked for tells whether there is a next page.
        let (sql, values) = newest(&filter, cursor, limit + 1);
        events.extend(records(snapshot, &sql, values)?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    // The same project may be named twice.
    events.dedup_by_key(|event| event.id);
    let more = events.len() > limit;
    events.truncate(limit);
    let last = events.last().map(|event| Cursor::after_event(event.id));
    Ok(EventPage {
        events,
        next: last.filter(|_| more),
    })
}

pub(super) fn newest(
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> (String, Vec<Value>) {
    let mut clause = Where::of_events(filter);
    if let Some(cursor) = cursor {
        clause.before(cursor.id());
    }
    clause.values.push(Value::from(wanted as i64));
    (
        [COLUMNS, JOINS, &clause.sql, NEWEST_FIRST].concat(),
        clause.values,
    )
}

/// What was committed after `seq`.
pub(super) fn after(
    snapshot: &Snapshot<'_>,
    seq: i64,
    filter: &Filter,
    limit: usize,
) -> Result<FollowedEvents> {
    let newest = newest_seq(&snapshot.transaction)?;
    let (sql, values) = commits(filter, seq, newest, limit);
    let events = records(snapshot, &sql, values)?;
    // A full answer was cut off at its last event; any other has looked at everything.
    let cut_off = events.last().filter(|_| events.len() == limit);
    let seq = cut_off.map_or(newest.max(seq), |last| last.seq);
    Ok(FollowedEvents { events, seq })
}

pub(super) fn commits(
    filter: &Filter,
    after: i64,
    up_to: i64,
    limit: usize,
) -> (String, Vec<Value>) {
    let mut clause = Where::of_events(filter);
    clause
        .values
        .extend([after, up_to, limit as i64].map(Value::from));
    // No index but the row id's own.
    let sql = [COLUMNS, "NOT INDEXED ", JOINS, &clause.sql, COMMIT_ORDER].concat();
    (sql, clause.values)
}

pub(super) fn newest_seq(connection: &Connection) -> Result<i64> {
    let newest = connection.query_row(NEWEST_SEQ, (), |row| row.get(0));
    newest.map_err(failed("read the newest commit of an event"))
}

/// The newest events of one activity, oldest first.
pub(super) fn of_activity(
    snapshot: &Snapshot<'_>,
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>> {
    let sql = [COLUMNS, JOINS, OF_ACTIVITY, NEWEST_FIRST].concat();
    let id = Value::from(activity.as_bytes().to_vec());
    let mut events = records(snapshot, &sql, vec![id, Value::from(limit as i64)])?;
    events.reverse();
    Ok(events)
}

/// Refuses to answer what events have no answer to.
pub(super) fn of_events(filter: &Filter) -> Result<()> {
    let has = [&filter.has.any_of, &filter.has.none_of];
    let of_activities = [
        (!filter.kind.is_empty(), "`kind:`"),
        (!filter.name.is_empty(), "`name:`"),
        (!filter.error.is_empty(), "`error:`"),
        (filter.duration.is_some(), "`duration:`"),
        (has.into_iter().flatten().any(is_of_activities), "`has:`"),
    ];
    match of_activities.into_iter().find(|(asked, _)| *asked) {
        None => Ok(()),
        Some((_, "`has:`")) => Err(Error::invalid(
            "events have no recording, error, message, input, output or duration; `has:parent`, `has:actor` and \
             the other scopes are what can be asked for",
        )),
        Some((_, field)) => Err(Error::invalid(format!(
            "{field} asks for what activities have, and events do not; `type:` and `status:` are what they have"
        ))),
    }
}

fn is_of_activities(has: &Has) -> bool {
    matches!(
        has,
        Has::Recording | Has::Error | Has::Message | Has::Input | Has::Output | Has::Duration
    )
}

fn records(snapshot: &Snapshot<'_>, sql: &str, values: Vec<Value>) -> Result<Vec<EventRecord>> {
    let attempt = || failed("read events");
    let mut statement = snapshot
        .transaction
        .prepare_cached(sql)
        .map_err(attempt())?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(attempt())?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        events.push(record(row)?);
    }
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
            .map_err(|cause| Error::store("the data are not JSON").with_source(cause))?,
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
        truncated: get::<Option<bool>>(row, 18)?.unwrap_or_default(),
        seq: get(row, 19)?,
    })
}
