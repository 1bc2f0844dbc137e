//! Figures: sums as people read them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    record::Sums,
    store::{Quarter, Total, TurnStats},
};

/// The figures of a time span.
///
/// Percentiles have an error of at most 1/32 (3.2 %). A turn is an activity of kind `turn`; for an agent that never recorded
/// one, an activity without a parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Figures {
    /// Activities that started in the span and have ended or were abandoned.
    pub count: u64,
    /// Failed activities.
    pub failed: u64,
    /// Cancelled activities.
    pub cancelled: u64,
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
    pub turns: u64,
    /// Turns per hour of the span that has passed.
    pub turns_per_hour: f64,
    /// The mean time from the start of an agent's turn to the start of its next one, both in the span, in nanoseconds.
    pub mean_turn_ns: Option<u64>,
    /// Agents with activities that started in the span.
    pub active_agents: u64,
}

impl Figures {
    pub(super) fn new(sums: &Sums, turns: &Turns, hours: f64) -> Self {
        Figures {
            count: sums.count,
            failed: sums.failed,
            cancelled: sums.cancelled,
            mean_ns: sums.mean_ns(),
            min_ns: sums.min_ns,
            p50_ns: sums.quantile_ns(0.5),
            p95_ns: sums.quantile_ns(0.95),
            p99_ns: sums.quantile_ns(0.99),
            max_ns: sums.max_ns,
            turns: turns.count,
            turns_per_hour: turns.count as f64 / hours,
            mean_turn_ns: turns
                .gaps_us
                .checked_mul(1_000)
                .and_then(|ns| ns.checked_div(turns.gaps)),
            active_agents: turns.agents,
        }
    }
}

/// The turns in a time span.
#[derive(Debug, Default)]
pub(super) struct Turns {
    count: u64,
    /// Turns that followed another one of the same agent.
    gaps: u64,
    /// The sum of the times between them, in microseconds.
    gaps_us: u64,
    agents: u64,
}

impl Turns {
    /// Returns the turns in these quarter hours. `stats` must be in order of quarter hours.
    pub(super) fn in_quarters(stats: &[TurnStats], quarters: Range<Quarter>) -> Turns {
        let index = |quarter| stats.partition_point(|one| one.quarter < quarter);
        let (first, end) = (index(quarters.start), index(quarters.end));
        let mut all = Turns::default();
        let mut agents_with_turns = 0;
        for one in stats.get(first..end).unwrap_or_default() {
            all.count += one.turns;
            all.gaps_us += one.span_us;
            for recency in &one.recency {
                if recency.quarters > 0 && one.quarter.before(recency.quarters) >= quarters.start {
                    all.gaps_us += recency.gap_us;
                } else {
                    all.agents += recency.active;
                    agents_with_turns += recency.took_turns;
                }
            }
        }
        all.gaps = all.count.saturating_sub(agents_with_turns);
        all
    }

    /// Returns the turns of one agent.
    pub(super) fn of_agent(agent: &Total) -> Turns {
        Turns {
            count: agent.turns,
            gaps: agent.turns.saturating_sub(1),
            gaps_us: agent.turn_span_us,
            agents: 1,
        }
    }
}
