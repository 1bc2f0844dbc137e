//! `api/events`: the list.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::activities::ListQuery;
use crate::{
    record::EventRecord,
    store::Cursor,
    web::{access::Grant, extract::Query, json::Json, problem::Problem, state::App},
};

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct EventPage {
    /// The events, newest first.
    events: Vec<EventRecord>,
    /// Cursor of the next page; `null` on the last one.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<EventRecord>>,
}

#[utoipa::path(get, path = "/events", tag = "events", params(ListQuery), responses((status = 200, description = "A page, newest first", body = EventPage), Problem))]
pub(super) async fn list(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<ListQuery>,
) -> Result<Json, Problem> {
    let filter = grant.parse_event_filter(query.q.as_deref(), query.tz.as_deref())?;
    let (cursor, limit) = query.cursor_and_limit()?;
    let read = app.readers.read(&grant, move |reader| {
        let page = reader.events(&filter, cursor, limit)?;
        Json::new(&EventPage {
            events: page.records,
            next: page.next,
        })
    });
    read.await
}
