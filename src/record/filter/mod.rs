//! Filters: the typed form of the filter grammar.

mod and;
mod attribute;
mod display;
mod field;
mod matches;
mod pattern;
mod words;

use std::{collections::BTreeMap, ops::Bound};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use attribute::AttributeTest;
pub(crate) use attribute::{attribute_terms, attributes_match, parse_number};
pub use field::Field;
pub use pattern::Pattern;
pub(crate) use words::{
    Needle, WORDS_VERSION, append_words, contains_literal, json_object_texts, json_texts,
    normalize_words,
};

use crate::record::{EventRecord, Fingerprint, Kind, Status};

/// A filter of activities and events: plain data, the typed form of the filter grammar.
///
/// The default matches everything. Several values of one field are alternatives; conditions on different fields all have to
/// hold. `Display` writes the grammar's text, which [`Filter::parse`](crate::record::Filter::parse) parses to an equal
/// filter, unless no instant is both after `since` and before `until`.
///
/// Texts made from a `&str` match exactly; those that are parsed match in any case, unless they are written with `=`. A filter
/// that restricts what a user may see is made of exact texts, as by [`for_project`](Filter::for_project).
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
/// assert_eq!(filter.to_string(), "status:failed project:=acme -environment:=dev");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Filter {
    /// Status of an activity or event.
    pub status: Choice<Status>,
    /// Kind of an activity.
    pub kind: Choice<Kind>,
    /// Name of an activity.
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
    /// `development`, `production`, …
    pub environment: Choice<Pattern>,
    /// The client's session or conversation.
    pub session: Choice<Pattern>,
    /// The client's id of the request.
    pub request: Choice<Pattern>,
    /// The error type of a failure.
    pub error: Choice<Pattern>,
    /// The fingerprint of a failed activity. Others have none.
    #[serde(skip_serializing_if = "Choice::is_empty")]
    pub fingerprint: Choice<Fingerprint>,
    /// Started at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Started before this instant.
    pub until: Option<DateTime<Utc>>,
    /// The duration in nanoseconds. Running and abandoned activities have none, and do not match.
    pub duration: Option<DurationRange>,
    /// Parts that are present or absent.
    pub has: Choice<Has>,
    /// Its place in a tree.
    pub is: Choice<Is>,
    /// Attributes of an activity, and top-level keys of an event's data. The conditions on all keys have to hold.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Choice<AttributeTest>>,
    /// Words in any text of a record.
    pub words: Words,
    /// Filters that must also match, for conjunctions by [`and`](Filter::and) that the fields cannot express.
    #[serde(skip)]
    pub(crate) and: Option<Box<Filter>>,
}

/// The allowed and excluded values of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Choice<T> {
    /// Alternatives, one of which has to match; empty allows anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<T>,
    /// Exclusions, none of which may match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<T>,
}

/// Words to search in the texts of records.
///
/// The texts of an activity are its name, message, error type, input and output previews, and attributes; those of an event
/// its type, summary, reference and data. Project, agent, actor and brand are texts of both. Of attributes and data each key
/// and each value is a text. Only the first 16 KiB of each text are searched.
///
/// Words are runs of letters and digits; `user` matches `No such user`, and `us` does not: a `*` at the end stands for the
/// rest of a word. A text of several words matches them in a row, as `no such us*`. Case, accents and widths are ignored:
/// `cafe` matches `CAFÉ`, `strasse` matches `Straße`, `ｱｷﾊﾞ１` matches `アキバ1`. Each character of Chinese, Japanese,
/// Korean, Thai, Lao, Khmer and Burmese is a word, so that any part is found: `本` and `日本` match `日本語`. So is each emoji.
///
/// A text without any word, such as `"..."`, is searched as it is. An empty text is found nowhere. Only the first 64 bytes of
/// each word are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// Texts that all have to be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<String>,
    /// Texts none of which may be found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<String>,
}

/// Bounds of a duration in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationRange {
    /// The lower bound.
    pub min_ns: Bound<u64>,
    /// The upper bound.
    pub max_ns: Bound<u64>,
}

/// A part that an activity has or lacks.
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
    /// A preview of its input.
    Input,
    /// A preview of its output.
    Output,
    /// A parent activity.
    Parent,
    /// A duration: it has ended, and was not abandoned.
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

/// The place of a record in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Is {
    /// An activity without a parent, or an event outside of any activity.
    Root,
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
    /// assert_eq!(allowed.and(&asked).to_string(), "type:deployment -type:=log project:=acme");
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

    /// Returns the filter for a list of events: without log lines, unless it has a `type:` that they may be of.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::record::Filter;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let check = |text: &str, expected: &str| {
    ///     let filter = Filter::parse(text, chrono::Utc::now())?;
    ///     assert_eq!(filter.for_event_list().to_string(), expected);
    ///     Ok::<_, tower_activity::query::FilterError>(())
    /// };
    /// check("project:acme", "-type:=log project:acme")?;
    /// check("type:*", "type:*")?;
    /// check("-type:chat_session", "-type:chat_session,=log")?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_event_list(self) -> Self {
        match self.event_type.any_of.is_empty() {
            true => self.without_log_lines(),
            false => self,
        }
    }

    /// Returns the filter in which the case of all texts that are allowed matters. Excluded texts stay as they are.
    #[must_use]
    pub fn exactly(mut self) -> Self {
        for field in self.texts() {
            let any_of = std::mem::take(&mut field.any_of);
            field.any_of = any_of.into_iter().map(Pattern::exactly).collect();
        }
        self.and = self.and.map(|and| Box::new(and.exactly()));
        self
    }

    /// The fields that are texts.
    pub(crate) fn texts(&mut self) -> [&mut Choice<Pattern>; 10] {
        [
            &mut self.name,
            &mut self.event_type,
            &mut self.project,
            &mut self.agent,
            &mut self.actor,
            &mut self.brand,
            &mut self.environment,
            &mut self.session,
            &mut self.request,
            &mut self.error,
        ]
    }

    /// Returns true if the filter matches everything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

impl<T> Choice<T> {
    /// Returns true if anything is allowed.
    pub fn is_empty(&self) -> bool {
        self.any_of.is_empty() && self.none_of.is_empty()
    }

    /// Returns true if `test` holds for one of the alternatives, if there are any, and for none of the exclusions.
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
    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.all_of.is_empty() && self.none_of.is_empty()
    }
}

impl Has {
    /// Every part, in the order in which they are documented.
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

impl Is {
    /// Every place.
    pub const ALL: [Is; 1] = [Is::Root];

    /// The name in filters and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Is::Root => "root",
        }
    }
}
