//! The part of a window whose figures are not known.

use std::{fmt, ops::Range};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Period;
use crate::store::{Gaps, Quarter};

/// The part of a window whose figures are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Unknown {
    /// Everything from this instant on is known.
    pub until: DateTime<Utc>,
    /// Why the time before is not known, or not all of it.
    pub reason: UnknownReason,
}

/// Why figures are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// Records were deleted by retention.
    Deleted,
    /// The sums were deleted by retention, and there are too many activities to add them up for a query.
    TooMany,
    /// There are too many activities to scan for the filter.
    ScanLimit,
}

/// The quarter hours of a window whose figures are not known.
pub(super) struct FigureGaps {
    /// In order.
    gaps: Vec<Range<Quarter>>,
    reason: UnknownReason,
}

impl FigureGaps {
    /// Selects the gaps of figures that are computed by scanning activities, or that have sums.
    pub(super) fn new(gaps: Gaps, is_scanned: bool) -> Self {
        let (gaps, reason) = match is_scanned {
            true => (gaps.activities, UnknownReason::Deleted),
            false if gaps.too_many => (gaps.sums, UnknownReason::TooMany),
            false => (gaps.sums, UnknownReason::Deleted),
        };
        FigureGaps { gaps, reason }
    }

    /// Adds quarter hours before the first one from which on the activities can be scanned.
    pub(super) fn scanned_from(mut self, quarters: &Range<Quarter>, first: Quarter) -> Self {
        if first > quarters.start && self.known_from().is_none_or(|known| known < first) {
            self.gaps.push(quarters.start..first);
            self.reason = UnknownReason::ScanLimit;
        }
        self
    }

    /// Selects the gaps of groups of failures: of all, which are kept, or of some, which are scanned.
    pub(super) fn of_errors(gaps: Gaps, are_all: bool) -> Self {
        FigureGaps {
            gaps: if are_all {
                gaps.failures
            } else {
                gaps.activities
            },
            reason: UnknownReason::Deleted,
        }
    }

    /// Returns true if all of these quarter hours are known.
    pub(super) fn has_none_in(&self, quarters: &Range<Quarter>) -> bool {
        let overlaps = |gap: &Range<Quarter>| gap.start < quarters.end && quarters.start < gap.end;
        !self.gaps.iter().any(overlaps)
    }

    /// Returns the first quarter hour from which on everything is known; `None` if there is no gap.
    pub(super) fn known_from(&self) -> Option<Quarter> {
        self.gaps.iter().map(|gap| gap.end).max()
    }

    /// Returns the unknown part of a window.
    pub(super) fn unknown(&self, window: Period) -> Option<Unknown> {
        let until = self.known_from()?.start().unwrap_or(window.end);
        Some(Unknown {
            until: until.min(window.end),
            reason: self.reason,
        })
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnknownReason::Deleted => "records were deleted by retention",
            UnknownReason::TooMany => {
                "too many activities to add up · set `activity retention --sums AGE` and run `activity rebuild`"
            }
            UnknownReason::ScanLimit => {
                "too many activities to scan · narrow the time range or the filter"
            }
        })
    }
}
