//! Subjects, buckets and totals of metrics.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    record::{ActivityId, ActivityRecord, Filter, Pattern, Status, Sums, Text},
    store::{Quarter, Turns, sums::quarter_of},
};

/// The subject of metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// All activities.
    #[default]
    Overall,
    /// One project, agent, name or brand.
    One(Dimension, Text),
}

/// A dimension that sums are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dimension {
    /// By project.
    Project,
    /// By agent.
    Agent,
    /// By name.
    Name,
    /// By brand.
    Brand,
}

/// The granularity of buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grain {
    /// By quarter hour, which the hours of every time zone are made of.
    #[default]
    Quarter,
    /// By hour of UTC, or by quarter hour if the store has no hourly roll-up.
    Hour,
}

/// The sums of the activities that started in one quarter hour, or one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// The quarter hour; the first one of an hour.
    pub quarter: Quarter,
    /// The sums.
    pub sums: Sums,
}

/// The sums of one project, agent, name or brand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Total {
    /// Its id.
    pub id: Text,
    /// The sums.
    pub sums: Sums,
    /// The turns; `None` if they are not known.
    pub turns: Option<Turns>,
}

/// The fields of an ended activity that sums are computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivitySample {
    /// When it started, in microseconds since the Unix epoch.
    pub started_us: i64,
    /// The final status.
    pub status: Status,
    /// The duration in nanoseconds; `None` if it was abandoned.
    pub duration_ns: Option<u64>,
    /// True if it is a turn of its agent.
    pub is_turn: bool,
    /// The project.
    pub project: Option<Text>,
    /// The agent.
    pub agent: Option<Text>,
    /// The name.
    pub name: Option<Text>,
    /// The brand.
    pub brand: Option<Text>,
}

/// An ended activity with its attributes, to compute sums by several of them at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeSample {
    /// Its id.
    pub id: ActivityId,
    /// The name.
    pub name: Text,
    /// The final status.
    pub status: Status,
    /// The duration in nanoseconds; `None` if it was abandoned.
    pub duration_ns: Option<u64>,
    /// The error type of a failure.
    pub error_type: Option<Text>,
    /// The attributes.
    pub attributes: Map<String, Value>,
}

/// The fields of an ended activity that counters count by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountedActivity {
    /// The name.
    pub name: Text,
    /// The project.
    pub project: Option<Text>,
    /// The final status.
    pub status: Status,
    /// The duration in nanoseconds; `None` if it was abandoned.
    pub duration_ns: Option<u64>,
    /// The error type of a failure.
    pub error_type: Option<Text>,
}

impl From<ActivityRecord> for AttributeSample {
    fn from(activity: ActivityRecord) -> Self {
        AttributeSample {
            id: activity.id,
            name: activity.name,
            status: activity.status,
            duration_ns: activity.duration_ns,
            error_type: (activity.error_type).filter(|_| activity.status == Status::Failed),
            attributes: activity.attributes,
        }
    }
}

impl From<ActivityRecord> for CountedActivity {
    fn from(activity: ActivityRecord) -> Self {
        CountedActivity {
            name: activity.name,
            project: activity.scope.project,
            status: activity.status,
            duration_ns: activity.duration_ns,
            error_type: (activity.error_type).filter(|_| activity.status == Status::Failed),
        }
    }
}

impl Subject {
    /// Returns a filter that matches the subject's activities.
    pub fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        if let Subject::One(dimension, id) = self {
            let field = match dimension {
                Dimension::Project => &mut filter.project,
                Dimension::Agent => &mut filter.agent,
                Dimension::Name => &mut filter.name,
                Dimension::Brand => &mut filter.brand,
            };
            field.any_of.push(Pattern::exact(id.as_str()));
        }
        filter
    }
}

impl Bucket {
    /// Returns the bucket of a quarter hour.
    pub fn new(quarter: Quarter, sums: Sums) -> Self {
        Bucket { quarter, sums }
    }
}

impl Total {
    /// Returns the sums and the turns of one project, agent, name or brand.
    pub fn new(id: Text, sums: Sums, turns: Option<Turns>) -> Self {
        Total { id, sums, turns }
    }
}

impl ActivitySample {
    /// Returns the sample of an ended activity. Whether it is a turn depends on its agent's other activities.
    pub fn new(activity: ActivityRecord, is_turn: bool) -> Self {
        let scope = activity.scope;
        ActivitySample {
            started_us: activity.started_at.timestamp_micros(),
            status: activity.status,
            duration_ns: activity.duration_ns,
            is_turn,
            project: scope.project,
            agent: scope.agent,
            name: Some(activity.name),
            brand: scope.brand,
        }
    }

    /// Returns the quarter hour in which it started.
    pub fn quarter(&self) -> Quarter {
        Quarter::from_number(quarter_of(self.started_us))
    }

    /// Returns its value in a dimension.
    pub fn id(&self, dimension: Dimension) -> Option<&Text> {
        match dimension {
            Dimension::Project => self.project.as_ref(),
            Dimension::Agent => self.agent.as_ref(),
            Dimension::Name => self.name.as_ref(),
            Dimension::Brand => self.brand.as_ref(),
        }
    }
}

/// The events of one type, by status: `events` is the sum of the numbers by status and of the successful events.
///
/// Only successful events count what they cover. An attempt that failed, is in progress or was cancelled has done nothing yet,
/// whatever its `count` is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TypeCount {
    /// The type, in snake_case.
    #[serde(rename = "type")]
    pub event_type: Text,
    /// What was done: the sum of the counts of the successful events. Saturates at the largest 64-bit integer.
    pub count: u64,
    /// Number of events.
    pub events: u64,
    /// Number of events that failed.
    pub failed: u64,
    /// Number of events in progress.
    pub running: u64,
    /// Number of events that were cancelled.
    pub cancelled: u64,
    /// Number of events that were skipped.
    pub skipped: u64,
    /// Number of events that were abandoned.
    pub abandoned: u64,
}

impl TypeCount {
    /// Returns a type without events.
    pub fn new(event_type: Text) -> Self {
        TypeCount {
            event_type,
            count: 0,
            events: 0,
            failed: 0,
            running: 0,
            cancelled: 0,
            skipped: 0,
            abandoned: 0,
        }
    }

    /// Adds events of one status that together cover `count` items.
    pub fn add(&mut self, status: Status, events: u64, count: u64) {
        self.events = self.events.saturating_add(events);
        let events_of = match status {
            Status::Success => {
                self.count = self.count.saturating_add(count);
                return;
            }
            Status::Failed => &mut self.failed,
            Status::Running => &mut self.running,
            Status::Cancelled => &mut self.cancelled,
            Status::Skipped => &mut self.skipped,
            Status::Abandoned => &mut self.abandoned,
        };
        *events_of = events_of.saturating_add(events);
    }
}

impl Dimension {
    /// Returns the name in commands and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::Project => "project",
            Dimension::Agent => "agent",
            Dimension::Name => "name",
            Dimension::Brand => "brand",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Overall => f.write_str("overall"),
            Subject::One(dimension, id) => write!(f, "the {} {id:?}", dimension.as_str()),
        }
    }
}
