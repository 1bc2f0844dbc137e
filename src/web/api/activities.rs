//! `api/activities`: lists, and one with its tree.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::Error,
    query::{ActivityDetails, ActivityReader},
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, Record},
    web::{
        access::{Granted, all_seen},
        answer::Json,
        asked::{self, Asked, Named},
        problem::Problem,
        state::App,
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
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<ActivityRecord>>,
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
            activities: page.records,
            next: page.next,
        })
    });
    read.await
}

impl Listed {
    pub(super) fn place<R: Record>(&self) -> Result<(Option<Cursor<R>>, usize), Problem> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose()?;
        Ok((cursor, asked::limit(self.limit)?))
    }
}

/// What is asked for of one activity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Shown {
    /// `all`, where nothing is said, or `none`: without its tree.
    #[param(pattern = "^(all|none)$")]
    tree: Option<String>,
}

/// One activity, and what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct OneActivity {
    #[serde(flatten)]
    details: ActivityDetails,
    /// How many activities its tree has.
    tree_size: u64,
}

#[utoipa::path(get, path = "/activities/{id}", tag = "activities", params(("id" = String, Path, description = "The id of an activity"), Shown), responses((status = 200, description = "The activity, and what belongs to it", body = OneActivity), Problem))]
pub(super) async fn one(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(shown): Asked<Shown>,
) -> Result<Json, Problem> {
    let id = id_of(&id)?;
    let whole = match shown.tree.as_deref() {
        None | Some("all") => true,
        Some("none") => false,
        Some(other) => {
            let what = format!("{other:?} is no part of a tree: it is `all` or `none`");
            return Err(Problem::invalid(what));
        }
    };
    let seen = granted.within(Filter::default());
    let read = app.readers.ask(move |reader| {
        let activity = visible(reader, &seen, id)?;
        let root = activity.root;
        let mut details = reader.beside(activity)?;
        let tree_size = match whole {
            true => {
                details.tree = reader.tree(root)?;
                details.tree.retain(|one| seen.matches(one));
                without_payloads(&mut details.tree);
                details.tree.len() as u64
            }
            false => reader.tree_page(root, &seen, None, 1)?.total,
        };
        details.events.retain(|one| seen.matches_event(one));
        details.recordings = all_seen(reader, &seen, details.recordings)?;
        Json::of(&OneActivity { details, tree_size })
    });
    read.await
}

/// One page of a tree.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct TreePage {
    /// The activities, in order of start, without their payloads.
    activities: Vec<ActivityRecord>,
    /// How many the filter means in all of the tree.
    total: u64,
    /// Where the next page begins; `null` where there is none.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<ActivityRecord>>,
}

#[utoipa::path(get, path = "/activities/{id}/tree", tag = "activities", params(("id" = String, Path, description = "The id of any activity of the tree"), Listed), responses((status = 200, description = "One page of the tree that it stands in, in order of start", body = TreePage), Problem))]
pub(super) async fn tree(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(listed): Asked<Listed>,
) -> Result<Json, Problem> {
    let id = id_of(&id)?;
    let filter = granted.filter(listed.q.as_deref())?;
    let seen = granted.within(Filter::default());
    let (cursor, limit) = listed.place()?;
    let read = app.readers.ask(move |reader| {
        let root = visible(reader, &seen, id)?.root;
        let mut page = reader.tree_page(root, &filter, cursor, limit)?;
        without_payloads(&mut page.activities);
        Json::of(&TreePage {
            activities: page.activities,
            total: page.total,
            next: page.next,
        })
    });
    read.await
}

/// The activity of this id. What may not be seen is not there.
pub(super) fn visible(
    reader: &mut ActivityReader,
    seen: &Filter,
    id: ActivityId,
) -> Result<ActivityRecord, Problem> {
    let activity = reader.activity(id)?.filter(|one| seen.matches(one));
    activity.ok_or_else(|| {
        Problem::not_found(format!(
            "no activity {id} is on record: it never was, or it was pruned"
        ))
    })
}

/// A tree may have tens of thousands of activities: their payloads are asked for one by one.
fn without_payloads(tree: &mut [ActivityRecord]) {
    for one in tree {
        (one.input, one.output) = (None, None);
    }
}

/// What is no id is the id of nothing.
pub(super) fn id_of(text: &str) -> Result<ActivityId, Problem> {
    let no_id = |_: Error| Problem::not_found(format!("{text:?} is not the id of an activity"));
    text.parse().map_err(no_id)
}
