//! Where every record of an instance went, and what a kind of record has for each kind.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// One of something for each kind of record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerKind<T> {
    pub(crate) activities: T,
    pub(crate) events: T,
    /// For steps of recordings: their begins, links, chunks and ends.
    pub(crate) recordings: T,
}

impl<T> PerKind<T> {
    pub(crate) fn each(self) -> [T; 3] {
        [self.activities, self.events, self.recordings]
    }

    /// Makes another of each.
    pub(crate) fn map<U>(self, mut make: impl FnMut(T) -> U) -> PerKind<U> {
        PerKind {
            activities: make(self.activities),
            events: make(self.events),
            recordings: make(self.recordings),
        }
    }

    /// Pairs each with the other's of its kind.
    pub(crate) fn zip<U>(self, other: PerKind<U>) -> PerKind<(T, U)> {
        PerKind {
            activities: (self.activities, other.activities),
            events: (self.events, other.events),
            recordings: (self.recordings, other.recordings),
        }
    }
}

/// Where the records of one kind went, cumulative.
///
/// `recorded = open + abandoned + rejected + committed + duplicates + waiting + lost`. What a kind does not have is 0,
/// and left out of its JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct RecordCounts {
    /// What was to be recorded.
    #[serde(alias = "started")]
    pub recorded: u64,
    /// Activities that were admitted and have not ended.
    pub open: u64,
    /// Activities that were admitted, and written as abandoned because the log or its process ended before their end
    /// was in the store.
    pub abandoned: u64,
    /// Not admitted because a memory bound was reached.
    pub rejected_memory: u64,
    /// Not admitted because the log was shut down.
    pub rejected_closed: u64,
    /// Events that were not admitted because their type is empty, or not on the log's list of types.
    pub rejected_type: u64,
    /// Log lines that were not admitted because their activity had taken as many as it may, or had ended.
    pub rejected_limit: u64,
    /// Not recorded because this process is the child of a fork. A child's numbers begin with what its parent
    /// had open or had just left at that moment, which the parent goes on with; the parent's know nothing of it.
    pub rejected_forked: u64,
    /// In the store.
    pub committed: u64,
    /// Events that are not in the store because an earlier one has the same key, type, project and actor.
    pub duplicates: u64,
    /// Ended or handed over, and not yet in the store.
    pub waiting: u64,
    /// Refused by the store one by one.
    pub lost_refused: u64,
    /// Not in the store when the log was shut down.
    pub lost_shutdown: u64,
}

impl RecordCounts {
    /// All that was not admitted.
    pub fn rejected(&self) -> u64 {
        self.rejected_memory
            + self.rejected_closed
            + self.rejected_type
            + self.rejected_limit
            + self.rejected_forked
    }

    /// All that was admitted and will never be in the store.
    pub fn lost(&self) -> u64 {
        self.lost_refused + self.lost_shutdown
    }

    /// All that was admitted and has ended.
    pub fn ended(&self) -> u64 {
        self.committed + self.duplicates + self.waiting + self.lost()
    }

    /// True when the equation holds.
    pub fn adds_up(&self) -> bool {
        self.recorded == self.open + self.abandoned + self.rejected() + self.ended()
    }

    /// Adds where other records of the kind went.
    pub(crate) fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.open += other.open;
        self.abandoned += other.abandoned;
        self.rejected_memory += other.rejected_memory;
        self.rejected_closed += other.rejected_closed;
        self.rejected_type += other.rejected_type;
        self.rejected_limit += other.rejected_limit;
        self.rejected_forked += other.rejected_forked;
        self.committed += other.committed;
        self.duplicates += other.duplicates;
        self.waiting += other.waiting;
        self.lost_refused += other.lost_refused;
        self.lost_shutdown += other.lost_shutdown;
    }

    /// Moves activities that are written as abandoned: from those that were open, then from those whose end
    /// had come, and is in no store.
    #[cfg(feature = "sqlite")]
    pub(crate) fn abandon(&mut self, count: u64) {
        self.abandoned += count;
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

    /// What a kind has of it, as JSON names it.
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
        let fields = all.into_iter().filter(move |(.., of)| of & kind != 0);
        fields.map(|(name, count, _)| (name, count))
    }
}

const ACTIVITY: u8 = 1;
const EVENT: u8 = 2;
const RECORDING: u8 = 4;
const ALL: u8 = ACTIVITY | EVENT | RECORDING;

fn json<const KIND: u8, S: Serializer>(counts: &RecordCounts, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(counts.fields(KIND))
}

/// Where every record of an instance went, cumulative.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Accounting {
    /// Where the activities went. In JSON they stand beside the other fields, and say `started` for `recorded`.
    #[serde(flatten, serialize_with = "json::<ACTIVITY, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Activities))]
    pub activities: RecordCounts,
    /// Ends that came after the activity had been written as abandoned.
    #[serde(default)]
    pub late_ends: u64,
    /// Calls that were answered before their activity was committed, though the log is to be
    /// [`Durable`](crate::Mode::Durable).
    #[serde(default)]
    pub not_durable: u64,
    /// Payloads and attributes of which nothing was kept because a redactor panicked.
    #[serde(default)]
    pub redactor_panics: u64,
    /// How often files of the store were moved, removed or replaced while it was open.
    #[serde(default)]
    pub files_replaced: u64,
    /// Rows that were copied from such files into those that stand in their place.
    #[serde(default)]
    pub rows_rescued: u64,
    /// Where the events went.
    #[serde(default, serialize_with = "json::<EVENT, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Events))]
    pub events: RecordCounts,
    /// Where the steps of recordings went: begins, links, chunks and ends.
    #[serde(default, serialize_with = "json::<RECORDING, _>")]
    #[cfg_attr(feature = "web", schema(value_type = schema::Recordings))]
    pub recordings: RecordCounts,
}

impl Accounting {
    /// True when the numbers of each kind add up.
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

    /// Adds where the records of another log went.
    #[cfg(feature = "sqlite")]
    pub(crate) fn add(&mut self, other: &Accounting) {
        for (own, other) in self.kinds_mut().zip(other.kinds()).each() {
            own.add(other);
        }
        self.late_ends += other.late_ends;
        self.not_durable += other.not_durable;
        self.redactor_panics += other.redactor_panics;
        self.files_replaced += other.files_replaced;
        self.rows_rescued += other.rows_rescued;
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
            if n == 0 || committed + rejected + lost > 0 {
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

/// What the API's description says of counts: the fields that their kind has.
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
