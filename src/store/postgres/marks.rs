//! Marks that intakes obey: what is too old, and whose content was erased.

use std::{borrow::Cow, collections::HashMap};

use tokio_postgres::{Row, Transaction, types::Type};

use super::{
    columns::key,
    connection::{Failed, Parameter, query},
    partition,
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{ActivityId, ActivityRecord, EventRecord, Text},
};

const TOMBSTONES: &str = "SELECT new.actor, t.until FROM unnest($1::text[]) AS new (actor) \
     JOIN tower_activity.tombstone AS t ON t.actor = sha256(convert_to(new.actor, 'UTF8'))";

/// Marks of the store.
pub(super) struct Marks {
    pub(super) erased: i64,
    activity_horizon: i64,
    event_horizon: i64,
    /// Erased actors, and until when.
    tombstones: HashMap<String, i64>,
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
        })
    }

    /// Looks up which of these actors were erased.
    pub(super) async fn look_up<'a>(
        &mut self,
        transaction: &Transaction<'_>,
        actors: impl Iterator<Item = &'a Text>,
    ) -> Result<(), Failed> {
        if self.erased == 0 {
            return Ok(());
        }
        let mut actors: Vec<Cow<'_, str>> = actors.map(|actor| key(actor)).collect();
        actors.sort_unstable();
        actors.dedup();
        let actors: [Parameter<'_>; 1] = [(&actors, Type::TEXT_ARRAY)];
        let found = query(transaction, TOMBSTONES, &actors).await?;
        self.tombstones = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(())
    }

    /// Returns the activities that are to be inserted, without content that was erased.
    pub(super) fn activities<'a>(&self, all: &'a [ActivityRecord]) -> Vec<Cow<'a, ActivityRecord>> {
        let kept = all
            .iter()
            .filter(|one| partition::day(one.id) >= self.activity_horizon);
        kept.map(|one| {
            let at = one.started_at.timestamp_micros();
            if !self.is_erased(one.scope.actor.as_ref(), at) {
                return Cow::Borrowed(one);
            }
            let mut one = one.clone();
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
            if !self.is_erased(one.scope.actor.as_ref(), one.at.timestamp_micros()) {
                return Cow::Borrowed(one);
            }
            let mut one = one.clone();
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
