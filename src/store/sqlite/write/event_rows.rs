//! Inserts events. Only the first of those with the same deduplication key, type, project and actor is kept.

use rusqlite::{OptionalExtension, params};

use super::dictionary::TextIds;
use crate::{
    record::EventId,
    store::{Duplicate, NewEvent, codes::Code, sqlite::columns::signed},
};

const INSERT: &str = "
INSERT INTO event (id, at, type, status, summary, count, reference, data, activity, instance, project, agent, actor,
                   brand, environment, session, request, dedup_key, truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
ON CONFLICT DO NOTHING";
// As in the index `event_dedup_key`.
const FIRST: &str = "SELECT id FROM event WHERE dedup_key = ?1 AND type = ?2 \
     AND coalesce(project, 0) = coalesce(?3, 0) AND coalesce(actor, 0) = coalesce(?4, 0)";

/// Result of inserting an event.
pub(super) enum Inserted {
    New,
    /// It is in the table already: an earlier attempt was committed.
    AlreadyStored,
    /// Another event has the same deduplication key.
    Duplicate(Duplicate),
}

/// Inserts an event unless it is in the table.
pub(super) fn insert(
    texts: &mut TextIds<'_>,
    instance: i64,
    event: &NewEvent,
) -> rusqlite::Result<Inserted> {
    let connection = texts.connection;
    let scope = texts.scope(event.scope.as_deref())?;
    let event_type = texts.id(&event.event_type)?;
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        event.id.as_bytes(),
        event.at_us,
        event_type,
        event.status.code(),
        event.summary.as_deref(),
        signed(event.count),
        event.reference.as_deref(),
        event.data,
        event.activity.as_ref().map(|id| id.as_bytes()),
        instance,
        scope.project,
        scope.agent,
        scope.actor,
        scope.brand,
        scope.environment,
        scope.session,
        scope.request,
        event.dedup_key.as_deref(),
        event.truncated.then_some(1),
    ])? == 1;
    if inserted {
        return Ok(Inserted::New);
    }
    let Some(key) = event.dedup_key.as_deref() else {
        return Ok(Inserted::AlreadyStored);
    };
    let first = connection
        .prepare_cached(FIRST)?
        .query_row(
            params![key, event_type, scope.project, scope.actor],
            |row| row.get(0).map(EventId::from_bytes),
        )
        .optional()?;
    Ok(match first {
        Some(first) if first != event.id => Inserted::Duplicate(Duplicate::new(event.id, first)),
        _ => Inserted::AlreadyStored,
    })
}
