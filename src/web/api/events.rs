//! `api/events`: lists.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::activities::Listed;
use crate::{
    record::EventRecord,
    store::Cursor,
    web::{access::Granted, answer::Json, asked::Asked, problem::Problem, state::App},
};

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct EventPage {
    /// The events, newest first.
    events: Vec<EventRecord>,
    /// Where the next page begins; `null` where there is none.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<EventRecord>>,
}

#[utoipa::path(get, path = "/events", tag = "events", params(Listed), responses((status = 200, description = "One page, newest first", body = EventPage), Problem))]
pub(super) async fn list(
    State(app): State<App>,
    granted: Granted,
    Asked(listed): Asked<Listed>,
) -> Result<Json, Problem> {
    let filter = granted.filter(listed.q.as_deref())?;
    let (cursor, limit) = listed.place()?;
    let read = app.readers.ask(move |reader| {
        let page = reader.events(&filter, cursor, limit)?;
        Json::of(&EventPage {
            events: page.records,
            next: page.next,
        })
    });
    read.await
}
