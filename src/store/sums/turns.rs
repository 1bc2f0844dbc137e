//! Turns and active agents per quarter hour, stored so that they add up to any span of time.
//!
//! The number of active agents in a span is not the sum over its quarter hours: an agent that is active in two of them is
//! one agent. Nor is the time between turns: there is a gap between the last turn in one quarter hour and the first in the
//! next. So each quarter hour stores, by *distance*, how many of its agents were last active, or last took a turn, that many
//! quarter hours before. Agents whose distance lies within the span were already counted in it.

use std::collections::{BTreeMap, HashMap};

use super::{
    agent_quarter::{ALL, AgentQuarters, Span},
    quarter::first_of_hour,
};
use crate::{
    record::{read_varint, write_varint},
    store::{Quarter, RecencyBucket, TurnStats},
};

/// The turns of one scope in one quarter hour. Values are negative in a decrement.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TurnSums {
    pub(crate) turns: i64,
    pub(crate) span_us: i64,
    /// By distance: active agents, agents that took turns, the gaps before those turns in microseconds.
    recency: BTreeMap<i64, [i64; 3]>,
}

/// Increments of turn sums, by scope and quarter hour.
#[derive(Debug, Default)]
pub(crate) struct TurnBuckets(pub(crate) HashMap<(i64, i64), TurnSums>);

/// The quarter hours in which one agent did something, in order.
pub(crate) type QuarterSpans = BTreeMap<i64, Span>;

/// One quarter hour of an agent, and how far back its previous one is.
struct Recurrence {
    quarter: i64,
    /// Quarter hours since the previous one; 0 if there is none.
    distance: i64,
    /// From the last start in the previous one to the first start in this one.
    gap_us: i64,
    span: Span,
}

/// The most distances of a row: of an agent for each of the quarter hours of almost two years.
const MOST_DISTANCES: usize = 65_536;

/// Adds up to the largest number: another program may have written any.
fn add(to: &mut i64, more: i64) {
    *to = to.saturating_add(more);
}

/// Iterates over the quarter hours from `from` on. Earlier ones only give the distance of the first.
fn recurrences(quarters: &QuarterSpans, from: i64) -> impl Iterator<Item = Recurrence> {
    let mut previous: Option<(i64, Span)> = None;
    quarters.iter().filter_map(move |(quarter, span)| {
        let last = previous.replace((*quarter, *span));
        (*quarter >= from).then(|| Recurrence {
            quarter: *quarter,
            distance: last.map_or(0, |last| quarter.saturating_sub(last.0)),
            gap_us: last.map_or(0, |last| span.first_us.saturating_sub(last.1.last_us)),
            span: *span,
        })
    })
}

impl TurnBuckets {
    /// Adds all quarter hours of one agent.
    pub(crate) fn add_agent(&mut self, quarters: &AgentQuarters, records_turns: bool) {
        self.add_active(ALL, 1, &active(quarters), i64::MIN);
        self.add_turns(ALL, 1, &turns(quarters, records_turns), i64::MIN);
    }

    /// Adds (`sign` 1) or subtracts (-1) an agent's active quarter hours from `from` on.
    pub(crate) fn add_active(&mut self, scope: i64, sign: i64, quarters: &QuarterSpans, from: i64) {
        for one in recurrences(quarters, from) {
            let sums = self.0.entry((scope, one.quarter)).or_default();
            let recency = sums.recency.entry(one.distance).or_default();
            add(&mut recency[0], sign);
        }
    }

    /// Adds (`sign` 1) or subtracts (-1) an agent's turns from the quarter hour `from` on.
    pub(crate) fn add_turns(&mut self, scope: i64, sign: i64, quarters: &QuarterSpans, from: i64) {
        for one in recurrences(quarters, from) {
            let sums = self.0.entry((scope, one.quarter)).or_default();
            let span_us = one.span.last_us.saturating_sub(one.span.first_us);
            add(&mut sums.turns, sign.saturating_mul(one.span.count));
            add(&mut sums.span_us, sign.saturating_mul(span_us));
            let recency = sums.recency.entry(one.distance).or_default();
            add(&mut recency[1], sign);
            add(&mut recency[2], sign.saturating_mul(one.gap_us));
        }
    }

    /// Rolls quarter hours up to hours.
    pub(crate) fn by_hour(&self) -> TurnBuckets {
        let mut hours = TurnBuckets::default();
        for ((scope, quarter), sums) in &self.0 {
            let hour = (*scope, first_of_hour(*quarter));
            let hour = hours.0.entry(hour).or_default();
            hour.add_by_hour(*quarter, sums);
        }
        hours
    }

    /// Returns the statistics in order of quarter hours.
    pub(crate) fn into_stats(self) -> Vec<TurnStats> {
        let buckets = self.0.into_iter();
        let mut stats: Vec<_> = buckets
            .map(|((_, quarter), sums)| sums.into_stats(quarter))
            .collect();
        stats.sort_by_key(|one| one.quarter);
        stats
    }
}

