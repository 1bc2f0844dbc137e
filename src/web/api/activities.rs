//! `api/activities`: the list, and one activity with its tree.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::Error,
    query::{ActivityDetails, ActivityReader},
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, Descendants, Record},
    web::{
        access::{Grant, visible_recordings},
        extract::{self, PathParam, Query},
        json::Json,
        problem::Problem,
        state::App,
    },
};

/// The query of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ListQuery {
    /// The filter.
    pub(super) q: Option<String>,
    /// Time zone of days and times in the filter, such as `Asia/Kathmandu` [default: UTC].
    pub(super) tz: Option<String>,
    /// Continues after this cursor.
    pub(super) cursor: Option<String>,
    /// Maximum number of records [default: 50].
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
}

/// A page of activities.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ActivityPage {
    /// The activities, newest first.
    activities: Vec<ActivityRecord>,
    /// Cursor of the next page; `null` on the last one.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<ActivityRecord>>,
}

#[utoipa::path(get, path = "/activities", tag = "activities", params(ListQuery), responses((status = 200, description = "A page, newest first", body = ActivityPage), Problem))]
pub(super) async fn list(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<ListQuery>,
) -> Result<Json, Problem> {
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    let (cursor, limit) = query.cursor_and_limit()?;
    let read = app.readers.read(&grant, move |reader| {
        let page = reader.page(&filter, cursor, limit)?;
        Json::new(&ActivityPage {
            activities: page.records,
            next: page.next,
        })
    });
    read.await
}

impl ListQuery {
    pub(super) fn cursor_and_limit<R: Record>(
        &self,
    ) -> Result<(Option<Cursor<R>>, usize), Problem> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose()?;
        Ok((cursor, extract::limit(self.limit)?))
    }
}

/// The query of one activity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct DetailsQuery {
    /// Whether to include the tree: `all` or `none` [default: all].
    #[param(pattern = "^(all|none)$")]
    tree: Option<String>,
}

/// One activity with its tree, events and recordings.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ActivityResponse {
    #[serde(flatten)]
    details: ActivityDetails,
    /// Number of activities in its tree.
    tree_size: u64,
}

#[utoipa::path(get, path = "/activities/{id}", tag = "activities", params(("id" = String, Path, description = "ID of the activity"), DetailsQuery), responses((status = 200, description = "The activity with its tree, events and recordings", body = ActivityResponse), Problem))]
pub(super) async fn one(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<DetailsQuery>,
) -> Result<Json, Problem> {
    let id = parse_id(&id)?;
    let with_tree = match query.tree.as_deref() {
        None | Some("all") => true,
        Some("none") => false,
        Some(other) => {
            let what = format!("invalid `tree`: {other:?}; use `all` or `none`");
            return Err(Problem::invalid(what));
        }
    };
    let seen = grant.restrict(Filter::default());
    let read = app.readers.read(&grant, move |reader| {
        let activity = visible(reader, &seen, id)?;
        let root = activity.root;
        let mut root_cause = reader.root_cause(&activity, &seen)?;
        strip_payloads(&mut root_cause);
        let mut details = reader.details_without_tree(activity)?;
        details.root_cause = root_cause;
        let tree_size = match with_tree {
            true => {
                details.tree = reader.tree(root)?;
                details.tree.retain(|activity| seen.matches(activity));
                strip_payloads(&mut details.tree);
                details.tree.len() as u64
            }
            false => reader.tree_page(root, &seen, None, 1)?.total,
        };
        details.events.retain(|event| seen.matches_event(event));
        details.recordings = visible_recordings(reader, &seen, details.recordings)?;
        Json::new(&ActivityResponse { details, tree_size })
    });
    read.await
}

/// A page of a tree.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct TreePage {
    /// The activities in order of start, without `input` and `output`.
    activities: Vec<ActivityRecord>,
    /// Number of activities in the whole tree that match the filter.
    total: u64,
    /// Cursor of the next page; `null` on the last one.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor<ActivityRecord>>,
}

#[utoipa::path(get, path = "/activities/{id}/tree", tag = "activities", params(("id" = String, Path, description = "ID of any activity of the tree"), ListQuery), responses((status = 200, description = "A page of the tree that contains it, in order of start", body = TreePage), Problem))]
pub(super) async fn tree(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<ListQuery>,
) -> Result<Json, Problem> {
    let id = parse_id(&id)?;
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    let seen = grant.restrict(Filter::default());
    let (cursor, limit) = query.cursor_and_limit()?;
    let read = app.readers.read(&grant, move |reader| {
        let root = visible(reader, &seen, id)?.root;
        let mut page = reader.tree_page(root, &filter, cursor, limit)?;
        strip_payloads(&mut page.activities);
        Json::new(&TreePage {
            activities: page.activities,
            total: page.total,
            next: page.next,
        })
    });
    read.await
}

/// The query of descendants.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct DescendantsQuery {
    /// IDs of roots, separated by commas: at most 100 [default: none].
    #[serde(default)]
    ids: String,
}

/// Counts of the descendants of some roots.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DescendantsResponse {
    /// One for each root with descendants, in no particular order.
    descendants: Vec<Descendants>,
}

/// The most roots of one request.
const MOST_ROOTS: usize = 100;

#[utoipa::path(get, path = "/descendants", tag = "activities", params(DescendantsQuery), responses((status = 200, description = "Number and worst status of the activities inside these roots", body = DescendantsResponse), Problem))]
pub(super) async fn descendants(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<DescendantsQuery>,
) -> Result<Json, Problem> {
    let ids = query.ids.split(',').filter(|id| !id.is_empty());
    let roots: BTreeSet<ActivityId> = ids
        .map(|id| {
            let malformed =
                |_| Problem::invalid(format!("invalid `ids`: {id:?} is not an activity ID"));
            id.parse().map_err(malformed)
        })
        .collect::<Result<_, _>>()?;
    if roots.len() > MOST_ROOTS {
        let what = format!(
            "{} `ids`: ask for at most {MOST_ROOTS} at once",
            roots.len()
        );
        return Err(Problem::invalid(what));
    }
    let seen = grant.restrict(Filter::default());
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&DescendantsResponse {
            descendants: reader.descendants(&Vec::from_iter(roots), &seen)?,
        })
    });
    read.await
}

/// Returns the activity with this ID, or a 404 if it does not exist or may not be seen.
pub(super) fn visible(
    reader: &mut ActivityReader,
    seen: &Filter,
    id: ActivityId,
) -> Result<ActivityRecord, Problem> {
    let activity = reader
        .activity(id)?
        .filter(|activity| seen.matches(activity));
    activity.ok_or_else(|| {
        Problem::not_found(format!(
            "no activity {id}: it was never recorded, or was pruned"
        ))
    })
}

/// Removes the payloads: a tree may have tens of thousands of activities, and clients load payloads one by one.
fn strip_payloads(tree: &mut [ActivityRecord]) {
    for activity in tree {
        (activity.input, activity.output) = (None, None);
    }
}

/// Parses an ID. A malformed one is a 404.
pub(super) fn parse_id(text: &str) -> Result<ActivityId, Problem> {
    let malformed = |_: Error| Problem::not_found(format!("not an activity ID: {text:?}"));
    text.parse().map_err(malformed)
}
