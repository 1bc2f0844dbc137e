//! Access control: which records a caller may see.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chrono::Utc;
use http::{StatusCode, request::Parts};

use super::{
    client::{Client, Credential},
    extract,
    problem::Problem,
};
use crate::{
    error::Error,
    query::ActivityReader,
    record::{ActivityId, Filter, Pattern, RecordingRecord},
    store::AccessToken,
};

/// What a caller may see.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, web::Access};
///
/// /// Left in the request's extensions by the application's authentication.
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
    /// Nothing: the request is rejected with 403.
    Denied,
    /// Every record, and the health of the store.
    Everything,
    /// Records that match the filter, on every endpoint, and nothing about the store as a whole.
    ///
    /// The filter may use the fields that activities and events share: project, agent, actor, brand, environment, session,
    /// request, status and time. Allowed texts match case-sensitively. An empty filter is taken for a mistake: the
    /// request fails with 500.
    Only(Box<Filter>),
}

impl Access {
    /// Checks that the filter of [`Access::Only`] can limit access.
    ///
    /// # Errors
    ///
    /// If it is empty, or uses a field that activities and events do not share (`is_invalid`).
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Access::Only(filter) => match scope((**filter).clone()) {
                Ok(_) => Ok(()),
                Err(why) => Err(Error::invalid(format!(
                    "cannot limit access to {filter}: {why}"
                ))),
            },
            Access::Denied | Access::Everything => Ok(()),
        }
    }

    /// Records that match the filter, see [`Access::Only`].
    pub fn only(filter: Filter) -> Self {
        Access::Only(Box::new(filter))
    }

    /// Records of these projects; [`Access::Denied`] if the list is empty.
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

/// What the client of a request may see. The filter of every query passes through it.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client: Client,
    /// `None` for everything.
    only: Option<Arc<Filter>>,
    /// The hash of the named token that grants it.
    token: Option<[u8; 32]>,
}

impl Grant {
    /// Everything.
    pub(super) fn everything(client: Client) -> Self {
        Grant {
            client,
            only: None,
            token: None,
        }
    }

    /// Whether it includes everything.
    pub(super) fn is_everything(&self) -> bool {
        self.only.is_none()
    }

    /// What this server reads on its own behalf.
    pub(super) fn server() -> Self {
        Grant::everything(Client::SERVER)
    }

    /// Returns what the application grants to the client of a request.
    pub(super) fn from_access(access: Access, parts: &Parts) -> Result<Self, Problem> {
        let only = match access {
            Access::Denied => return Err(denied()),
            Access::Everything => None,
            Access::Only(filter) => Some(scope(*filter).map_err(invalid_access)?),
        };
        let client = Client::new(Credential::Application(only.as_ref().map(identity)), parts);
        Ok(Grant {
            only,
            ..Grant::everything(client)
        })
    }

    /// Returns what a named token grants. It only grants reading.
    pub(super) fn from_token(token: &AccessToken, parts: &Parts) -> Result<Self, Problem> {
        let invalid = |why: &str| {
            let what = format!("the token {:?} has an invalid filter: {why}", token.name);
            tracing::error!(target: "tower_activity::web", what);
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "access", what)
        };
        let only = match token.filter.is_empty() {
            true => None,
            false => {
                let filter = Filter::parse_stored(&token.filter, Utc::now());
                let filter = filter.map_err(|error| invalid(error.message()))?;
                Some(scope(filter).map_err(invalid)?)
            }
        };
        let client = Client::new(Credential::Named(token.name.as_str().into()), parts);
        Ok(Grant {
            only,
            token: Some(token.hash),
            ..Grant::everything(client)
        })
    }

    /// Fails if the named token was revoked or has expired: a stream may outlast it.
    pub(super) fn check_token(&self, reader: &mut ActivityReader) -> Result<(), Problem> {
        let Some(hash) = self.token else {
            return Ok(());
        };
        let now = Utc::now();
        let is_this = |token: &AccessToken| token.hash == hash && token.is_valid_at(now);
        match reader.tokens()?.iter().any(is_this) {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token was revoked or has expired",
            )),
        }
    }

    /// Parses a filter in a time zone, UTC by default, and restricts it to what may be seen. No text matches all of that.
    pub(super) fn parse_filter(
        &self,
        text: Option<&str>,
        tz: Option<&str>,
    ) -> Result<Filter, Problem> {
        Ok(self.restrict(parse(text, tz)?))
    }

    /// Parses the filter of a list of events, which has no log lines by default, like [`parse_filter`](Self::parse_filter).
    pub(super) fn parse_event_filter(
        &self,
        text: Option<&str>,
        tz: Option<&str>,
    ) -> Result<Filter, Problem> {
        Ok(self.restrict(parse(text, tz)?.for_event_list()))
    }

    /// Restricts a filter to what may be seen.
    pub(super) fn restrict(&self, filter: Filter) -> Filter {
        match &self.only {
            None => filter,
            Some(only) => filter.and(only),
        }
    }

    /// Fails unless everything may be seen.
    pub(super) fn require_everything(&self) -> Result<(), Problem> {
        match self.only {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "this is about the whole store, and your access is limited to a part of it",
            )),
        }
    }

    /// Fails unless events may be recorded.
    pub(super) fn require_write(&self) -> Result<(), Problem> {
        self.require_everything()?;
        match self.token {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "a named token only grants reading",
            )),
        }
    }
}

