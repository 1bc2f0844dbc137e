//! Turns and active agents, of quarter hours and of spans.

use std::ops::Range;

use crate::store::{Quarter, sums::Span};

/// Active agents and their turns in one quarter hour, or one hour.
///
/// A turn is an activity of kind `turn`; for an agent that never recorded one, an activity without a parent. Quarter hours add
/// up to any span: agents whose distance in [`recency`](Self::recency) lies within the span were already counted in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnStats {
    /// The quarter hour; the first one of an hour.
    pub quarter: Quarter,
    /// The turns of all agents.
    pub turns: u64,
    /// The time from each agent's first turn in it to its last, summed over the agents, in microseconds.
    pub span_us: u64,
    /// The agents, by how long ago they were active before.
    pub recency: Vec<RecencyBucket>,
}

/// Agents that were last active the same number of quarter hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecencyBucket {
    /// The distance in quarter hours; between hours from first quarter to first quarter. 0: never active before.
    pub quarters: i64,
    /// Active agents that were last active then.
    pub active: u64,
    /// Agents that took a turn, and took their previous one then.
    pub took_turns: u64,
    /// The time from those previous turns to the first ones here, summed over the agents, in microseconds.
    pub gap_us: u64,
}

/// The turn statistics of a range of quarter hours, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnHistory {
    /// Spans that begin earlier than this have unknown turns.
    pub from: Quarter,
    /// The quarter hours from `from` on in which agents were active, in order.
    pub stats: Vec<TurnStats>,
}

/// The active agents and turns of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turns {
    /// Agents with activities that started in the span.
    pub agents: u64,
    /// Their turns.
    pub turns: u64,
    /// Turns that followed another one of the same agent.
    pub followed: u64,
    /// The time from the start of each of those others to the start of the next, in microseconds.
    pub gap_us: u64,
}

impl TurnStats {
    /// Returns a quarter hour without active agents.
    pub fn new(quarter: Quarter) -> Self {
        TurnStats {
            quarter,
            turns: 0,
            span_us: 0,
            recency: Vec::new(),
        }
    }
}

impl RecencyBucket {
    /// Returns an empty bucket for this distance in quarter hours.
    pub fn new(quarters: i64) -> Self {
        RecencyBucket {
            quarters,
            active: 0,
            took_turns: 0,
            gap_us: 0,
        }
    }
}

impl TurnHistory {
    /// Returns statistics in order of quarter hours, which are complete from one on.
    pub fn new(from: Quarter, stats: Vec<TurnStats>) -> Self {
        TurnHistory { from, stats }
    }

    /// Adds up a span; `None` if it is not known.
    pub fn turns(&self, quarters: Range<Quarter>) -> Option<Turns> {
        (quarters.start >= self.from).then(|| Turns::in_span(&self.stats, quarters))
    }
}

impl Turns {
    /// Adds up statistics, in order of quarter hours, over a span.
    pub(crate) fn in_span(stats: &[TurnStats], quarters: Range<Quarter>) -> Turns {
        let index = |quarter| stats.partition_point(|one| one.quarter < quarter);
        let (first, end) = (index(quarters.start), index(quarters.end));
        let mut all = Turns::default();
        let mut agents_with_turns = 0_u64;
        for one in stats.get(first..end).unwrap_or_default() {
            all.turns = all.turns.saturating_add(one.turns);
            all.gap_us = all.gap_us.saturating_add(one.span_us);
            for recency in &one.recency {
                if recency.quarters > 0 && one.quarter.before(recency.quarters) >= quarters.start {
                    all.gap_us = all.gap_us.saturating_add(recency.gap_us);
                } else {
                    all.agents = all.agents.saturating_add(recency.active);
                    agents_with_turns = recency.took_turns.saturating_add(agents_with_turns);
                }
            }
        }
        all.followed = all.turns.saturating_sub(agents_with_turns);
        all
    }

    /// Adds an agent with the span of its turns.
    pub(crate) fn add_agent(&mut self, turns: &Span) {
        self.agents += 1;
        let count = turns.count.max(0).cast_unsigned();
        self.turns = self.turns.saturating_add(count);
        self.followed = self.followed.saturating_add(count.saturating_sub(1));
        self.gap_us = self
            .gap_us
            .saturating_add(turns.last_us.abs_diff(turns.first_us));
    }
}