impl TurnSums {
    pub(crate) fn add(&mut self, other: &TurnSums) {
        add(&mut self.turns, other.turns);
        add(&mut self.span_us, other.span_us);
        for (distance, more) in &other.recency {
            let recency = self.recency.entry(*distance).or_default();
            (0..3).for_each(|at| add(&mut recency[at], more[at]));
        }
    }

    /// Adds a quarter hour to the sums of its hour. An agent that was already active in an earlier quarter of the same hour
    /// is counted there, and the gap since then lies inside the hour.
    pub(crate) fn add_by_hour(&mut self, quarter: i64, other: &TurnSums) {
        add(&mut self.turns, other.turns);
        add(&mut self.span_us, other.span_us);
        for (distance, more) in &other.recency {
            let hours = match distance {
                0 => 0,
                _ => first_of_hour(quarter)
                    .saturating_sub(first_of_hour(quarter.saturating_sub(*distance))),
            };
            if *distance > 0 && hours == 0 {
                add(&mut self.span_us, more[2]);
                continue;
            }
            let recency = self.recency.entry(hours).or_default();
            (0..3).for_each(|at| add(&mut recency[at], more[at]));
        }
    }

    /// Returns the sums of a quarter hour as if nothing were known of those before `first`: agents that were last active there were never
    /// active before.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn known_since(self, quarter: i64, first: i64) -> Self {
        let mut recency = BTreeMap::<i64, [i64; 3]>::new();
        for (distance, [active, took_turns, gap_us]) in self.recency {
            let is_known = distance > 0 && quarter.saturating_sub(distance) >= first;
            let (distance, gap_us) = if is_known { (distance, gap_us) } else { (0, 0) };
            let counts = recency.entry(distance).or_default();
            add(&mut counts[0], active);
            add(&mut counts[1], took_turns);
            add(&mut counts[2], gap_us);
        }
        recency.retain(|_, counts| *counts != [0; 3]);
        TurnSums { recency, ..self }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.turns == 0 && self.recency.values().all(|counts| *counts == [0; 3])
    }

    /// Encodes the recency counts as variable-length integers, without entries that are all 0. Beyond [`MOST_DISTANCES`] it adds them to
    /// the last one: only absurd records have as many, and a row has a largest size.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let counts = self.recency.iter().filter(|(_, counts)| **counts != [0; 3]);
        let mut kept =
            Vec::<(i64, [i64; 3])>::with_capacity(self.recency.len().min(MOST_DISTANCES));
        for (distance, counts) in counts {
            let is_full = kept.len() == MOST_DISTANCES;
            match kept.last_mut().filter(|_| is_full) {
                Some((_, last)) => (0..3).for_each(|at| add(&mut last[at], counts[at])),
                None => kept.push((*distance, *counts)),
            }
        }
        let mut bytes = Vec::with_capacity(kept.len() * 6);
        for (distance, counts) in kept {
            for number in [distance].iter().chain(&counts) {
                write_varint(&mut bytes, number.max(&0).cast_unsigned());
            }
        }
        bytes
    }

    /// Decodes a stored row, with its recency counts as written by [`to_bytes`](Self::to_bytes).
    pub(crate) fn from_parts(turns: i64, span_us: i64, mut bytes: &[u8]) -> Self {
        let mut sums = TurnSums {
            turns,
            span_us,
            ..TurnSums::default()
        };
        let mut next = || read_varint(&mut bytes).map(|number| i64::try_from(number).unwrap_or(0));
        while let (Some(distance), Some(active), Some(took_turns), Some(gap_us)) =
            (next(), next(), next(), next())
        {
            sums.recency.insert(distance, [active, took_turns, gap_us]);
        }
        sums
    }

    pub(crate) fn into_stats(self, quarter: i64) -> TurnStats {
        let recency = self.recency.into_iter();
        let recency = recency.map(|(quarters, counts)| RecencyBucket {
            quarters,
            active: counts[0].max(0).cast_unsigned(),
            took_turns: counts[1].max(0).cast_unsigned(),
            gap_us: counts[2].max(0).cast_unsigned(),
        });
        TurnStats {
            quarter: Quarter::from_number(quarter),
            turns: self.turns.max(0).cast_unsigned(),
            span_us: self.span_us.max(0).cast_unsigned(),
            recency: recency.collect(),
        }
    }
}

/// Returns the quarter hours in which the agent was active.
pub(super) fn active(quarters: &AgentQuarters) -> QuarterSpans {
    let active = quarters.iter().filter(|(_, quarter)| quarter.active > 0);
    active
        .map(|(number, quarter)| (*number, quarter.turns_of(true)))
        .collect()
}

/// Returns the quarter hours in which the agent took turns.
pub(super) fn turns(quarters: &AgentQuarters, records_turns: bool) -> QuarterSpans {
    let turns = quarters
        .iter()
        .map(|(number, quarter)| (*number, quarter.turns_of(records_turns)));
    turns.filter(|(_, span)| span.count > 0).collect()
}
