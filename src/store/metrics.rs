//! Subjects, buckets and totals of metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    record::{ActivityRecord, Filter, Pattern, Status, Sums, Text},
    store::{Quarter, sums::quarter_of},
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
    /// The turns of an agent; 0 for other dimensions.
    pub turns: u64,
    /// The time from the start of the first turn to the start of the last, in microseconds.
    pub turn_span_us: u64,
}

/// Active agents and their turns in one quarter hour, or one hour.
///
/// A turn is an activity of kind `turn`; for an agent that never recorded one, an activity without a parent. Quarter hours add
/// up to any span: agents whose distance in [`recency`](Self::recency) lies within the span were already counted in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnStats {
    /// The quarter hour; the first one of an hour.
    pub quarter: Quarter,
    /// The turns of all agents.
    pub turns: u64,
    /// The time from each agent's first turn in it to its last, summed over the agents, in microseconds.
    pub span_us: u64,
    /// The agents, by how long ago they were active before.
    pub recency: Vec<RecencyBucket>,
}

/// Agents that were last active the same number of quarter hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecencyBucket {
    /// The distance in quarter hours; between hours from first quarter to first quarter. 0: never active before.
    pub quarters: i64,
    /// Active agents that were last active then.
    pub active: u64,
    /// Agents that took a turn, and took their previous one then.
    pub took_turns: u64,
    /// The time from those previous turns to the first ones here, summed over the agents, in microseconds.
    pub gap_us: u64,
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
    /// Returns the sums of one project, agent, name or brand, without turns.
    pub fn new(id: Text, sums: Sums) -> Self {
        Total {
            id,
            sums,
            turns: 0,
            turn_span_us: 0,
        }
    }
}

impl TurnStats {
    /// Returns a quarter hour without active agents.
    pub fn new(quarter: Quarter) -> Self {
        TurnStats {
            quarter,
            turns: 0,
            span_us: 0,
            recency: Vec::new(),
        }
    }
}

impl RecencyBucket {
    /// Returns an empty bucket for this distance in quarter hours.
    pub fn new(quarters: i64) -> Self {
        RecencyBucket {
            quarters,
            active: 0,
            took_turns: 0,
            gap_us: 0,
        }
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
