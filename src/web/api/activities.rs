//! `api/activities`: lists, and one with its tree.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    query::ActivityDetails,
    record::{ActivityId, ActivityRecord},
    store::Cursor,
    web::{
        answer::Json,
        asked::{self, Asked, Named},
        problem::Problem,
        router::App,
    },
};

/// Which records are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Listed {
    /// The filter.
    pub(super) q: Option<String>,
    /// Goes on where an earlier page ended.
    pub(super) cursor: Option<String>,
    /// How many at most.
    pub(super) limit: Option<usize>,
}

/// One page.
#[derive(Debug, Serialize)]
struct Page {
    /// The activities, newest first.
    activities: Vec<ActivityRecord>,
    /// Where the next page begins; `null` where there is none.
    next: Option<Cursor>,
}

pub(super) async fn list(
    State(app): State<App>,
    Asked(listed): Asked<Listed>,
) -> Result<Json, Problem> {
    let filter = asked::filter(listed.q.as_deref())?;
    let (cursor, limit) = listed.place()?;
    let read = app.readers.ask(move |reader| {
        let page = reader.page(&filter, cursor, limit)?;
        Json::of(&Page {
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

pub(super) async fn one(State(app): State<App>, Named(id): Named) -> Result<Json, Problem> {
    let id = id_of(&id)?;
    let read = app.readers.ask(move |reader| match reader.details(id)? {
        Some(details) => Json::of(&One {
            details,
            recordings: [],
        }),
        None => Err(unknown(id)),
    });
    read.await
}

/// One activity with all that belongs to it.
#[derive(Debug, Serialize)]
struct One {
    #[serde(flatten)]
    details: ActivityDetails,
    /// Nothing links a recording to an activity yet.
    recordings: [(); 0],
}

/// What is no id is the id of nothing.
fn id_of(text: &str) -> Result<ActivityId, Problem> {
    let no_id = |_: Error| Problem::not_found(format!("{text:?} is not the id of an activity"));
    text.parse().map_err(no_id)
}

fn unknown(id: ActivityId) -> Problem {
    Problem::not_found(format!(
        "no activity {id} is on record: it never was, or it was pruned"
    ))
}
