//! Figures: sums as people read them.

use serde::{Deserialize, Serialize};

use crate::{record::Sums, store::Turns};

/// The figures of a time span. A figure that is not known is `None`, `null` in JSON, and never 0; the
/// [default](Self::default) has none.
///
/// Percentiles have an error of at most 1/32 (3.2 %). A turn is an activity of kind `turn`; for an agent that never recorded
/// one, an activity without a parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Figures {
    /// Activities that started in the span and have ended or were abandoned.
    pub count: Option<u64>,
    /// Failed activities.
    pub failed: Option<u64>,
    /// Cancelled activities.
    pub cancelled: Option<u64>,
    /// The mean duration, in nanoseconds.
    pub mean_ns: Option<u64>,
    /// The shortest duration, in nanoseconds.
    pub min_ns: Option<u64>,
    /// The median duration, in nanoseconds.
    pub p50_ns: Option<u64>,
    /// The 95th percentile of durations, in nanoseconds.
    pub p95_ns: Option<u64>,
    /// The 99th percentile of durations, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// The longest duration, in nanoseconds.
    pub max_ns: Option<u64>,
    /// The turns of all agents.
    pub turns: Option<u64>,
    /// Turns per hour of the span that has passed.
    pub turns_per_hour: Option<f64>,
    /// The mean time from the start of an agent's turn to the start of its next one, both in the span, in nanoseconds.
    pub mean_turn_ns: Option<u64>,
    /// Agents with activities that started in the span.
    pub active_agents: Option<u64>,
}

impl Figures {
    pub(super) fn new(sums: &Sums, turns: Option<Turns>, hours: f64) -> Self {
        let mean_turn_ns =
            |turns: Turns| turns.gap_us.checked_mul(1_000)?.checked_div(turns.followed);
        Figures {
            count: Some(sums.count),
            failed: Some(sums.failed),
            cancelled: Some(sums.cancelled),
            mean_ns: sums.mean_ns(),
            min_ns: sums.min_ns,
            p50_ns: sums.quantile_ns(0.5),
            p95_ns: sums.quantile_ns(0.95),
            p99_ns: sums.quantile_ns(0.99),
            max_ns: sums.max_ns,
            turns: turns.map(|turns| turns.turns),
            turns_per_hour: turns.map(|turns| turns.turns as f64 / hours),
            mean_turn_ns: turns.and_then(mean_turn_ns),
            active_agents: turns.map(|turns| turns.agents),
        }
    }
}

/// The number of activities with a duration in a range, both bounds included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DurationCount {
    /// The shortest duration of the range, in nanoseconds.
    pub min_ns: u64,
    /// The longest duration of the range, in nanoseconds.
    pub max_ns: u64,
    /// The number of activities.
    pub count: u64,
}

impl DurationCount {
    /// Returns the ranges of a distribution that have activities, in order. Every power of two is divided into four ranges.
    pub(super) fn all_of(sums: &Sums) -> Vec<Self> {
        let ranges = sums.sketch.ranges().into_iter();
        let counted = ranges.map(|(range, count)| DurationCount {
            min_ns: *range.start(),
            max_ns: *range.end(),
            count,
        });
        counted.collect()
    }
}
