//! What is to be deleted of each kind: by age, by its place in the order of commits, and by size.

use rusqlite::Connection;

use super::clock;
use crate::{
    record::ActivityId,
    store::{Cutoff, Cutoffs},
};

/// What of one kind is to be deleted. By default nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beyond {
    /// What started before this microsecond is too old.
    pub(super) before_us: Option<i64>,
    /// Of that, what was committed up to here; `None`: whenever it was committed. The rest only seems to be old.
    pub(super) committed: Option<i64>,
    /// What claims to start from this microsecond on does not say how old it is: only its place does.
    pub(super) ahead_us: i64,
    /// More than so many bytes are too much.
    pub(super) bytes: Option<u64>,
}

/// The place of one kind.
type Of = fn(clock::Place) -> i64;

/// What of each kind is to be deleted.
pub(super) struct Plan {
    pub(super) activities: Beyond,
    pub(super) events: Beyond,
    pub(super) previews: Beyond,
    pub(super) sums: Beyond,
    pub(super) recordings: Beyond,
}

impl Plan {
    /// What somebody asked for, by its date.
    pub(super) fn asked(cutoffs: &Cutoffs) -> Self {
        let by_date = |cutoff: &Cutoff| Beyond {
            before_us: cutoff.before.map(|before| before.timestamp_micros()),
            committed: None,
            ahead_us: i64::MAX,
            bytes: cutoff.bytes,
        };
        Plan {
            activities: by_date(&cutoffs.activities),
            events: by_date(&cutoffs.events),
            previews: by_date(&cutoffs.previews),
            sums: by_date(&cutoffs.sums),
            recordings: by_date(&cutoffs.recordings),
        }
    }

    /// What a retention does not keep: what is too old by its date, and by its place in the order of commits.
    pub(super) fn of(
        connection: &Connection,
        cutoffs: &Cutoffs,
        ahead_us: i64,
    ) -> rusqlite::Result<Self> {
        let mut plan = Plan::asked(cutoffs);
        let kinds: [(&mut Beyond, &Cutoff, Of); 4] = [
            (&mut plan.activities, &cutoffs.activities, |up_to| {
                up_to.activity
            }),
            (&mut plan.events, &cutoffs.events, |up_to| up_to.event),
            (&mut plan.previews, &cutoffs.previews, |up_to| {
                up_to.activity
            }),
            (&mut plan.recordings, &cutoffs.recordings, |up_to| {
                up_to.recording
            }),
        ];
        for (beyond, cutoff, of) in kinds {
            beyond.ahead_us = ahead_us;
            if let Some(before) = cutoff.before {
                beyond.committed = Some(of(clock::up_to(connection, before)?));
            }
        }
        plan.sums.ahead_us = ahead_us;
        Ok(plan)
    }
}

impl Beyond {
    /// True where nothing can be beyond it.
    pub(super) fn is_nothing(&self) -> bool {
        self.before_us.is_none() && self.bytes.is_none()
    }
}

/// The smallest id of what started then.
pub(super) fn bound(us: i64) -> [u8; 16] {
    *ActivityId::from_parts(us, 0).as_bytes()
}
