//! Gaps: what was deleted of a span of time.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::store::Quarter;

/// What a store no longer knows of a range of quarter hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gaps {
    /// Quarter hours of which activities were deleted, in order.
    pub activities: Vec<Range<Quarter>>,
    /// Quarter hours whose sums are not known, in order: they were deleted, and cannot be computed from the activities.
    pub sums: Vec<Range<Quarter>>,
    /// Quarter hours whose groups of failures are not known, in order: activities were deleted that were not grouped before, or
    /// whose groups were deleted.
    pub failures: Vec<Range<Quarter>>,
    /// True if `sums` are not known because there are more activities than the scan limit.
    pub too_many: bool,
    /// Events that happened earlier may have been deleted; `None` if none were.
    pub events_before: Option<DateTime<Utc>>,
}
