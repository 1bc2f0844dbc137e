//! What a store answers when it is asked for sums.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    record::{ActivityRecord, Filter, Pattern, Status, Sums, Text},
    store::{Quarter, sums::quarter_of},
};

/// What sums are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// Everything.
    #[default]
    Overall,
    /// One project, agent, name or brand.
    One(Dimension, Text),
}

/// By what sums are told apart.
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

/// How finely sums are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grain {
    /// By quarters of an hour, of which every time zone's hours are made.
    #[default]
    Quarter,
    /// By whole hours of UTC, or by their quarters where no more is kept ready.
    Hour,
}

/// The sums of the activities that started within one quarter of an hour, or one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// Which one; of an hour the first.
    pub quarter: Quarter,
    /// The sums.
    pub sums: Sums,
}

/// The sums of one project, agent, name or brand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Total {
    /// Which one.
    pub id: Text,
    /// The sums.
    pub sums: Sums,
    /// The turns of an agent; 0 of what is none.
    pub turns: u64,
    /// From the first of these to the last, in microseconds.
    pub turn_span_us: u64,
}

/// How agents were active and took turns in one quarter of an hour, or one hour.
///
/// A turn is an activity of the kind `turn`; of an agent that has never taken any, an activity without a parent. Quarters
/// add up to any span: an agent that was active before within the span is counted there already.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnStats {
    /// Which one; of an hour the first.
    pub quarter: Quarter,
    /// The turns of all agents.
    pub turns: u64,
    /// From the first turn of each agent in it to its last, together, in microseconds.
    pub span_us: u64,
    /// The agents, by when they were active before.
    pub recency: Vec<RecencyBucket>,
}

/// Agents that come back after as many quarters of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecencyBucket {
    /// How many quarters before this one, of an hour from its first to that of the earlier; 0: never before.
    pub quarters: i64,
    /// Agents that were active then, and not since.
    pub active: u64,
    /// Agents that took a turn in this quarter, and their last one before it then.
    pub took_turns: u64,
    /// From those last turns to their first ones in this quarter, together, in microseconds.
    pub gap_us: u64,
}

/// An ended activity, as far as sums are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivitySample {
    /// When it started, in microseconds since the Unix epoch.
    pub started_us: i64,
    /// How it ended.
    pub status: Status,
    /// How long it took in nanoseconds; `None` where it was abandoned.
    pub duration_ns: Option<u64>,
    /// It is a turn of its agent.
    pub is_turn: bool,
    /// The project it belongs to.
    pub project: Option<Text>,
    /// The agent that asked for it.
    pub agent: Option<Text>,
    /// What it is called.
    pub name: Option<Text>,
    /// The site or product it is for.
    pub brand: Option<Text>,
}

impl Subject {
    /// The activities that are meant, whenever they started.
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
    /// The sums of one quarter of an hour.
    pub fn new(quarter: Quarter, sums: Sums) -> Self {
        Bucket { quarter, sums }
    }
}

impl Total {
    /// The sums of one project, agent, name or brand; no turns.
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
    /// A quarter of an hour in which no agent was active.
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
    /// Agents that were last active this many quarters before: none yet.
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
    /// An ended activity; whether it is a turn has to be known of its agent.
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

    /// The quarter of an hour in which it started.
    pub fn quarter(&self) -> Quarter {
        Quarter::from_number(quarter_of(self.started_us))
    }

    /// Which one of a dimension it belongs to.
    pub fn id(&self, dimension: Dimension) -> Option<&Text> {
        match dimension {
            Dimension::Project => self.project.as_ref(),
            Dimension::Agent => self.agent.as_ref(),
            Dimension::Name => self.name.as_ref(),
            Dimension::Brand => self.brand.as_ref(),
        }
    }
}

/// How many events of one type there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TypeCount {
    /// The type, in snake_case.
    #[serde(rename = "type")]
    pub event_type: Text,
    /// Events.
    pub events: u64,
    /// Those that failed.
    pub failed: u64,
    /// How many things they tell of together: the sum of their counts.
    pub count: u64,
}

impl TypeCount {
    /// A type of which there were no events yet.
    pub fn new(event_type: Text) -> Self {
        TypeCount {
            event_type,
            events: 0,
            failed: 0,
            count: 0,
        }
    }
}

impl Dimension {
    /// The name in the command and in JSON.
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
