//! Which activities are meant: the typed form of the filter grammar.

mod and;
mod display;
mod field;
mod matches;
mod pattern;
mod words;

use std::ops::Bound;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use field::Field;
pub use pattern::Pattern;
pub(crate) use words::{normalize_words, search_phrase};

use crate::record::{EventRecord, Kind, Status};

/// Which activities are meant: plain data, the typed form of the filter grammar.
///
/// The default matches everything. Several values of one field are alternatives, different fields all
/// have to hold. `Display` writes the grammar's text, which
/// [`Filter::parse`](crate::record::Filter::parse) reads back to an equal filter.
///
/// # Examples
///
/// ```
/// use tower_activity::{Status, record::Filter};
///
/// let mut filter = Filter::default();
/// filter.status.any_of.push(Status::Failed);
/// filter.project.any_of.push("acme".into());
/// filter.environment.none_of.push("dev".into());
/// assert_eq!(filter.to_string(), "status:failed project:acme -environment:dev");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Filter {
    /// How it stands or ended.
    pub status: Choice<Status>,
    /// What sort of work it is.
    pub kind: Choice<Kind>,
    /// What it is called.
    pub name: Choice<Pattern>,
    /// The type of an event. Activities have none.
    #[serde(rename = "type")]
    pub event_type: Choice<Pattern>,
    /// The project it belongs to.
    pub project: Choice<Pattern>,
    /// The agent that asked for it.
    pub agent: Choice<Pattern>,
    /// The user on whose behalf it ran.
    pub actor: Choice<Pattern>,
    /// The site or product a tool is for.
    pub brand: Choice<Pattern>,
    /// `development`, `production`, ..
    pub environment: Choice<Pattern>,
    /// The client's session or conversation.
    pub session: Choice<Pattern>,
    /// The client's id of the request.
    pub request: Choice<Pattern>,
    /// For failures, what kind.
    pub error: Choice<Pattern>,
    /// Started at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Started before this instant.
    pub until: Option<DateTime<Utc>>,
    /// How long it took, in nanoseconds. What runs or was abandoned has no duration and is not meant.
    pub duration: Option<DurationRange>,
    /// What it has.
    pub has: Choice<Has>,
    /// What to find in the name, the message and the payloads.
    pub words: Words,
    /// What has to hold too, where [`and`](Filter::and) cannot say it with the fields alone.
    #[serde(skip)]
    pub(crate) and: Option<Box<Filter>>,
}

/// What one field may and may not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Choice<T> {
    /// One of these has to hold; empty: anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<T>,
    /// None of these may hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<T>,
}

/// Words to find in the name, the message or the payloads, of events in the type or the summary.
///
/// Words are runs of letters and digits; upper and lower case are the same. `user` is found in `No such user`, and `us` is
/// not: a `*` at the end stands for the rest of a word. Several in one text are found in a row, as in `no such us*`. A
/// text without any is passed over. Of each text the first 16 KiB are looked through, of each word the first 64 bytes
/// count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// Each of these is found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<String>,
    /// None of these is found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<String>,
}

/// Bounds for a duration in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationRange {
    /// The lower bound.
    pub min_ns: Bound<u64>,
    /// The upper bound.
    pub max_ns: Bound<u64>,
}

/// Something that an activity has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Has {
    /// A recording linked to it.
    Recording,
    /// An error type.
    Error,
    /// A message.
    Message,
    /// A preview of what it was given.
    Input,
    /// A preview of what it gave back.
    Output,
    /// An activity that it ran inside of.
    Parent,
    /// A duration: it has ended and was not abandoned.
    Duration,
    /// A project.
    Project,
    /// An agent.
    Agent,
    /// An actor.
    Actor,
    /// A brand.
    Brand,
    /// An environment.
    Environment,
    /// A session.
    Session,
    /// A request id.
    Request,
}

impl Filter {
    /// Creates a filter for the records of one project.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::record::Filter;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // What a user may see, and what they ask for.
    /// let allowed = Filter::for_project("acme").without_log_lines();
    /// let asked = Filter::parse("type:deployment", chrono::Utc::now())?;
    /// assert_eq!(allowed.and(&asked).to_string(), "type:deployment -type:log project:acme");
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_project(project: &str) -> Self {
        let mut filter = Filter::default();
        filter.project.any_of.push(Pattern::exact(project));
        filter
    }

    /// Creates a filter for the records of one user.
    pub fn for_actor(actor: &str) -> Self {
        let mut filter = Filter::default();
        filter.actor.any_of.push(Pattern::exact(actor));
        filter
    }

    /// Excludes the log lines that `ActivityEvents` records as events.
    #[must_use]
    pub fn without_log_lines(mut self) -> Self {
        let log = Pattern::exact(EventRecord::LOG);
        if !self.event_type.none_of.contains(&log) {
            self.event_type.none_of.push(log);
        }
        self
    }

    /// True when this filter matches everything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

impl<T> Choice<T> {
    /// True when anything may be.
    pub fn is_empty(&self) -> bool {
        self.any_of.is_empty() && self.none_of.is_empty()
    }

    /// True when `test` holds for one of the alternatives, if there are any, and for none of the exclusions.
    pub fn allows(&self, mut test: impl FnMut(&T) -> bool) -> bool {
        (self.any_of.is_empty() || self.any_of.iter().any(&mut test))
            && !self.none_of.iter().any(test)
    }
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Choice {
            any_of: Vec::new(),
            none_of: Vec::new(),
        }
    }
}

impl Words {
    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.all_of.is_empty() && self.none_of.is_empty()
    }
}

impl Has {
    /// Everything that can be asked for.
    pub const ALL: [Has; 14] = [
        Has::Recording,
        Has::Error,
        Has::Message,
        Has::Input,
        Has::Output,
        Has::Parent,
        Has::Duration,
        Has::Project,
        Has::Agent,
        Has::Actor,
        Has::Brand,
        Has::Environment,
        Has::Session,
        Has::Request,
    ];

    /// The name in filters and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Has::Recording => "recording",
            Has::Error => "error",
            Has::Message => "message",
            Has::Input => "input",
            Has::Output => "output",
            Has::Parent => "parent",
            Has::Duration => "duration",
            Has::Project => "project",
            Has::Agent => "agent",
            Has::Actor => "actor",
            Has::Brand => "brand",
            Has::Environment => "environment",
            Has::Session => "session",
            Has::Request => "request",
        }
    }
}
