//! What can be said of many activities at once, and added up in any order.

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
    /// All durations together, in nanoseconds.
    pub sum_ns: u64,
    /// The shortest duration, in nanoseconds.
    pub min_ns: Option<u64>,
    /// The longest duration, in nanoseconds.
    pub max_ns: Option<u64>,
    /// How the durations are spread.
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

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Sums) {
        self.count += other.count;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.timed += other.timed;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.min_ns = least(self.min_ns, other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sketch.merge(&other.sketch);
    }

    /// The mean duration in nanoseconds; `None` where nothing has one.
    pub fn mean_ns(&self) -> Option<u64> {
        self.sum_ns.checked_div(self.timed)
    }

    /// The duration in nanoseconds that this share (0 to 1) of all did not exceed, off by at most 1/32 of it.
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        let read = self.sketch.quantile(share)?;
        // The sketch knows a part of the scale, these know its ends.
        Some(read.clamp(self.min_ns.unwrap_or(0), self.max_ns.unwrap_or(u64::MAX)))
    }
}

/// The lesser of those that there are.
fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}
