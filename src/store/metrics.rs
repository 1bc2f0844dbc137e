//! What a store answers when it is asked for sums.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Status, Sums, Text};

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

/// The sums of the activities that started within one quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// Quarters of an hour since the Unix epoch.
    pub quarter: i64,
    /// The sums.
    pub sums: Sums,
}

/// How one agent's activities of one sort started within one quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Starts {
    /// The agent.
    pub agent: Text,
    /// Quarters of an hour since the Unix epoch.
    pub quarter: i64,
    /// Which of its activities.
    pub of: Nesting,
    /// How many.
    pub count: u64,
    /// When the first of them started, in microseconds since the Unix epoch.
    pub first_us: i64,
    /// When the last of them started, in microseconds since the Unix epoch.
    pub last_us: i64,
}

/// Where an activity stands, as far as turns are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Nesting {
    /// It is of the kind `turn`, wherever it stands.
    Turn,
    /// It has no parent.
    Root,
    /// It ran inside of another: never a turn.
    Nested,
}

/// An ended activity, as far as sums are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tallied {
    /// When it started, in microseconds since the Unix epoch.
    pub started_us: i64,
    /// How it ended.
    pub status: Status,
    /// How long it took in nanoseconds; `None` where it was abandoned.
    pub duration_ns: Option<u64>,
    /// Where it stands.
    pub nesting: Nesting,
    /// The project it belongs to.
    pub project: Option<Text>,
    /// The agent that asked for it.
    pub agent: Option<Text>,
    /// What it is called.
    pub name: Option<Text>,
    /// The site or product it is for.
    pub brand: Option<Text>,
}

impl Tallied {
    /// Which one of a dimension it belongs to.
    pub fn of(&self, dimension: Dimension) -> Option<&Text> {
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

/// Microseconds in a quarter of an hour.
pub(crate) const QUARTER_US: i64 = 900_000_000;

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
