//! The pace of all agents, or of a project's, in one quarter of an hour: what can be added up to any span of time.
//!
//! How many agents were active in a span, and how far apart their turns were, is no sum of quarters: an agent that is active
//! in two of them is one agent, and there is a pause between the two. So each quarter says of its agents how many quarters
//! ago they were active before, and took their last turn: those that did within the span are counted there already.

use std::collections::{BTreeMap, HashMap};

use super::{
    quarter::first_of_hour,
    stretch::{ALL, Span, Stretches},
};
use crate::{
    record::{read_varint, write_varint},
    store::{After, Pace, Quarter},
};

/// One quarter. What is taken away is less than nothing.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) turns: i64,
    pub(crate) within_us: i64,
    /// By how many quarters ago: agents that were active, agents that took turns, the pauses between these.
    after: BTreeMap<i64, [i64; 3]>,
}

/// What is to be added, by scope and quarter.
#[derive(Debug, Default)]
pub(crate) struct Paces(pub(crate) HashMap<(i64, i64), Sum>);

/// The quarters of one agent that follow one another.
pub(crate) type Chain = BTreeMap<i64, Span>;

/// One of them: which quarter, how many quarters after the last, how long after its last start.
struct Link {
    quarter: i64,
    distance: i64,
    gap_us: i64,
    span: Span,
}

/// The links of a chain from a quarter on; what is before that only tells how far away it is.
fn links(chain: &Chain, from: i64) -> impl Iterator<Item = Link> {
    let mut before: Option<(i64, Span)> = None;
    chain.iter().filter_map(move |(quarter, span)| {
        let last = before.replace((*quarter, *span));
        (*quarter >= from).then(|| Link {
            quarter: *quarter,
            distance: last.map_or(0, |last| quarter - last.0),
            gap_us: last.map_or(0, |last| span.first_us - last.1.last_us),
            span: *span,
        })
    })
}

impl Paces {
    /// Adds what one agent did, all of it.
    pub(crate) fn add_agent(&mut self, stretches: &Stretches, says: bool) {
        self.add_active(ALL, 1, &active(stretches), i64::MIN);
        self.add_turns(ALL, 1, &turns(stretches, says), i64::MIN);
    }

    /// Adds (1) or takes away (-1) what an agent's active quarters count for.
    pub(crate) fn add_active(&mut self, scope: i64, sign: i64, chain: &Chain, from: i64) {
        for link in links(chain, from) {
            let sum = self.0.entry((scope, link.quarter)).or_default();
            sum.after.entry(link.distance).or_default()[0] += sign;
        }
    }

    /// Adds (1) or takes away (-1) what an agent's turns count for.
    pub(crate) fn add_turns(&mut self, scope: i64, sign: i64, chain: &Chain, from: i64) {
        for link in links(chain, from) {
            let sum = self.0.entry((scope, link.quarter)).or_default();
            sum.turns += sign * link.span.count;
            sum.within_us += sign * (link.span.last_us - link.span.first_us);
            let after = sum.after.entry(link.distance).or_default();
            after[1] += sign;
            after[2] += sign * link.gap_us;
        }
    }

    /// The same of all agents, by the hour.
    pub(crate) fn by_hour(&self) -> Paces {
        let mut hours = Paces::default();
        for ((scope, quarter), sum) in &self.0 {
            let hour = hours
                .0
                .entry((*scope, first_of_hour(*quarter)))
                .or_default();
            hour.add_by_hour(*quarter, sum);
        }
        hours
    }

    pub(crate) fn into_paces(self) -> Vec<Pace> {
        let paces = self.0.into_iter();
        let mut paces: Vec<_> = paces
            .map(|((_, quarter), sum)| sum.into_pace(quarter))
            .collect();
        paces.sort_by_key(|pace| pace.quarter);
        paces
    }
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Sum) {
        self.turns += other.turns;
        self.within_us += other.within_us;
        for (distance, more) in &other.after {
            let after = self.after.entry(*distance).or_default();
            (0..3).for_each(|at| after[at] += more[at]);
        }
    }

    /// Adds what a quarter says of the hour that it belongs to: whoever was active before in the same hour does not come
    /// back to it, and its pause is one within.
    pub(crate) fn add_by_hour(&mut self, quarter: i64, other: &Sum) {
        self.turns += other.turns;
        self.within_us += other.within_us;
        for (distance, more) in &other.after {
            let hours = match distance {
                0 => 0,
                _ => first_of_hour(quarter) - first_of_hour(quarter - distance),
            };
            if *distance > 0 && hours == 0 {
                self.within_us += more[2];
                continue;
            }
            let after = self.after.entry(hours).or_default();
            (0..3).for_each(|at| after[at] += more[at]);
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.turns == 0 && self.after.values().all(|after| *after == [0; 3])
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.after.len() * 6);
        for (distance, after) in &self.after {
            if *after == [0; 3] {
                continue;
            }
            for number in [*distance].iter().chain(after) {
                write_varint(&mut bytes, number.max(&0).cast_unsigned());
            }
        }
        bytes
    }

    /// What a store keeps, with what it has as [bytes](Self::to_bytes) of who comes back.
    pub(crate) fn of_parts(turns: i64, within_us: i64, mut bytes: &[u8]) -> Self {
        let mut sum = Sum {
            turns,
            within_us,
            ..Sum::default()
        };
        let mut next = || read_varint(&mut bytes).map(|number| i64::try_from(number).unwrap_or(0));
        while let (Some(distance), Some(active), Some(turning), Some(gap_us)) =
            (next(), next(), next(), next())
        {
            sum.after.insert(distance, [active, turning, gap_us]);
        }
        sum
    }

    pub(crate) fn into_pace(self, quarter: i64) -> Pace {
        let after = self.after.into_iter().map(|(quarters, after)| After {
            quarters,
            active: after[0].max(0).cast_unsigned(),
            turning: after[1].max(0).cast_unsigned(),
            gap_us: after[2].max(0).cast_unsigned(),
        });
        Pace {
            quarter: Quarter::from_number(quarter),
            turns: self.turns.max(0).cast_unsigned(),
            within_us: self.within_us.max(0).cast_unsigned(),
            after: after.collect(),
        }
    }
}

pub(super) fn active(stretches: &Stretches) -> Chain {
    let active = stretches.iter().filter(|(_, stretch)| stretch.active > 0);
    active
        .map(|(quarter, stretch)| (*quarter, stretch.turns_of(true)))
        .collect()
}

pub(super) fn turns(stretches: &Stretches, says: bool) -> Chain {
    let turns = stretches
        .iter()
        .map(|(quarter, stretch)| (*quarter, stretch.turns_of(says)));
    turns.filter(|(_, span)| span.count > 0).collect()
}
