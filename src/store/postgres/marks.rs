//! Marks that intakes obey: what is too old, and whose content was erased.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use tokio_postgres::{Row, Transaction, types::Type};
use uuid::Uuid;

use super::{
    columns::{key, uuid},
    connection::{Failed, Parameter, query},
    partition,
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{ActivityId, ActivityRecord, EventRecord, RecordingId, RecordingRecord, Text},
    store::{limited_activity, limited_event},
};

const TOMBSTONES: &str = "SELECT new.actor, t.until FROM unnest($1::text[]) AS new (actor) \
     JOIN tower_activity.tombstone AS t ON t.actor = sha256(convert_to(new.actor, 'UTF8'))";

const ERASED: &str = "SELECT id FROM tower_activity.erased WHERE id = ANY($1::uuid[])";
const ERASE_LATE: &str = "SELECT tower_activity.erase_late($1, $2, $3)";

/// Marks of the store.
pub(super) struct Marks {
    pub(super) erased: i64,
    activity_horizon: i64,
    event_horizon: i64,
    /// Erased actors, and until when.
    tombstones: HashMap<String, i64>,
    /// Activities of erased actors, and recordings of these, among those that were looked up.
    erased_ids: HashSet<Uuid>,
    /// Activities that are found to be of an erased actor now.
    late: Vec<Uuid>,
}

impl Marks {
    /// Reads them from the row of a log, which is there while the lease is held and no batch is missing.
    pub(super) fn read(rows: &[Row]) -> Result<Self> {
        let lease_lost = || {
            Error::new(
                ErrorKind::Busy,
                "another forwarder has taken over the log, or the store was put back to an older state",
            )
        };
        let row = rows.first().ok_or_else(lease_lost)?;
        let mark = |column| row.get::<_, Option<i64>>(column).unwrap_or_default();
        Ok(Marks {
            erased: mark(0),
            activity_horizon: mark(1),
            event_horizon: mark(2),
            tombstones: HashMap::new(),
            erased_ids: HashSet::new(),
            late: Vec::new(),
        })
    }

    /// Looks up what was erased of these records.
    pub(super) async fn look_up(
        &mut self,
        transaction: &Transaction<'_>,
        activities: &[ActivityRecord],
        events: &[EventRecord],
        recordings: &[RecordingRecord],
    ) -> Result<(), Failed> {
        if self.erased == 0 {
            return Ok(());
        }
        let scopes =
            (activities.iter().map(|one| &one.scope)).chain(events.iter().map(|one| &one.scope));
        let mut actors: Vec<Cow<'_, str>> = scopes
            .filter_map(|scope| scope.actor.as_ref().map(|actor| key(actor)))
            .collect();
        actors.sort_unstable();
        actors.dedup();
        let actors: [Parameter<'_>; 1] = [(&actors, Type::TEXT_ARRAY)];
        let found = query(transaction, TOMBSTONES, &actors).await?;
        self.tombstones = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        let late = activities.iter().filter(|one| {
            self.is_erased(one.scope.actor.as_ref(), one.started_at.timestamp_micros())
        });
        self.late = late.map(|one| uuid(one.id.as_bytes())).collect();
        let links = recordings.iter().flat_map(|one| &one.links);
        let named: Vec<Uuid> = (events.iter().filter_map(|one| one.activity))
            .chain(links.map(|link| link.activity))
            .map(|id| uuid(id.as_bytes()))
            .chain(recordings.iter().map(|one| uuid(one.id.as_bytes())))
            .collect();
        let found = query(transaction, ERASED, &[(&named, Type::UUID_ARRAY)]).await?;
        self.erased_ids = found.iter().map(|row| row.get(0)).collect();
        self.erased_ids.extend(&self.late);
        let of_erased = recordings.iter().filter(|one| {
            let mut links = one.links.iter();
            links.any(|link| self.has_erased(link.activity))
        });
        let of_erased: Vec<Uuid> = of_erased.map(|one| uuid(one.id.as_bytes())).collect();
        self.erased_ids.extend(of_erased);
        Ok(())
    }

    fn has_erased(&self, activity: ActivityId) -> bool {
        self.erased_ids.contains(&uuid(activity.as_bytes()))
    }

    /// Returns the recordings that are to be inserted.
    pub(super) fn recordings<'a>(&self, all: &'a [RecordingRecord]) -> Vec<&'a RecordingRecord> {
        let kept = all.iter();
        kept.filter(|one| !self.has_erased_recording(one.id))
            .collect()
    }

    /// Whether a recording is one of an erased actor.
    pub(super) fn has_erased_recording(&self, id: RecordingId) -> bool {
        self.erased_ids.contains(&uuid(id.as_bytes()))
    }

    /// Erases what was accepted of activities before it was known that they are of an erased actor. To be called once these are
    /// inserted.
    pub(super) async fn erase_late(
        &self,
        transaction: &Transaction<'_>,
        (log, holder): (i32, Uuid),
    ) -> Result<(), Failed> {
        if !self.late.is_empty() {
            let late: [Parameter<'_>; 3] = [
                (&log, Type::INT4),
                (&holder, Type::UUID),
                (&self.late, Type::UUID_ARRAY),
            ];
            query(transaction, ERASE_LATE, &late).await?;
        }
        Ok(())
    }

    /// Returns the activities that are to be inserted, without content that was erased.
    pub(super) fn activities<'a>(&self, all: &'a [ActivityRecord]) -> Vec<Cow<'a, ActivityRecord>> {
        let kept = all
            .iter()
            .filter(|one| partition::day(one.id) >= self.activity_horizon);
        kept.map(|one| {
            let at = one.started_at.timestamp_micros();
            let limited = limited_activity(one);
            if !self.is_erased(one.scope.actor.as_ref(), at) {
                return limited.map_or(Cow::Borrowed(one), Cow::Owned);
            }
            let mut one = limited.unwrap_or_else(|| one.clone());
            (one.scope.actor, one.scope.session, one.scope.request) = (None, None, None);
            (one.message, one.input, one.output) = (None, None, None);
            one.attributes.clear();
            Cow::Owned(one)
        })
        .collect()
    }

    /// The same for events.
    pub(super) fn events<'a>(&self, all: &'a [EventRecord]) -> Vec<Cow<'a, EventRecord>> {
        let day = |one: &EventRecord| partition::day(ActivityId::from_bytes(*one.id.as_bytes()));
        let kept = all.iter().filter(|one| day(one) >= self.event_horizon);
        kept.map(|one| {
            let is_inside = one.activity.is_some_and(|id| self.has_erased(id));
            let limited = limited_event(one);
            if !is_inside && !self.is_erased(one.scope.actor.as_ref(), one.at.timestamp_micros()) {
                return limited.map_or(Cow::Borrowed(one), Cow::Owned);
            }
            let mut one = limited.unwrap_or_else(|| one.clone());
            (one.scope.actor, one.scope.session, one.scope.request) = (None, None, None);
            (one.summary, one.reference, one.data, one.dedup_key) = (None, None, None, None);
            Cow::Owned(one)
        })
        .collect()
    }

    fn is_erased(&self, actor: Option<&Text>, at_us: i64) -> bool {
        let until = actor.and_then(|actor| self.tombstones.get(&*key(actor)));
        until.is_some_and(|until| at_us <= *until)
    }
}
