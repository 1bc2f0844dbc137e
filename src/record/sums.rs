//! Sums of activities, which can be merged in any order.

use crate::record::{Sketch, Status};

/// The additive sums of the activities of some span and scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sums {
    /// Activities that have ended or were abandoned.
    pub count: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Those that have a duration: all that were not abandoned.
    pub timed: u64,
    /// The sum of all durations, in nanoseconds.
    pub sum_ns: u64,
    /// The shortest duration, in nanoseconds.
    pub min_ns: Option<u64>,
    /// The longest duration, in nanoseconds.
    pub max_ns: Option<u64>,
    /// The distribution of the durations.
    pub sketch: Sketch,
}

impl Sums {
    /// Counts one activity.
    pub fn add(&mut self, status: Status, duration_ns: Option<u64>) {
        self.count += 1;
        match status {
            Status::Failed => self.failed += 1,
            Status::Cancelled => self.cancelled += 1,
            _ => {}
        }
        if let Some(ns) = duration_ns {
            self.timed += 1;
            self.sum_ns = self.sum_ns.saturating_add(ns);
            self.min_ns = least(self.min_ns, Some(ns));
            self.max_ns = self.max_ns.max(Some(ns));
            self.sketch.add(ns);
        }
    }

    /// Adds the sums of other activities.
    pub fn merge(&mut self, other: &Sums) {
        // Another program may have written any number.
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        self.timed = self.timed.saturating_add(other.timed);
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.min_ns = least(self.min_ns, other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sketch.merge(&other.sketch);
    }

    /// Returns the mean duration in nanoseconds; `None` if no activity has a duration.
    pub fn mean_ns(&self) -> Option<u64> {
        self.sum_ns.checked_div(self.timed)
    }

    /// Returns the quantile of the durations in nanoseconds for a share of 0 to 1, off by at most 1/32; `None` if no
    /// activity has a duration.
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        let estimate = self.sketch.quantile(share)?;
        // The estimate is the middle of a part, which may lie outside of the exact bounds.
        Some(estimate.clamp(self.min_ns.unwrap_or(0), self.max_ns.unwrap_or(u64::MAX)))
    }
}

/// Returns the smaller of the given values.
fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}
