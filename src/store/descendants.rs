//! Counts of what ran inside a root.

use serde::{Deserialize, Serialize};

use crate::{
    record::{ActivityId, Status},
    store::LARGEST_PAGE,
};

/// Counts of a root's descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Descendants {
    /// The root.
    pub root: ActivityId,
    /// Number of descendants, at any depth; at most [`LARGEST_PAGE`].
    pub count: u64,
    /// Number of failed ones; at most [`LARGEST_PAGE`].
    pub failed: u64,
    /// True if there are more than `count`.
    pub more: bool,
    /// The worst of their statuses: failed, abandoned, cancelled, running, skipped, success, in this order.
    pub worst: Status,
}

impl Descendants {
    /// The statuses, the worst first.
    pub(crate) const WORST_FIRST: [Status; 6] = [
        Status::Failed,
        Status::Abandoned,
        Status::Cancelled,
        Status::Running,
        Status::Skipped,
        Status::Success,
    ];

    /// Returns the sum of the numbers of activities by status; `None` without any.
    pub fn new(root: ActivityId, counts: impl IntoIterator<Item = (Status, u64)>) -> Option<Self> {
        let largest = LARGEST_PAGE as u64;
        let (mut count, mut failed, mut worst) = (0_u64, 0, None);
        for (status, of_status) in counts {
            if of_status == 0 {
                continue;
            }
            count = count.saturating_add(of_status);
            if status == Status::Failed {
                failed += of_status;
            }
            let rank = |one: Status| Self::WORST_FIRST.iter().position(|status| *status == one);
            worst = Some(
                worst.map_or(status, |worst| match rank(status) < rank(worst) {
                    true => status,
                    false => worst,
                }),
            );
        }
        Some(Descendants {
            root,
            count: count.min(largest),
            failed: failed.min(largest),
            more: count > largest,
            worst: worst?,
        })
    }
}
