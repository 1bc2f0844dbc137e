//! Accounting: what became of every record of an instance.

use std::{fmt, iter::Sum};

use serde::{Deserialize, Serialize, Serializer};

/// A value for each kind of record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerKind<T> {
    pub(crate) activities: T,
    pub(crate) events: T,
    /// Steps of recordings: begins, links, chunks and ends.
    pub(crate) recordings: T,
}

impl<T> PerKind<T> {
    /// Returns the values of all kinds.
    pub(crate) fn each(self) -> [T; 3] {
        [self.activities, self.events, self.recordings]
    }

    /// Applies `make` to the value of each kind.
    pub(crate) fn map<U>(self, mut make: impl FnMut(T) -> U) -> PerKind<U> {
        PerKind {
            activities: make(self.activities),
            events: make(self.events),
            recordings: make(self.recordings),
        }
    }

    /// Pairs the values of each kind.
    pub(crate) fn zip<U>(self, other: PerKind<U>) -> PerKind<(T, U)> {
        PerKind {
            activities: (self.activities, other.activities),
            events: (self.events, other.events),
            recordings: (self.recordings, other.recordings),
        }
    }
}

/// Cumulative counts of what became of the records of one kind.
///
/// `recorded = open + abandoned + rejected + committed + duplicates + waiting + lost`. A count that does not apply to a kind
/// is 0, and left out of its JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct RecordCounts {
    /// Records that the application made, rejected ones included.
    #[serde(alias = "started")]
    pub recorded: u64,
    /// Admitted activities that have not ended.
    pub open: u64,
    /// Admitted activities that were stored as abandoned, because the log or its process ended before their end was stored.
    pub abandoned: u64,
    /// Rejected because the memory limit was reached.
    pub rejected_memory: u64,
    /// Rejected because the log was shut down.
    pub rejected_closed: u64,
    /// Events rejected because their type is empty or not in the log's list of types.
    pub rejected_type: u64,
    /// Log lines rejected because their activity had reached its limit, or had ended.
    pub rejected_limit: u64,
    /// Rejected because this process is the child of a fork. A child's counts start with the records that its parent had
    /// open or in hand at the fork. The parent continues them and does not count them here.
    pub rejected_forked: u64,
    /// Committed to the store.
    pub committed: u64,
    /// Events not stored because an earlier one has the same deduplication key, type, project and actor.
    pub duplicates: u64,
    /// Ended or handed over, not committed yet.
    pub waiting: u64,
    /// Lost because the store refused the record by itself.
    pub lost_refused: u64,
    /// Lost because they were not committed by the end of the shutdown.
    pub lost_shutdown: u64,
}

impl RecordCounts {
    /// Returns the number of rejected records.
    pub fn rejected(&self) -> u64 {
        sum(&[
            self.rejected_memory,
            self.rejected_closed,
            self.rejected_type,
            self.rejected_limit,
            self.rejected_forked,
        ])
    }

    /// Returns the number of admitted records that will never be in the store.
    pub fn lost(&self) -> u64 {
        sum(&[self.lost_refused, self.lost_shutdown])
    }

    /// Returns the number of admitted records that have ended.
    pub fn ended(&self) -> u64 {
        sum(&[self.committed, self.duplicates, self.waiting, self.lost()])
    }

    /// Returns true if `recorded` is the sum of all other counts.
    pub fn adds_up(&self) -> bool {
        self.recorded == sum(&[self.open, self.abandoned, self.rejected(), self.ended()])
    }

    /// Adds the counts of another instance.
    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.recorded, other.recorded);
        add(&mut self.open, other.open);
        add(&mut self.abandoned, other.abandoned);
        add(&mut self.rejected_memory, other.rejected_memory);
        add(&mut self.rejected_closed, other.rejected_closed);
        add(&mut self.rejected_type, other.rejected_type);
        add(&mut self.rejected_limit, other.rejected_limit);
        add(&mut self.rejected_forked, other.rejected_forked);
        add(&mut self.committed, other.committed);
        add(&mut self.duplicates, other.duplicates);
        add(&mut self.waiting, other.waiting);
        add(&mut self.lost_refused, other.lost_refused);
        add(&mut self.lost_shutdown, other.lost_shutdown);
    }

    /// Moves `count` activities to `abandoned`: first open ones, then ended ones whose end was not stored.
    #[cfg(feature = "sqlite")]
    pub(crate) fn abandon(&mut self, count: u64) {
        add(&mut self.abandoned, count);
        let mut left = count;
        for from in [
            &mut self.open,
            &mut self.waiting,
            &mut self.lost_shutdown,
            &mut self.lost_refused,
        ] {
            let taken = left.min(*from);
            *from -= taken;
            left -= taken;
        }
    }

    /// Returns the counts that apply to a kind, with their JSON names.
    fn fields(&self, kind: u8) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("started", self.recorded, ACTIVITY),
            ("recorded", self.recorded, EVENT | RECORDING),
            ("open", self.open, ACTIVITY),
            ("abandoned", self.abandoned, ACTIVITY),
            ("ended", self.ended(), ACTIVITY),
            ("rejected_memory", self.rejected_memory, ALL),
            ("rejected_closed", self.rejected_closed, ALL),
            ("rejected_type", self.rejected_type, EVENT),
            ("rejected_limit", self.rejected_limit, EVENT),
            ("rejected_forked", self.rejected_forked, ACTIVITY | EVENT),
            ("committed", self.committed, ALL),
            ("duplicates", self.duplicates, EVENT),
            ("waiting", self.waiting, ALL),
            ("lost_refused", self.lost_refused, ALL),
            ("lost_shutdown", self.lost_shutdown, ALL),
        ];
        let fields = all.into_iter().filter(move |(.., kinds)| kinds & kind != 0);
        fields.map(|(name, count, _)| (name, count))
    }
}

