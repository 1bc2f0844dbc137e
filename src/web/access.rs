//! Who may see what.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chrono::Utc;
use http::{StatusCode, request::Parts};

use super::problem::Problem;
use crate::{
    query::ActivityReader,
    record::{ActivityId, Filter, Pattern, RecordingRecord},
};

/// What whoever asks may see.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, web::Access};
///
/// /// What the application's own authentication left with the request.
/// #[derive(Clone)]
/// struct User { projects: Vec<String>, admin: bool }
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let router = log.router().auth(|request| match request.extensions.get::<User>() {
///     None => Access::Denied,
///     Some(user) if user.admin => Access::Everything,
///     Some(user) => Access::projects(&user.projects),
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Access {
    /// Nothing at all.
    Denied,
    /// Everything, and how the store stands.
    Everything,
    /// What the filter means, by whatever address it is asked for, and nothing of the store as a whole.
    ///
    /// It may ask for what activities and events both have: the project, agent, actor, brand, environment, session,
    /// request, status and time. A filter that means everything is taken for a mistake, and nothing is shown.
    Only(Box<Filter>),
}

impl Access {
    /// Only what the filter means, see [`Access::Only`].
    pub fn only(filter: Filter) -> Self {
        Access::Only(Box::new(filter))
    }

    /// Only what belongs to one of these projects; nothing where there are none.
    pub fn projects<T: Into<String>>(projects: impl IntoIterator<Item = T>) -> Self {
        let mut filter = Filter::default();
        let projects = projects.into_iter().map(Pattern::exact);
        filter.project.any_of.extend(projects);
        match filter.is_empty() {
            true => Access::Denied,
            false => Access::only(filter),
        }
    }
}

/// What whoever asks was let in to see. Every filter that is asked for goes through it.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    /// `None`: everything.
    only: Option<Arc<Filter>>,
}

impl Granted {
    /// What this access lets in; `None` where it is denied.
    pub(super) fn by(access: Access) -> Result<Option<Self>, Problem> {
        let only = match access {
            Access::Denied => return Ok(None),
            Access::Everything => None,
            Access::Only(filter) if filter.is_empty() => {
                return Err(misused(
                    "it means everything: `Access::Everything` says that",
                ));
            }
            Access::Only(filter) if !is_of_both(&filter) => {
                return Err(misused(
                    "it asks for what activities and events do not both have",
                ));
            }
            Access::Only(filter) => Some(Arc::from(filter)),
        };
        Ok(Some(Granted { only }))
    }

    /// Reads a filter, within what may be seen. No text means all of that.
    pub(super) fn filter(&self, text: Option<&str>) -> Result<Filter, Problem> {
        let asked = Filter::parse(text.unwrap_or_default(), Utc::now())?;
        Ok(self.within(asked))
    }

    /// The filter, within what may be seen.
    pub(super) fn within(&self, filter: Filter) -> Filter {
        match &self.only {
            None => filter,
            Some(only) => filter.and(only),
        }
    }

    /// Refuses where not everything may be seen.
    pub(super) fn everything(&self) -> Result<(), Problem> {
        match self.only {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "this is about the store as a whole, and you may see a part of it",
            )),
        }
    }
}

/// Whether a filter asks only for what activities and events both have.
fn is_of_both(filter: &Filter) -> bool {
    filter.kind.is_empty()
        && filter.name.is_empty()
        && filter.event_type.is_empty()
        && filter.error.is_empty()
        && filter.has.is_empty()
        && filter.words.is_empty()
        && filter.duration.is_none()
        && filter.within.is_none()
}

/// Those recordings of which every activity may be seen: a session that several share shows what all of them did.
pub(super) fn all_seen(
    reader: &mut ActivityReader,
    seen: &Filter,
    recordings: Vec<RecordingRecord>,
) -> Result<Vec<RecordingRecord>, Problem> {
    if seen.is_empty() {
        return Ok(recordings);
    }
    let mut kept = Vec::new();
    for recording in recordings {
        let mut shown = !recording.links.is_empty();
        for link in &recording.links {
            shown = shown && is_seen(reader, seen, link.activity)?;
        }
        if shown {
            kept.push(recording);
        }
    }
    Ok(kept)
}

fn is_seen(reader: &mut ActivityReader, seen: &Filter, id: ActivityId) -> Result<bool, Problem> {
    let activity = reader.activity(id)?;
    Ok(activity.is_some_and(|activity| seen.matches(&activity)))
}

fn misused(why: &str) -> Problem {
    let what = format!("the application gave a filter that cannot be kept to: {why}");
    tracing::error!(target: "tower_activity::web", what);
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "access", what)
}

impl<S: Sync> FromRequestParts<S> for Granted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let granted = parts.extensions.get::<Granted>().cloned();
        // The guard stands before every address. Where it did not, nothing is shown.
        granted.ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "access",
                "nobody asked who this is",
            )
        })
    }
}
