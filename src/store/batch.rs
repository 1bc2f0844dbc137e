//! Batches: what the writer thread commits in one transaction.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    record::{
        ActivityId, InstanceId, Kind, Preview, Scope, SpanId, Status, Text, TraceContext, TraceId,
    },
    redact::RawPreview,
    store::{Accounting, Duplicate, NewEvent, NewStep, PerKind, RawAttributes},
};

/// One open writer process: it has a row in the store and a lock file beside it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The host name, for display.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// When the log was opened.
    pub started_at: DateTime<Utc>,
    /// What its commits survive.
    pub durability: Durability,
}

impl Instance {
    /// Returns an instance whose commits survive the end of the process.
    pub fn new(
        id: InstanceId,
        host: impl Into<String>,
        pid: u32,
        started_at: DateTime<Utc>,
    ) -> Self {
        Instance {
            id,
            host: host.into(),
            pid,
            started_at,
            durability: Durability::default(),
        }
    }
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, even by a kill. A power failure may lose the last commits, never earlier ones.
    #[default]
    Process,
    /// A power failure.
    Power,
}

/// A started activity: what is known before its end. The start time is part of its id.
///
/// Smaller than 128 bytes, so that moving it does not call `memcpy`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StartedActivity {
    /// Its id.
    pub id: ActivityId,
    /// The activity that it is a child of.
    pub parent: Option<ActivityId>,
    /// The root of its tree; `None` if it is the root itself.
    pub root: Option<ActivityId>,
    /// The kind of work.
    pub kind: Kind,
    /// The name.
    pub name: Text,
    /// The scope; `None` if it is empty.
    pub scope: Option<Arc<Scope>>,
    /// Fields that most activities do not have.
    pub details: Option<Box<Details>>,
    /// Attributes that the writer thread redacts, and adds to the others before the store sees them.
    pub(crate) raw: RawAttributes,
}

/// Fields that most activities do not have, allocated on first use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Details {
    /// Redacted attributes, in the order in which they were first set; each key once.
    pub attributes: Vec<(Text, Value)>,
    /// True if an attribute was dropped because of a limit.
    pub truncated: bool,
    /// The input preview.
    pub input: Option<Preview>,
    /// The output preview.
    pub output: Option<Preview>,
    /// Both payloads before redaction, which the writer thread does before the store sees the batch.
    pub(crate) captured: Payloads,
    /// The error type of a failure.
    pub error_type: Option<Text>,
    /// The error message, redacted and capped.
    pub message: Option<Text>,
    /// The trace context, if it does not follow from the ids.
    pub trace: Option<Box<Trace>>,
}

/// Payloads before redaction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payloads {
    pub(crate) input: Option<Box<RawPreview>>,
    pub(crate) output: Option<Box<RawPreview>>,
}

/// The trace context of an activity whose trace is not the one of its tree.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trace {
    /// The trace id.
    pub id: TraceId,
    /// The span id; `None` if it is derived from the activity's id.
    pub span: Option<SpanId>,
    /// The span of the calling program.
    pub remote_parent: Option<SpanId>,
    /// The trace flags of the caller; propagated, not stored.
    pub flags: u8,
    /// The `tracestate`; propagated, not stored.
    pub state: Option<Text>,
}

impl Trace {
    /// Returns a trace that starts here.
    pub(crate) fn own(id: TraceId) -> Self {
        Trace {
            id,
            span: None,
            remote_parent: None,
            flags: TraceContext::own_flags(),
            state: None,
        }
    }

    /// Returns its size in memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Trace>() + self.state.as_ref().map_or(0, Text::heap_bytes)
    }
}

impl Details {
    /// Adds an attribute whose key is not set yet.
    pub(crate) fn add(&mut self, key: Text, value: Value) {
        if self.attributes.is_empty() {
            // A vector allocates four entries by default, and many activities have only one attribute.
            self.attributes.reserve_exact(1);
        }
        self.attributes.push((key, value));
    }

    /// Returns the value of an attribute that is set.
    pub(crate) fn attribute_mut(&mut self, key: &str) -> Option<&mut Value> {
        let mut attributes = self.attributes.iter_mut();
        attributes
            .find(|(found, _)| found == key)
            .map(|(_, value)| value)
    }
}

/// An ended activity.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndedActivity {
    /// What was known before its end.
    pub started: StartedActivity,
    /// The final status; never `Running`.
    pub status: Status,
    /// The duration in nanoseconds, by a monotonic clock.
    pub duration_ns: u64,
    /// True if the store has it in its table of open activities.
    pub listed: bool,
}

/// The records of one transaction.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Batch {
    /// Ended activities.
    pub ended: Vec<EndedActivity>,
    /// Open activities that are not in the store yet, or have changed since.
    pub open: Vec<StartedActivity>,
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// Steps of recordings, in order.
    pub steps: Vec<NewStep>,
    /// The accounting of the instance after this commit. Duplicates are counted as committed here: the store
    /// [settles](Accounting::settle) the counts before it saves them.
    pub accounting: Accounting,
    /// The environment of activities and events that do not set one.
    pub environment: Option<Text>,
}

impl Batch {
    /// Returns true if it has no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.open.is_empty()
    }

    /// Returns the number of records, without copies of open activities.
    pub(crate) fn len(&self) -> u64 {
        self.counts().each().into_iter().sum()
    }

    /// Returns the number of records of each kind, without copies of open activities.
    pub(crate) fn counts(&self) -> PerKind<u64> {
        PerKind {
            activities: self.ended.len() as u64,
            events: self.events.len() as u64,
            recordings: self.steps.len() as u64,
        }
    }
}

/// The result of committing a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendOutcome {
    /// Inserted activities.
    pub inserted: u64,
    /// Activities that were already stored, by an earlier attempt or as abandoned.
    pub ignored: u64,
    /// Inserted events.
    pub events: u64,
    /// Events that were not inserted because the store has one with the same deduplication key, type, project and actor.
    pub duplicates: Vec<Duplicate>,
    /// Times that files of the store were found moved, removed or replaced since the previous commit reported it.
    pub files_replaced: u64,
    /// Rows that were copied from those files since the previous commit reported it.
    pub rows_rescued: u64,
}

impl Accounting {
    /// Moves duplicates from `committed` to `duplicates`. A store calls it before it saves the accounting of a batch.
    pub fn settle(&mut self, appended: &AppendOutcome) {
        let duplicates = appended.duplicates.len() as u64;
        self.events.committed = self.events.committed.saturating_sub(duplicates);
        self.events.duplicates += duplicates;
    }
}
