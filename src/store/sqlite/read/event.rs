//! Events: lists, newest first by id, and those of one activity.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    compile::Where,
    failed,
    page::by_project,
    present::parts,
    row::{get, instant, status},
    search::{self, Search},
};
use crate::{
    error::{Error, Result},
    record::{ActivityId, EventId, EventRecord, Filter, Has, InstanceId, Scope, Text},
    store::{Cursor, EventPage, FollowedEvents},
};

/// The columns that [`record`] reads.
const COLUMNS: &str = "SELECT a.id, a.at, type.value, a.status, a.summary, a.count, a.reference, a.data, a.activity, \
     instance.uuid, project.value, agent.value, actor.value, brand.value, environment.value, a.session, a.request, \
     a.dedup_key, a.truncated, a.seq FROM ";
const TABLE: &str = "event AS a ";
/// Those that the index finds.
const FOUND: &str = "event_search AS s CROSS JOIN event AS a \
     ON a.id >= activity_first_id(s.rowid) AND a.id < activity_first_id(s.rowid + 1) ";
/// No index but the row id's own.
const BY_SEQ: &str = "event AS a NOT INDEXED ";
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
    for (filter, cursor) in parts(filter, cursor, snapshot.ahead_from) {
        // One more than asked for tells whether there is a next page.
        let wanted = limit + 1 - events.len();
        events.extend(part(snapshot, &filter, cursor, wanted)?);
        if events.len() > limit {
            break;
        }
    }
    let more = events.len() > limit;
    events.truncate(limit);
    let cursor = |last: &EventRecord| Cursor::after_event(last.id).in_ahead(last.ahead);
    Ok(EventPage {
        next: events.last().map(cursor).filter(|_| more),
        events,
    })
}

/// The newest events of one part of a list.
fn part(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Result<Vec<EventRecord>> {
    let mut events = Vec::new();
    match Search::events(&snapshot.transaction, filter, cursor)? {
        Some(search) => events = found(snapshot, &search, filter, cursor, wanted)?,
        None => {
            for filter in by_project(filter) {
                let (sql, values) = newest(&filter, cursor, wanted);
                events.extend(records(snapshot, &sql, values)?);
            }
        }
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    // The same project may be named twice.
    events.dedup_by_key(|event| event.id);
    events.truncate(wanted);
    Ok(events)
}

/// The newest events through the index, and of those that it has not come to.
fn found(
    snapshot: &Snapshot<'_>,
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Result<Vec<EventRecord>> {
    let (sql, values) = newest_found(search, filter, cursor, wanted);
    let mut events = records(snapshot, &sql, values)?;
    if let Some(last) = events.last().filter(|_| events.len() == wanted) {
        // Within one microsecond the index has no order: what was cut off may come before what was not.
        let filter = search::within(filter, last.id.at().timestamp_micros());
        let (sql, values) = newest(&filter, cursor, wanted);
        events.extend(records(snapshot, &sql, values)?);
    }
    let mut clause = before(filter, cursor);
    clause
        .values
        .extend([search.followed, wanted as i64].map(Value::from));
    let sql = [COLUMNS, BY_SEQ, JOINS, &clause.sql, search::TAIL].concat();
    events.extend(records(snapshot, &sql, clause.values)?);
    Ok(events)
}

pub(super) fn newest(
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> (String, Vec<Value>) {
    let mut clause = before(filter, cursor);
    clause.values.push(Value::from(wanted as i64));
    (
        [COLUMNS, TABLE, JOINS, &clause.sql, NEWEST_FIRST].concat(),
        clause.values,
    )
}

pub(super) fn newest_found(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> (String, Vec<Value>) {
    let clause = before(filter, cursor);
    let mut values = search.values();
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    let condition = ["event_search", search::CONDITION, " AND ", &clause.sql].concat();
    let sql = [COLUMNS, FOUND, JOINS, &condition, search::NEWEST_FIRST].concat();
    (sql, values)
}

fn before(filter: &Filter, cursor: Option<Cursor>) -> Where {
    let mut clause = Where::of_events(filter);
    if let Some(cursor) = cursor {
        clause.before(cursor.id());
    }
    clause
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
    let seq = cut_off.map_or(newest, |last| last.seq);
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
    let sql = [COLUMNS, BY_SEQ, JOINS, &clause.sql, COMMIT_ORDER].concat();
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
    let sql = [COLUMNS, TABLE, JOINS, OF_ACTIVITY, NEWEST_FIRST].concat();
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
        let mut event = record(row)?;
        event.ahead = event.at >= snapshot.ahead_from;
        events.push(event);
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
        // The view knows.
        ahead: false,
        truncated: get::<Option<bool>>(row, 18)?.unwrap_or_default(),
        seq: get(row, 19)?,
    })
}
