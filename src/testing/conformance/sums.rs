//! Expected sums, and the sums of a store in a comparable form.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::expected::Expected;
use crate::{
    record::{ActivityRecord, EventRecord, Filter, Kind, Status, Sums, Text},
    store::{
        ActivitySample, AttributeSample, Bucket, Dimension, GroupTotals, Grouping, Quarter,
        Subject, Total, TurnStats, Turns, TypeCount,
    },
};

fn quarter(one: &ActivityRecord) -> Quarter {
    Quarter::from_number(one.started_at.timestamp().div_euclid(900))
}

fn which(one: &ActivityRecord, dimension: Dimension) -> Option<&Text> {
    match dimension {
        Dimension::Project => one.scope.project.as_ref(),
        Dimension::Agent => one.scope.agent.as_ref(),
        Dimension::Name => Some(&one.name),
        Dimension::Brand => one.scope.brand.as_ref(),
    }
}

impl Expected<'_> {
    fn ended(&self) -> impl Iterator<Item = &ActivityRecord> {
        let all = self.activities.iter();
        all.filter(|one| one.status != Status::Running)
    }

    fn within<'a>(
        &'a self,
        subject: &'a Subject,
        quarters: &'a Range<Quarter>,
    ) -> impl Iterator<Item = &'a ActivityRecord> {
        self.ended().filter(move |one| {
            let is_of = match subject {
                Subject::Overall => true,
                Subject::One(dimension, id) => which(one, *dimension) == Some(id),
            };
            is_of && quarters.contains(&quarter(one))
        })
    }

    fn is_turn(&self, one: &ActivityRecord) -> bool {
        let agent = one.scope.agent.as_ref();
        let records_none = |agent: &Text| !self.turn_agents.iter().any(|other| other == agent);
        one.kind == Kind::Turn || one.root == one.id && agent.is_some_and(records_none)
    }

    pub(super) fn buckets(&self, of: &Subject, quarters: &Range<Quarter>) -> Vec<Bucket> {
        let mut buckets = BTreeMap::<Quarter, Sums>::new();
        for one in self.within(of, quarters) {
            let sums = buckets.entry(quarter(one)).or_default();
            sums.add(one.status, one.duration_ns);
        }
        let bucket = |(quarter, sums)| Bucket::new(quarter, sums);
        buckets.into_iter().map(bucket).collect()
    }

    pub(super) fn totals(&self, by: Dimension, quarters: &Range<Quarter>) -> Vec<Total> {
        let of = self.within(&Subject::Overall, quarters);
        let ids: BTreeSet<&str> = of
            .filter_map(|one| which(one, by))
            .map(Text::as_str)
            .collect();
        let total = |id: &str| {
            let subject = Subject::One(by, Text::from(id.to_owned()));
            let mut sums = Sums::default();
            for one in self.within(&subject, quarters) {
                sums.add(one.status, one.duration_ns);
            }
            let turns = self.pace(&subject, quarters);
            Total::new(Text::from(id.to_owned()), sums, Some(turns))
        };
        ids.into_iter().map(total).collect()
    }

    pub(super) fn pace(&self, of: &Subject, quarters: &Range<Quarter>) -> Turns {
        let mut agents = BTreeMap::<&str, Vec<i64>>::new();
        for one in self.within(of, quarters) {
            if let Some(agent) = &one.scope.agent {
                let turns = agents.entry(agent).or_default();
                if self.is_turn(one) {
                    turns.push(one.started_at.timestamp_micros());
                }
            }
        }
        let turns = agents.values();
        let followed = turns
            .clone()
            .map(|turns| turns.len().saturating_sub(1) as u64);
        let between = turns.clone().map(|turns| {
            let (first, last) = (turns.iter().min(), turns.iter().max());
            first
                .zip(last)
                .map_or(0, |(first, last)| first.abs_diff(*last))
        });
        Turns {
            agents: agents.len() as u64,
            turns: turns.map(|turns| turns.len() as u64).sum(),
            followed: followed.sum(),
            gap_us: between.sum(),
        }
    }

    pub(super) fn samples(&self, filter: &Filter) -> Vec<ActivitySample> {
        let mut meant: Vec<_> = self.ended().filter(|one| filter.matches(one)).collect();
        meant.sort_by_key(|one| one.id);
        let tallied = |one: &ActivityRecord| ActivitySample::new(one.clone(), self.is_turn(one));
        meant.into_iter().map(tallied).collect()
    }

    pub(super) fn attributes(&self, filter: &Filter) -> Vec<AttributeSample> {
        let mut meant: Vec<_> = self.ended().filter(|one| filter.matches(one)).collect();
        meant.sort_by_key(|one| one.id);
        meant.into_iter().cloned().map(Into::into).collect()
    }

    pub(super) fn totals_by(&self, by: &Grouping, filter: &Filter) -> Vec<Total> {
        let mut totals = GroupTotals::default();
        for one in self.ended().filter(|one| filter.matches(one)) {
            if let Some(id) = by.value(one) {
                totals.add(id, one.status, one.duration_ns);
            }
        }
        let mut totals = totals.finish();
        totals.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        totals
    }

    pub(super) fn event_types(&self, filter: &Filter) -> Vec<TypeCount> {
        let mut types = BTreeMap::<&str, Vec<&EventRecord>>::new();
        for one in self.events.iter().filter(|one| filter.matches_event(one)) {
            types.entry(&one.event_type).or_default().push(one);
        }
        let counted = |events: Vec<&EventRecord>| {
            let with = |status: Status| events.iter().filter(move |one| one.status == status);
            let number = |status| with(status).count() as u64;
            let done: u128 = with(Status::Success).map(|one| u128::from(one.count)).sum();
            TypeCount {
                event_type: events[0].event_type.clone(),
                count: u64::try_from(done).unwrap_or(u64::MAX),
                events: events.len() as u64,
                failed: number(Status::Failed),
                running: number(Status::Running),
                cancelled: number(Status::Cancelled),
                skipped: number(Status::Skipped),
                abandoned: number(Status::Abandoned),
            }
        };
        types.into_values().map(counted).collect()
    }

    pub(super) fn oldest_quarter(&self) -> Option<Quarter> {
        self.ended().map(quarter).min()
    }

    pub(super) fn is_known(&self, subject: &Subject) -> bool {
        let always = Quarter::from_number(i64::MIN)..Quarter::from_number(i64::MAX);
        *subject == Subject::Overall || self.within(subject, &always).next().is_some()
    }
}

/// Rolls buckets up to hours.
pub(super) fn by_hour(buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut hours = BTreeMap::<Quarter, Sums>::new();
    for bucket in buckets {
        let hour = bucket.quarter.before(bucket.quarter.number().rem_euclid(4));
        hours.entry(hour).or_default().merge(&bucket.sums);
    }
    let bucket = |(quarter, sums)| Bucket::new(quarter, sums);
    hours.into_iter().map(bucket).collect()
}

/// Adds up turn statistics over a span. Agents that were active earlier in the span were already counted.
pub(super) fn added_up(stats: &[TurnStats], quarters: &Range<Quarter>) -> Turns {
    let mut all = Turns::default();
    let mut first = 0;
    for one in stats.iter().filter(|one| quarters.contains(&one.quarter)) {
        all.turns += one.turns;
        all.gap_us += one.span_us;
        for after in &one.recency {
            match after.quarters > 0 && one.quarter.before(after.quarters) >= quarters.start {
                true => all.gap_us += after.gap_us,
                false => {
                    all.agents += after.active;
                    first += after.took_turns;
                }
            }
        }
    }
    // The first turn of each agent has no gap before it.
    all.followed = all.turns.saturating_sub(first);
    all
}
