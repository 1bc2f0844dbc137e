//! What is to be deleted of each kind: by age, by its place in the order of commits, and by size.

use rusqlite::Connection;

use super::clock::{self, Place};
use crate::{
    record::ActivityId,
    store::{Limit, Retention},
};

/// What of one kind is to be deleted. By default nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoff {
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
type Of = fn(Place) -> i64;

/// What of each kind is to be deleted.
pub(super) struct Cutoffs {
    pub(super) activities: Cutoff,
    pub(super) events: Cutoff,
    pub(super) previews: Cutoff,
    pub(super) sums: Cutoff,
    pub(super) recordings: Cutoff,
}

impl Cutoffs {
    /// What these limits do not keep at an instant, by date.
    pub(super) fn by_date(limits: &Retention, now_us: i64) -> Self {
        Cutoffs {
            activities: Cutoff::new(limits.activities, now_us),
            events: Cutoff::new(limits.events, now_us),
            previews: Cutoff::new(limits.previews, now_us),
            sums: Cutoff::new(limits.sums, now_us),
            recordings: Cutoff::new(limits.recordings, now_us),
        }
    }

    /// What they do not keep by date and by place in the order of commits. Dates from `ahead_us` on are not believed.
    pub(super) fn by_commit(
        connection: &Connection,
        limits: &Retention,
        now_us: i64,
        ahead_us: i64,
    ) -> rusqlite::Result<Self> {
        let mut plan = Cutoffs::by_date(limits, now_us);
        let kinds: [(&mut Cutoff, Of); 4] = [
            (&mut plan.activities, |place| place.activity),
            (&mut plan.events, |place| place.event),
            (&mut plan.previews, |place| place.activity),
            (&mut plan.recordings, |place| place.recording),
        ];
        for (beyond, of) in kinds {
            beyond.ahead_us = ahead_us;
            if let Some(before_us) = beyond.before_us {
                beyond.committed = Some(of(clock::up_to(connection, before_us)?));
            }
        }
        plan.sums.ahead_us = ahead_us;
        Ok(plan)
    }
}

impl Cutoff {
    fn new(limit: Option<Limit>, now_us: i64) -> Self {
        let limit = limit.unwrap_or_default();
        let us = limit.age.map(|age| i64::try_from(age.as_micros()));
        Cutoff {
            before_us: us.map(|us| now_us.saturating_sub(us.unwrap_or(i64::MAX))),
            committed: None,
            ahead_us: i64::MAX,
            bytes: limit.bytes,
        }
    }

    /// True where nothing can be beyond it.
    pub(super) fn is_nothing(&self) -> bool {
        self.before_us.is_none() && self.bytes.is_none()
    }
}

/// The smallest id of what started then.
pub(super) fn first_id(us: i64) -> [u8; 16] {
    *ActivityId::from_parts(us, 0).as_bytes()
}
