//! Sums as people read them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    record::Sums,
    store::{Quarter, Total, TurnStats},
};

/// What happened in a span of time.
///
/// Percentiles are off by at most 1/32 (3.2 %). A turn is an activity of the kind `turn`; of an agent that has
/// never taken one, an activity without a parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Figures {
    /// Activities that started then and have ended, or were abandoned.
    pub count: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// The mean duration, in nanoseconds.
    pub mean_ns: Option<u64>,
    /// The shortest duration, in nanoseconds.
    pub min_ns: Option<u64>,
    /// The duration that one half did not exceed, in nanoseconds.
    pub p50_ns: Option<u64>,
    /// The duration that 95 % did not exceed, in nanoseconds.
    pub p95_ns: Option<u64>,
    /// The duration that 99 % did not exceed, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// The longest duration, in nanoseconds.
    pub max_ns: Option<u64>,
    /// The turns of all agents.
    pub turns: u64,
    /// Turns in each hour that has passed of it.
    pub turns_per_hour: f64,
    /// The mean time from the start of an agent's turn to the start of its next, both within the span, in nanoseconds.
    pub mean_turn_ns: Option<u64>,
    /// Agents of which something started.
    pub active_agents: u64,
}

impl Figures {
    pub(super) fn of(sums: &Sums, turns: &Turns, hours: f64) -> Self {
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

/// How agents took turns in a span of time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    count: u64,
    /// How many turns followed another of the same agent.
    gaps: u64,
    /// The times between them together, in microseconds.
    gaps_us: u64,
    agents: u64,
}

impl Turns {
    /// The turns that were taken in these quarters; all paces in order of quarters.
    pub(super) fn within(paces: &[TurnStats], quarters: Range<Quarter>) -> Turns {
        let place = |quarter| paces.partition_point(|one| one.quarter < quarter);
        let (first, end) = (place(quarters.start), place(quarters.end));
        let mut all = Turns::default();
        let mut turning = 0;
        for pace in paces.get(first..end).unwrap_or_default() {
            all.count += pace.turns;
            all.gaps_us += pace.span_us;
            for after in &pace.recency {
                if after.quarters > 0 && pace.quarter.before(after.quarters) >= quarters.start {
                    all.gaps_us += after.gap_us;
                } else {
                    all.agents += after.active;
                    turning += after.took_turns;
                }
            }
        }
        all.gaps = all.count.saturating_sub(turning);
        all
    }

    /// The turns of one agent.
    pub(super) fn of(agent: &Total) -> Turns {
        Turns {
            count: agent.turns,
            gaps: agent.turns.saturating_sub(1),
            gaps_us: agent.turn_span_us,
            agents: 1,
        }
    }
}