/// Returns a filter as a scope, in which the case of texts matters, or why it cannot be one.
fn scope(filter: Filter) -> Result<Arc<Filter>, &'static str> {
    match () {
        () if filter.is_empty() => {
            Err("it is empty; for access to everything use `Access::Everything`")
        }
        () if !has_shared_fields_only(&filter) => Err(
            "use only project, agent, actor, brand, environment, session, request, status, since and until",
        ),
        () => Ok(Arc::new(filter.exactly())),
    }
}

/// Whether a filter uses only fields that activities and events share.
fn has_shared_fields_only(filter: &Filter) -> bool {
    filter.kind.is_empty()
        && filter.name.is_empty()
        && filter.event_type.is_empty()
        && filter.error.is_empty()
        && filter.fingerprint.is_empty()
        && filter.has.is_empty()
        && filter.is.is_empty()
        && filter.attributes.is_empty()
        && filter.words.is_empty()
        && filter.duration.is_none()
        && filter.and.is_none()
}

/// Keeps the recordings whose activities may all be seen: a session shared by several shows what each of them did.
pub(super) fn visible_recordings(
    reader: &mut ActivityReader,
    seen: &Filter,
    recordings: Vec<RecordingRecord>,
) -> Result<Vec<RecordingRecord>, Problem> {
    if seen.is_empty() {
        return Ok(recordings);
    }
    let mut visible = Vec::new();
    for recording in recordings {
        let mut all = !recording.links.is_empty();
        for link in &recording.links {
            all = all && is_visible(reader, seen, link.activity)?;
        }
        if all {
            visible.push(recording);
        }
    }
    Ok(visible)
}

/// Parses a filter in a time zone, UTC by default.
pub(super) fn parse(text: Option<&str>, tz: Option<&str>) -> Result<Filter, Problem> {
    let zone = extract::zone(tz)?;
    Ok(Filter::parse_in_zone(
        text.unwrap_or_default(),
        Utc::now(),
        zone,
    )?)
}

fn is_visible(reader: &mut ActivityReader, seen: &Filter, id: ActivityId) -> Result<bool, Problem> {
    let activity = reader.activity(id)?;
    Ok(activity.is_some_and(|activity| seen.matches(&activity)))
}

/// The text that identifies a client by what it may see, without times: those of an application may differ in each request.
fn identity(only: &Arc<Filter>) -> Arc<str> {
    let mut only = Filter::clone(only);
    (only.since, only.until) = (None, None);
    only.to_string().into()
}

fn denied() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "access denied")
}

fn invalid_access(why: &str) -> Problem {
    let what = "the application restricts access with an invalid filter";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "access", what).logged(why)
}

impl<S: Sync> FromRequestParts<S> for Grant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let grant = parts.extensions.get::<Grant>().cloned();
        // The guard runs before every handler and leaves a grant. Without one nothing is shown.
        grant.ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "access",
                "the request was not authorized",
            )
        })
    }
}
