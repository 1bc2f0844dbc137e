//! What is counted again, to compare or to replace what is stored: the rows of batches, and the activities of quarter hours.

use std::ops::Range;

use tokio_postgres::types::Type;

use super::{columns::uuid, connection::Parameter};
use crate::store::sums::{QUARTER_US, first_id};

/// Batches per transaction.
pub(super) const STEP: i64 = 500;
/// Batches with the rows that they have inserted, and those that are there. Rows of a batch are compared from the first day on that is
/// kept, with which a batch begins that has older ones.
pub(super) const BATCHES: &str = "SELECT b.id, b.log, CASE WHEN has_activities THEN b.activities ELSE 0 END AS activities, \
       CASE WHEN has_events THEN b.events ELSE 0 END AS events, a.count AS found_activities, e.count AS found_events \
     FROM (SELECT *, coalesce(min_activity >= tower_activity.first_id((SELECT value FROM tower_activity.mark \
           WHERE name = 'activity_horizon')), false) AS has_activities, \
         coalesce(min_event >= tower_activity.first_id((SELECT value FROM tower_activity.mark \
           WHERE name = 'event_horizon')), false) AS has_events \
       FROM tower_activity.batch WHERE id > $1 AND ordinal IS NOT NULL ORDER BY id LIMIT $2) AS b \
       CROSS JOIN LATERAL (SELECT count(*) FROM tower_activity.activity AS a \
         WHERE b.has_activities AND a.batch = b.id AND a.id >= b.min_activity AND a.id <= b.max_activity) AS a \
       CROSS JOIN LATERAL (SELECT count(*) FROM tower_activity.event AS e \
         WHERE b.has_events AND e.batch = b.id AND e.id >= b.min_event AND e.id <= b.max_event) AS e";
/// The last of the same batches, whether they were compared or not.
pub(super) const LAST: &str = "SELECT max(id) FROM (SELECT id FROM tower_activity.batch WHERE id > $1 AND ordinal IS NOT NULL \
     ORDER BY id LIMIT $2) AS b";
/// The batches of each log that were accepted and not deleted by the retention, and those that are there.
pub(super) const LOGS: &str = "SELECT coalesce(l.number, b.log) AS log, coalesce(l.batches, 0) AS batches, coalesce(b.count, 0) AS found_batches \
     FROM tower_activity.log AS l FULL JOIN (SELECT log, count(*) FROM tower_activity.batch GROUP BY log) AS b ON b.log = l.number";
/// The kept activities of each quarter hour: how many were counted, and how many are in no batch, or outside the ids of theirs.
pub(super) const ACTIVITIES: &str = "SELECT (a.started_at + 1000000080000000000) / 900000000 - 1111111200 AS quarter, \
       count(*) FILTER (WHERE b.id IS NULL OR b.ordinal IS NOT NULL) AS counted, \
       count(*) FILTER (WHERE (a.id BETWEEN b.min_activity AND b.max_activity) IS NOT TRUE) AS strays \
     FROM tower_activity.activity AS a LEFT JOIN tower_activity.batch AS b ON b.id = a.batch \
     WHERE a.id >= tower_activity.first_id((SELECT value FROM tower_activity.mark WHERE name = 'activity_horizon')) GROUP BY 1";
/// The kept events that are in no batch, or outside the ids of theirs.
pub(super) const STRAY_EVENTS: &str = "SELECT count(*) AS strays FROM tower_activity.event AS e \
       LEFT JOIN tower_activity.batch AS b ON b.id = e.batch \
     WHERE e.id >= tower_activity.first_id((SELECT value FROM tower_activity.mark WHERE name = 'event_horizon')) \
       AND (e.id BETWEEN b.min_event AND b.max_event) IS NOT TRUE";
/// How many of both were accepted: as surplus rows of log 0.
pub(super) const ACCEPTED_STRAYS: &str = "SELECT coalesce(sum(-activities), 0)::bigint AS activities, \
       coalesce(sum(-events), 0)::bigint AS events FROM tower_activity.accepted WHERE log = 0";
/// The activities of some quarter hours that were counted: others are counted later.
pub(super) const COUNTED: &str = " FROM tower_activity.activity WHERE id >= $1 AND id < $2 \
       AND started_at >= $3 AND started_at < $4 \
       AND batch <> ALL(ARRAY(SELECT b.id FROM tower_activity.batch AS b WHERE b.ordinal IS NULL))";

/// The ids and the starts of the activities of some quarter hours.
pub(super) struct Bounds {
    first: uuid::Uuid,
    pub(super) until: uuid::Uuid,
    first_us: i64,
    until_us: i64,
}

impl Bounds {
    pub(super) fn new(quarters: &Range<i64>) -> Self {
        Bounds {
            first: uuid(first_id(quarters.start).as_bytes()),
            until: uuid(first_id(quarters.end).as_bytes()),
            first_us: quarters.start.saturating_mul(QUARTER_US),
            until_us: quarters.end.saturating_mul(QUARTER_US),
        }
    }

    /// Returns the parameters of [`COUNTED`].
    pub(super) fn parameters(&self) -> [Parameter<'_>; 4] {
        [
            (&self.first, Type::UUID),
            (&self.until, Type::UUID),
            (&self.first_us, Type::INT8),
            (&self.until_us, Type::INT8),
        ]
    }
}