/// Adds up counts. They saturate: those of a forwarded log may be any numbers.
fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, one| sum.saturating_add(*one))
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

const ACTIVITY: u8 = 1;
const EVENT: u8 = 2;
const RECORDING: u8 = 4;
const ALL: u8 = ACTIVITY | EVENT | RECORDING;

fn json<const KIND: u8, S: Serializer>(counts: &RecordCounts, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(counts.fields(KIND))
}

/// Cumulative counts of what became of every record of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Accounting {
    /// Activities. In JSON these counts are flattened into this object, and `recorded` is called `started`.
    #[serde(flatten, serialize_with = "json::<ACTIVITY, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Activities))]
    pub activities: RecordCounts,
    /// Ends that came after the activity was stored as abandoned, and were ignored.
    #[serde(default)]
    pub late_ends: u64,
    /// Calls in [`Durable`](crate::Mode::Durable) mode that were answered before their activity was committed.
    #[serde(default)]
    pub not_durable: u64,
    /// Payloads and attributes that were dropped because a redactor panicked.
    #[serde(default)]
    pub redactor_panics: u64,
    /// Times that files of the store were moved, removed or replaced while it was open.
    #[serde(default)]
    pub files_replaced: u64,
    /// Rows that were copied from moved or removed files into their replacements.
    #[serde(default)]
    pub rows_rescued: u64,
    /// Places in commit order, of records or chunks of recordings, that the shutdown did not forward to the target that is
    /// furthest behind. They stay in the file, and are forwarded when it is opened again.
    #[serde(skip)]
    pub not_forwarded: u64,
    /// Events.
    #[serde(default, serialize_with = "json::<EVENT, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Events))]
    pub events: RecordCounts,
    /// Steps of recordings: begins, links, chunks and ends.
    #[serde(default, serialize_with = "json::<RECORDING, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Recordings))]
    pub recordings: RecordCounts,
}

impl Accounting {
    /// Returns true if the counts of every kind add up.
    pub fn adds_up(&self) -> bool {
        self.kinds().each().into_iter().all(RecordCounts::adds_up)
    }

    pub(crate) fn kinds(&self) -> PerKind<&RecordCounts> {
        PerKind {
            activities: &self.activities,
            events: &self.events,
            recordings: &self.recordings,
        }
    }

    pub(crate) fn kinds_mut(&mut self) -> PerKind<&mut RecordCounts> {
        PerKind {
            activities: &mut self.activities,
            events: &mut self.events,
            recordings: &mut self.recordings,
        }
    }

    /// Returns the counts that apply to each kind: the kind, their JSON name, and the number.
    #[cfg(feature = "web")]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let kinds = [
            ("activity", ACTIVITY, &self.activities),
            ("event", EVENT, &self.events),
            ("recording", RECORDING, &self.recordings),
        ];
        kinds.into_iter().flat_map(|(name, kind, counts)| {
            let fields = counts.fields(kind);
            fields.map(move |(field, count)| (name, field, count))
        })
    }

    /// Adds the counts of another instance.
    pub(crate) fn add(&mut self, other: &Accounting) {
        for (own, other) in self.kinds_mut().zip(other.kinds()).each() {
            own.add(other);
        }
        add(&mut self.late_ends, other.late_ends);
        add(&mut self.not_durable, other.not_durable);
        add(&mut self.redactor_panics, other.redactor_panics);
        add(&mut self.files_replaced, other.files_replaced);
        add(&mut self.rows_rescued, other.rows_rescued);
    }
}

impl<'a> Sum<&'a Accounting> for Accounting {
    fn sum<I: Iterator<Item = &'a Accounting>>(all: I) -> Self {
        all.fold(Accounting::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}

impl fmt::Display for Accounting {
    /// Writes how many records were committed, rejected and lost, in one line: activities always, other kinds if there were
    /// any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("activities", &self.activities),
            ("events", &self.events),
            ("recording steps", &self.recordings),
        ];
        for (n, (kind, counts)) in kinds.into_iter().enumerate() {
            let (committed, rejected, lost) = (counts.committed, counts.rejected(), counts.lost());
            if n == 0 || [committed, rejected, lost] != [0; 3] {
                let separator = if n == 0 { "" } else { "; " };
                write!(
                    f,
                    "{separator}{committed} {kind} committed, {rejected} rejected, {lost} lost"
                )?;
            }
        }
        Ok(())
    }
}

/// OpenAPI schemas of the counts: the fields that apply to each kind.
#[cfg(feature = "web")]
mod schema {
    use std::borrow::Cow;

    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{ObjectBuilder, RefOr, Schema},
    };

    use super::{ACTIVITY, EVENT, RECORDING, RecordCounts};

    pub(super) type Activities = Counts<ACTIVITY>;
    pub(super) type Events = Counts<EVENT>;
    pub(super) type Recordings = Counts<RECORDING>;

    pub(super) struct Counts<const KIND: u8>;

    impl<const KIND: u8> PartialSchema for Counts<KIND> {
        fn schema() -> RefOr<Schema> {
            let known = match RecordCounts::schema() {
                RefOr::T(Schema::Object(all)) => all.properties,
                _ => Default::default(),
            };
            let mut fields = ObjectBuilder::new();
            for (name, _) in RecordCounts::default().fields(KIND) {
                let known = known.get(if name == "started" { "recorded" } else { name });
                fields = fields.property(name, known.cloned().unwrap_or_else(u64::schema));
            }
            fields.into()
        }
    }

    impl<const KIND: u8> ToSchema for Counts<KIND> {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed(match KIND {
                ACTIVITY => "ActivityAccounting",
                EVENT => "EventAccounting",
                _ => "RecordingAccounting",
            })
        }
    }
}
