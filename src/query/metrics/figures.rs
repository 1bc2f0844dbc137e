//! Sums as people read them.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use crate::{
    record::Sums,
    store::{Nesting, Starts},
};

/// What happened in a span of time.
///
/// Percentiles are off by at most 1/32 (3.2 %). A turn is an activity of the kind `turn`; of an agent that has none in
/// the window, an activity without a parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// What started in a window, in order of quarters.
#[derive(Debug)]
pub(super) struct Agents<'a> {
    starts: Vec<&'a Starts>,
    /// Those that say what their turns are.
    with_turns: HashSet<&'a str>,
}

impl<'a> Agents<'a> {
    pub(super) fn of(starts: impl IntoIterator<Item = &'a Starts>) -> Self {
        let mut starts: Vec<_> = starts.into_iter().collect();
        starts.sort_by_key(|one| one.quarter);
        let turns = starts.iter().filter(|one| one.of == Nesting::Turn);
        let with_turns = turns.map(|one| one.agent.as_str()).collect();
        Agents { starts, with_turns }
    }

    /// The turns that were taken in these quarters.
    pub(super) fn turns(&self, quarters: Range<i64>) -> Turns {
        let place = |quarter| self.starts.partition_point(|one| one.quarter < quarter);
        let (first, end) = (place(quarters.start), place(quarters.end));
        // By agent: how many turns, when the first and when the last.
        let mut agents = HashMap::<&str, Option<(u64, i64, i64)>>::new();
        for one in self.starts.get(first..end).unwrap_or_default() {
            let turns = agents.entry(&one.agent).or_default();
            if one.of == self.turns_of(&one.agent) {
                let (count, first, last) = turns.unwrap_or((0, i64::MAX, i64::MIN));
                let last = last.max(one.last_us);
                *turns = Some((count + one.count, first.min(one.first_us), last));
            }
        }
        let mut all = Turns {
            agents: agents.len() as u64,
            ..Turns::default()
        };
        for (count, first, last) in agents.into_values().flatten() {
            all.count += count;
            all.gaps += count - 1;
            all.gaps_us += last.abs_diff(first);
        }
        all
    }

    fn turns_of(&self, agent: &str) -> Nesting {
        match self.with_turns.contains(agent) {
            true => Nesting::Turn,
            false => Nesting::Root,
        }
    }
}
