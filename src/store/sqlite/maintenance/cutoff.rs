//! Which records retention deletes: by age, by position in commit order, and by size.

use rusqlite::Connection;

use super::{
    clock::{self, Positions},
    target,
};
use crate::{
    record::ActivityId,
    store::{Limit, Retention},
};

/// What to delete of one kind of record. By default nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoff {
    /// Records that started before this microsecond are too old.
    pub(super) before_us: Option<i64>,
    /// Only those committed up to this seq: the others only claim to be that old, or are not forwarded yet. `None`: the date decides.
    pub(super) committed: Option<i64>,
    /// Dates from this microsecond on lie in the future and are not believed: the position in commit order decides.
    pub(super) ahead_us: i64,
    /// The oldest are deleted until this many bytes are left.
    pub(super) bytes: Option<u64>,
}

/// Selects the position of one kind.
type Position = fn(Positions) -> i64;

/// What to delete of each kind.
pub(super) struct Cutoffs {
    pub(super) activities: Cutoff,
    pub(super) events: Cutoff,
    pub(super) previews: Cutoff,
    pub(super) sums: Cutoff,
    pub(super) recordings: Cutoff,
}

impl Cutoffs {
    /// Applies these limits at an instant, by the dates of records. Nothing is too old that a target has not acknowledged.
    pub(super) fn by_date(
        connection: &Connection,
        limits: &Retention,
        now_us: i64,
    ) -> rusqlite::Result<Self> {
        let mut cutoffs = Cutoffs {
            activities: Cutoff::new(limits.activities, now_us),
            events: Cutoff::new(limits.events, now_us),
            previews: Cutoff::new(limits.previews, now_us),
            sums: Cutoff::new(limits.sums, now_us),
            recordings: Cutoff::new(limits.recordings, now_us),
        };
        if let Some(forwarded) = target::acknowledged(connection)? {
            for (cutoff, position) in cutoffs.of_records() {
                cutoff.committed = Some(position(forwarded.up_to));
            }
        }
        Ok(cutoffs)
    }

    /// The kinds with a position in commit order.
    fn of_records(&mut self) -> [(&mut Cutoff, Position); 4] {
        [
            (&mut self.activities, |at| at.activity),
            (&mut self.events, |at| at.event),
            (&mut self.previews, |at| at.activity),
            (&mut self.recordings, |at| at.recording),
        ]
    }

    /// Applies these limits by date and by position in commit order. Dates from `ahead_us` on are not believed. Nothing is too old
    /// that a target has not acknowledged.
    pub(super) fn by_commit(
        connection: &Connection,
        limits: &Retention,
        now_us: i64,
        ahead_us: i64,
    ) -> rusqlite::Result<Self> {
        let mut cutoffs = Cutoffs::by_date(connection, limits, now_us)?;
        let keep_us = target::acknowledged(connection)?.and_then(|forwarded| forwarded.keep_us);
        for (cutoff, position) in cutoffs.of_records() {
            cutoff.ahead_us = ahead_us;
            cutoff.before_us = cutoff
                .before_us
                .max(keep_us.map(|us| now_us.saturating_sub(us)));
            if let Some(before_us) = cutoff.before_us {
                let committed = position(clock::positions_at(connection, before_us)?);
                let up_to = cutoff.committed.unwrap_or(i64::MAX);
                cutoff.committed = Some(committed.min(up_to));
            }
        }
        cutoffs.sums.ahead_us = ahead_us;
        Ok(cutoffs)
    }
}

impl Cutoff {
    pub(super) fn new(limit: Option<Limit>, now_us: i64) -> Self {
        let limit = limit.unwrap_or_default();
        let us = limit.age.map(|age| i64::try_from(age.as_micros()));
        Cutoff {
            before_us: us.map(|us| now_us.saturating_sub(us.unwrap_or(i64::MAX))),
            committed: None,
            ahead_us: i64::MAX,
            bytes: limit.bytes,
        }
    }

    /// True without any limit.
    pub(super) fn is_unlimited(&self) -> bool {
        self.before_us.is_none() && self.bytes.is_none()
    }
}

/// The smallest id of a record that starts in this microsecond.
pub(super) fn first_id(us: i64) -> [u8; 16] {
    *ActivityId::from_parts(us, 0).as_bytes()
}
