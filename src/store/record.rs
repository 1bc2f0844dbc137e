//! The trait of activities and events, which are listed, followed, exported and sent in the same way.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventId, EventRecord, Filter, Has, Scope, Status},
    store::{Reader, Source},
};

/// A record that is listed and followed: an [`ActivityRecord`] or an [`EventRecord`].
///
/// It cannot be implemented outside of this crate.
pub trait Record:
    sealed::Sealed + Serialize + Clone + PartialEq + fmt::Debug + Send + 'static
{
    /// The type of its id. Ids are in order of time.
    type Id: Copy + Ord + fmt::Debug + fmt::Display + FromStr<Err = Error> + Send + 'static;

    /// The kind of record.
    const KIND: RecordKind;

    /// Returns the id.
    fn id(&self) -> Self::Id;

    /// Returns when it started or happened.
    fn at(&self) -> DateTime<Utc>;

    /// Returns the name, or the type of an event.
    fn name(&self) -> &str;

    /// Returns the status.
    fn status(&self) -> Status;

    /// Returns the scope.
    fn scope(&self) -> &Scope;

    /// Returns the activity that it belongs to.
    fn parent(&self) -> Option<ActivityId>;

    /// Returns true if it is dated ahead of the [present](Reader::present).
    fn is_ahead(&self) -> bool;

    /// Returns the number in commit order; `None` while an activity is running.
    fn seq(&self) -> Option<i64>;

    /// Returns true if a filter matches it.
    fn matches(&self, filter: &Filter) -> bool;

    /// Refuses a filter with a field that such records lack.
    ///
    /// # Errors
    ///
    /// `is_invalid`: activities have no `type:`, events have no `kind:`, `name:`, `error:`, `fingerprint:` and `duration:`.
    fn check_filter(filter: &Filter) -> Result<()>;

    /// Sets whether it is dated ahead of the [present](Reader::present).
    fn set_ahead(&mut self, ahead: bool);

    /// Returns the part of a reader that has such records.
    fn source(reader: &mut dyn Reader) -> &mut dyn Source<Self>
    where
        Self: Sized;

    /// Returns the 16 bytes of an id.
    #[doc(hidden)]
    fn id_bytes(id: Self::Id) -> [u8; 16];

    /// Returns the id with these bytes.
    #[doc(hidden)]
    fn id_from_bytes(bytes: [u8; 16]) -> Self::Id;
}

/// A kind of record: activities or events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordKind {
    /// Ended activities.
    Activities,
    /// Events.
    Events,
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for crate::record::ActivityRecord {}
    impl Sealed for crate::record::EventRecord {}
}

impl Record for ActivityRecord {
    type Id = ActivityId;

    const KIND: RecordKind = RecordKind::Activities;

    fn id(&self) -> ActivityId {
        self.id
    }

    fn at(&self) -> DateTime<Utc> {
        self.started_at
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Status {
        self.status
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn parent(&self) -> Option<ActivityId> {
        self.parent
    }

    fn is_ahead(&self) -> bool {
        self.ahead
    }

    fn seq(&self) -> Option<i64> {
        self.seq
    }

    fn matches(&self, filter: &Filter) -> bool {
        filter.matches(self)
    }

    fn check_filter(filter: &Filter) -> Result<()> {
        if filter.event_type.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(
            "activities have no `type:`, which is a field of events · use `kind:` or `name:`",
        ))
    }

    fn set_ahead(&mut self, ahead: bool) {
        self.ahead = ahead;
    }

    fn source(reader: &mut dyn Reader) -> &mut dyn Source<Self> {
        reader
    }

    fn id_bytes(id: ActivityId) -> [u8; 16] {
        *id.as_bytes()
    }

    fn id_from_bytes(bytes: [u8; 16]) -> ActivityId {
        ActivityId::from_bytes(bytes)
    }
}

impl Record for EventRecord {
    type Id = EventId;

    const KIND: RecordKind = RecordKind::Events;

    fn id(&self) -> EventId {
        self.id
    }

    fn at(&self) -> DateTime<Utc> {
        self.at
    }

    fn name(&self) -> &str {
        &self.event_type
    }

    fn status(&self) -> Status {
        self.status
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn parent(&self) -> Option<ActivityId> {
        self.activity
    }

    fn is_ahead(&self) -> bool {
        self.ahead
    }

    fn seq(&self) -> Option<i64> {
        Some(self.seq)
    }

    fn matches(&self, filter: &Filter) -> bool {
        filter.matches_event(self)
    }

    fn check_filter(filter: &Filter) -> Result<()> {
        let has = [&filter.has.any_of, &filter.has.none_of];
        let of_activities = [
            (!filter.kind.is_empty(), "`kind:`"),
            (!filter.name.is_empty(), "`name:`"),
            (!filter.error.is_empty(), "`error:`"),
            (!filter.fingerprint.is_empty(), "`fingerprint:`"),
            (filter.duration.is_some(), "`duration:`"),
            (
                has.into_iter().flatten().any(is_only_of_activities),
                "`has:`",
            ),
        ];
        match of_activities.into_iter().find(|(asked, _)| *asked) {
            None => Ok(()),
            Some((_, "`has:`")) => Err(Error::invalid(
                "events have no recording, error, message, input, output or duration · use `has:parent`, `has:actor` or \
                 another scope",
            )),
            Some((_, field)) => Err(Error::invalid(format!(
                "events have no {field}, which is a field of activities · use `type:` or `status:`"
            ))),
        }
    }

    fn set_ahead(&mut self, ahead: bool) {
        self.ahead = ahead;
    }

    fn source(reader: &mut dyn Reader) -> &mut dyn Source<Self> {
        reader
    }

    fn id_bytes(id: EventId) -> [u8; 16] {
        *id.as_bytes()
    }

    fn id_from_bytes(bytes: [u8; 16]) -> EventId {
        EventId::from_bytes(bytes)
    }
}

fn is_only_of_activities(has: &Has) -> bool {
    matches!(
        has,
        Has::Recording | Has::Error | Has::Message | Has::Input | Has::Output | Has::Duration
    )
}
