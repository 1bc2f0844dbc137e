//! `api/activities`: lists, and one with its tree.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::recordings::all_seen;
use crate::{
    error::Error,
    query::ActivityDetails,
    record::{ActivityId, ActivityRecord, Filter},
    store::Cursor,
    web::{
        access::Granted,
        answer::Json,
        asked::{self, Asked, Named},
        problem::Problem,
        router::App,
    },
};

/// Which records are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Listed {
    /// The filter.
    pub(super) q: Option<String>,
    /// Goes on where an earlier page ended.
    pub(super) cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ActivityPage {
    /// The activities, newest first.
    activities: Vec<ActivityRecord>,
    /// Where the next page begins; `null` where there is none.
    next: Option<Cursor>,
}

#[utoipa::path(get, path = "/activities", tag = "activities", params(Listed), responses((status = 200, description = "One page, newest first", body = ActivityPage), Problem))]
pub(super) async fn list(
    State(app): State<App>,
    granted: Granted,
    Asked(listed): Asked<Listed>,
) -> Result<Json, Problem> {
    let filter = granted.filter(listed.q.as_deref())?;
    let (cursor, limit) = listed.place()?;
    let read = app.readers.ask(move |reader| {
        let page = reader.page(&filter, cursor, limit)?;
        Json::of(&ActivityPage {
            activities: page.activities,
            next: page.next,
        })
    });
    read.await
}

impl Listed {
    pub(super) fn place(&self) -> Result<(Option<Cursor>, usize), Problem> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose()?;
        Ok((cursor, asked::limit(self.limit)?))
    }
}

#[utoipa::path(get, path = "/activities/{id}", tag = "activities", params(("id" = String, Path, description = "The id of an activity")), responses((status = 200, description = "The activity, and what belongs to it", body = ActivityDetails), Problem))]
pub(super) async fn one(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
) -> Result<Json, Problem> {
    let id = id_of(&id)?;
    let seen = granted.within(Filter::default());
    let read = app.readers.ask(move |reader| {
        // What may not be seen is not there.
        let details = reader
            .details(id)?
            .filter(|one| seen.matches(&one.activity));
        let mut details = details.ok_or_else(|| unknown(id))?;
        details.tree.retain(|one| seen.matches(one));
        // A tree may have tens of thousands of activities: their payloads are asked for one by one.
        for one in &mut details.tree {
            (one.input, one.output) = (None, None);
        }
        details.events.retain(|one| seen.matches_event(one));
        details.recordings = all_seen(reader, &seen, details.recordings)?;
        Json::of(&details)
    });
    read.await
}

/// What is no id is the id of nothing.
pub(super) fn id_of(text: &str) -> Result<ActivityId, Problem> {
    let no_id = |_: Error| Problem::not_found(format!("{text:?} is not the id of an activity"));
    text.parse().map_err(no_id)
}

pub(super) fn unknown(id: ActivityId) -> Problem {
    Problem::not_found(format!(
        "no activity {id} is on record: it never was, or it was pruned"
    ))
}
