//! What the writer thread hands to a store.

use std::{mem, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    record::{
        ActivityId, InstanceId, Kind, Preview, Scope, SpanId, Status, Text, TraceContext, TraceId,
    },
    redact::Captured,
    store::{Duplicate, EventAccounting, Intake, NewEvent, NewStep, RecordingAccounting},
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
pub struct Started {
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
    pub(crate) input: Option<Box<Captured>>,
    pub(crate) output: Option<Box<Captured>>,
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
    pub(crate) fn charge(&self) -> usize {
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

    /// Redacts the payloads that were captured.
    pub(crate) fn redact(&mut self, intake: Intake<'_>) {
        let Payloads { input, output } = mem::take(&mut self.captured);
        if let Some(input) = input {
            self.input = intake.captured(&input);
        }
        if let Some(output) = output {
            self.output = intake.captured(&output);
        }
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
pub struct Ended {
    /// What was known before.
    pub started: Started,
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
    pub ended: Vec<Ended>,
    /// Activities that are still open and not yet listed, or have changed since.
    pub open: Vec<Started>,
    /// Events that happened, in order.
    pub events: Vec<NewEvent>,
    /// What is new about recordings, in order.
    pub steps: Vec<NewStep>,
    /// Where the instance's accounting stands once this batch is committed. What turns out to be a duplicate
    /// is counted here as committed: the store moves it
    /// ([`found_duplicates`](EventAccounting::found_duplicates)) before it saves these numbers.
    pub accounting: Accounting,
    /// The environment of activities and events that name none.
    pub environment: Option<Text>,
}

impl Batch {
    /// Redacts the payloads that its activities captured.
    pub(crate) fn redact(&mut self, intake: Intake<'_>) {
        let ended = self.ended.iter_mut().map(|ended| &mut ended.started);
        for started in ended.chain(&mut self.open) {
            if let Some(details) = &mut started.details {
                details.redact(intake);
            }
        }
    }

    /// True when it has no records.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
            && self.open.is_empty()
            && self.events.is_empty()
            && self.steps.is_empty()
    }
}

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
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

/// Where every activity and event of an instance went, cumulative.
///
/// `started = open + ended + rejected + abandoned` and `ended = committed + waiting + lost`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Accounting {
    /// Calls that asked to be recorded.
    pub started: u64,
    /// Admitted and not ended.
    pub open: u64,
    /// Admitted, and written as abandoned because the log or its process ended before their end was in the
    /// store.
    pub abandoned: u64,
    /// Admitted and ended.
    pub ended: u64,
    /// Not admitted because the memory bound was reached.
    pub rejected_memory: u64,
    /// Not admitted because the log was shut down.
    pub rejected_closed: u64,
    /// Not recorded because this process is the child of a fork. A child's numbers begin with what its parent
    /// had open or had just ended at that moment, which the parent goes on with; the parent's know nothing of it.
    pub rejected_forked: u64,
    /// In the store.
    pub committed: u64,
    /// Ended and not yet in the store.
    pub waiting: u64,
    /// Refused by the store one by one.
    pub lost_refused: u64,
    /// Ended, and not in the store when the log was shut down.
    pub lost_shutdown: u64,
    /// Ends that came after the activity had been written as abandoned.
    pub late_ends: u64,
    /// Calls that were answered before their activity was committed, though the log is to be
    /// [`Durable`](crate::Mode::Durable).
    pub not_durable: u64,
    /// Payloads and attributes of which nothing was kept because a redactor panicked.
    pub redactor_panics: u64,
    /// How often files of the store were moved, removed or replaced while it was open.
    pub files_replaced: u64,
    /// Rows that were copied from such files into those that stand in their place.
    pub rows_rescued: u64,
    /// Where the events went.
    pub events: EventAccounting,
    /// Where the steps of recordings went.
    pub recordings: RecordingAccounting,
}

impl Accounting {
    /// All that was not admitted.
    pub fn rejected(&self) -> u64 {
        self.rejected_memory + self.rejected_closed + self.rejected_forked
    }

    /// All that ended and will never be in the store.
    pub fn lost(&self) -> u64 {
        self.lost_refused + self.lost_shutdown
    }

    /// Adds where the records of another log went.
    #[cfg(feature = "sqlite")]
    pub(crate) fn add(&mut self, other: &Accounting) {
        self.started += other.started;
        self.open += other.open;
        self.abandoned += other.abandoned;
        self.ended += other.ended;
        self.rejected_memory += other.rejected_memory;
        self.rejected_closed += other.rejected_closed;
        self.rejected_forked += other.rejected_forked;
        self.committed += other.committed;
        self.waiting += other.waiting;
        self.lost_refused += other.lost_refused;
        self.lost_shutdown += other.lost_shutdown;
        self.late_ends += other.late_ends;
        self.not_durable += other.not_durable;
        self.redactor_panics += other.redactor_panics;
        self.files_replaced += other.files_replaced;
        self.rows_rescued += other.rows_rescued;
        self.events.add(&other.events);
        self.recordings.add(&other.recordings);
    }

    /// Moves activities that are written as abandoned: from those that were open, then from those whose end
    /// had come, and is in no store.
    pub(crate) fn abandon(&mut self, count: u64) {
        self.abandoned += count;
        let mut left = count;
        let mut take = |from: &mut u64| {
            let taken = left.min(*from);
            *from -= taken;
            left -= taken;
            taken
        };
        take(&mut self.open);
        for ends in [
            &mut self.waiting,
            &mut self.lost_shutdown,
            &mut self.lost_refused,
        ] {
            self.ended -= take(ends);
        }
    }

    /// True when all equations hold.
    pub fn adds_up(&self) -> bool {
        self.started == self.open + self.ended + self.rejected() + self.abandoned
            && self.ended == self.committed + self.waiting + self.lost()
            && self.events.adds_up()
            && self.recordings.adds_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_an_accounting_is_what_files_and_programs_know() {
        let text = r#"{"started":58,"open":1,"abandoned":2,"ended":40,"rejected_memory":3,"rejected_closed":4,"rejected_forked":8,"committed":5,"waiting":6,"lost_refused":12,"lost_shutdown":17,"late_ends":7,"not_durable":9,"redactor_panics":10,"files_replaced":11,"rows_rescued":13,"events":{"recorded":66,"rejected_memory":1,"rejected_closed":2,"rejected_type":3,"rejected_limit":4,"rejected_forked":5,"committed":6,"duplicates":7,"waiting":8,"lost_refused":9,"lost_shutdown":21},"recordings":{"recorded":28,"rejected_memory":1,"rejected_closed":2,"committed":3,"waiting":4,"lost_refused":5,"lost_shutdown":13}}"#;
        let accounting: Accounting = serde_json::from_str(text).unwrap();
        assert!(accounting.adds_up());
        assert_eq!(serde_json::to_string(&accounting).unwrap(), text);
        // What an older version has saved, and what stands beside it in the file.
        let older: Accounting = serde_json::from_str(r#"{"started":1,"saved_at":5}"#).unwrap();
        assert_eq!(
            serde_json::to_value(&older).unwrap()["events"]["recorded"],
            0
        );
    }
}
