//! What the writer thread hands to a store.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    record::{
        ActivityId, InstanceId, Kind, Preview, Scope, SpanId, Status, Text, TraceContext, TraceId,
    },
    redact::RawPreview,
    store::{Accounting, Duplicate, NewEvent, NewStep, PerKind},
};

/// The open log that writes: one row in the store, one lock file beside it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The host's name, for people.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When it was opened.
    pub started_at: DateTime<Utc>,
    /// What its commits have to survive.
    pub durability: Durability,
}

impl Instance {
    /// An instance of a process on a host. Its commits survive the end of the process.
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

/// What a commit has to survive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, however sudden. A loss of power may take the last commits, never more.
    #[default]
    Process,
    /// A loss of power.
    Power,
}

/// An activity that has started: what is known before its end. When that was is part of its id.
///
/// Kept below 128 bytes, which are copied without a call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StartedActivity {
    /// Its id.
    pub id: ActivityId,
    /// The activity that it runs inside of.
    pub parent: Option<ActivityId>,
    /// The outermost activity of its tree, where that is not itself.
    pub root: Option<ActivityId>,
    /// What sort of work it is.
    pub kind: Kind,
    /// What it is called.
    pub name: Text,
    /// For whom and where; `None` where nothing is known.
    pub scope: Option<Arc<Scope>>,
    /// What most activities do not have.
    pub details: Option<Box<Details>>,
}

/// What most activities do not have: allocated on first use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Details {
    /// Attributes in the order in which they were first set, redacted; each key once.
    pub attributes: Vec<(Text, Value)>,
    /// True when an attribute was refused because a limit was reached.
    pub truncated: bool,
    /// What it was given.
    pub input: Option<Preview>,
    /// What it gave back.
    pub output: Option<Preview>,
    /// Both, until the writer thread redacts them: before any store sees them.
    pub(crate) captured: Payloads,
    /// For failures, what kind.
    pub error_type: Option<Text>,
    /// What the error said, redacted and capped.
    pub message: Option<Text>,
    /// Where it stands in a trace, where that does not follow from the ids.
    pub trace: Option<Box<Trace>>,
}

/// Payloads that are not redacted yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payloads {
    pub(crate) input: Option<Box<RawPreview>>,
    pub(crate) output: Option<Box<RawPreview>>,
}

/// Where an activity stands in a trace that is not its tree's own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// Its own step; `None` where that is a part of its id.
    pub span: Option<SpanId>,
    /// The step of another program that it comes from.
    pub remote_parent: Option<SpanId>,
    /// What the caller said of the trace; passed on, and not stored.
    pub flags: u8,
    /// What tracing systems want to be passed on; not stored.
    pub state: Option<Text>,
}

impl Trace {
    /// A trace that begins with us.
    pub(crate) fn own(id: TraceId) -> Self {
        Trace {
            id,
            span: None,
            remote_parent: None,
            flags: TraceContext::own_flags(),
            state: None,
        }
    }

    /// The bytes that it takes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Trace>() + self.state.as_ref().map_or(0, Text::heap_bytes)
    }
}

impl Details {
    /// Adds an attribute of another key than those that are there.
    pub(crate) fn add(&mut self, key: Text, value: Value) {
        if self.attributes.is_empty() {
            // A vector makes room for four of its own accord, and many activities have one.
            self.attributes.reserve_exact(1);
        }
        self.attributes.push((key, value));
    }

    /// The value of an attribute that was set before.
    pub(crate) fn attribute_mut(&mut self, key: &str) -> Option<&mut Value> {
        let mut attributes = self.attributes.iter_mut();
        attributes
            .find(|(found, _)| found == key)
            .map(|(_, value)| value)
    }
}

/// An activity that has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndedActivity {
    /// What was known before.
    pub started: StartedActivity,
    /// How it ended; never `Running`.
    pub status: Status,
    /// How long it took in nanoseconds, by a monotonic clock.
    pub duration_ns: u64,
    /// True when the store has it in its table of open activities.
    pub listed: bool,
}

/// What one transaction takes.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Batch {
    /// Activities that ended.
    pub ended: Vec<EndedActivity>,
    /// Activities that are still open and not yet listed, or have changed since.
    pub open: Vec<StartedActivity>,
    /// Events that happened, in order.
    pub events: Vec<NewEvent>,
    /// What is new about recordings, in order.
    pub steps: Vec<NewStep>,
    /// Where the instance's accounting stands once this batch is committed. What turns out to be a duplicate
    /// is counted here as committed: the store [settles](Accounting::settle) these numbers before it saves them.
    pub accounting: Accounting,
    /// The environment of activities and events that name none.
    pub environment: Option<Text>,
}

impl Batch {
    /// True when it has no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.open.is_empty()
    }

    /// How many records there are, beside copies of what is open.
    pub(crate) fn len(&self) -> u64 {
        self.counts().each().into_iter().sum()
    }

    /// The same of each kind.
    pub(crate) fn counts(&self) -> PerKind<u64> {
        PerKind {
            activities: self.ended.len() as u64,
            events: self.events.len() as u64,
            recordings: self.steps.len() as u64,
        }
    }
}

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendOutcome {
    /// Activities that were inserted.
    pub inserted: u64,
    /// Activities that were there already, from an earlier attempt or written as abandoned before.
    pub ignored: u64,
    /// Events that were inserted.
    pub events: u64,
    /// Events that are not kept because the store has one with the same key, type, project and actor.
    pub duplicates: Vec<Duplicate>,
    /// How often files of the store were found moved, removed or replaced, since an earlier commit has told.
    pub files_replaced: u64,
    /// Rows that were copied from such files, since an earlier commit has told.
    pub rows_rescued: u64,
}

impl Accounting {
    /// Moves what turned out to be no record of its own from what was counted as committed: for a store, before it saves
    /// the accounting of a batch.
    pub fn settle(&mut self, appended: &AppendOutcome) {
        let duplicates = appended.duplicates.len() as u64;
        self.events.committed = self.events.committed.saturating_sub(duplicates);
        self.events.duplicates += duplicates;
    }
}
