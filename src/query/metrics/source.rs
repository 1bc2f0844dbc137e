//! Where sums come from: from what is kept ready, or from the activities that a filter means.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use chrono::DateTime;

use super::MetricsQuery;
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Pattern, Status, Sums, Text},
    store::{After, Bucket, Dimension, Grain, Pace, QUARTER_US, Subject, Tallied, Total},
};

/// What is added up.
enum Source {
    /// What is kept ready for this.
    Kept(Subject),
    /// What these mean.
    Rows(Box<Filter>),
}

impl MetricsQuery {
    fn source(&self) -> Source {
        let projects = &self.within.project.any_of;
        let mut of_projects = Filter::default();
        of_projects.project.any_of.clone_from(projects);
        let named = |id: &str| projects.iter().any(|one| one.as_exact() == Some(id));
        match &self.subject {
            subject if self.within.is_empty() => Source::Kept(subject.clone()),
            _ if self.within != of_projects => Source::Rows(self.rows().into()),
            Subject::One(Dimension::Project, id) if named(id) => Source::Kept(self.subject.clone()),
            Subject::Overall => match Pattern::only_exact(projects) {
                Some(id) => Source::Kept(Subject::One(Dimension::Project, id.to_owned().into())),
                None => Source::Rows(self.rows().into()),
            },
            _ => Source::Rows(self.rows().into()),
        }
    }

    /// The activities that are meant, whenever they started.
    fn rows(&self) -> Filter {
        let mut filter = self.within.clone();
        if let Subject::One(dimension, id) = &self.subject {
            let mut one = Filter::default();
            let field = match dimension {
                Dimension::Project => &mut one.project,
                Dimension::Agent => &mut one.agent,
                Dimension::Name => &mut one.name,
                Dimension::Brand => &mut one.brand,
            };
            field.any_of.push(Pattern::exact(id.as_str()));
            // The one first: its index is the narrower.
            filter = one.and(&filter);
        }
        filter
    }
}

impl ActivityReader {
    /// Whether anything is on record of what is asked for.
    pub(super) fn is_known(&mut self, query: &MetricsQuery) -> Result<bool> {
        match query.source() {
            _ if query.subject == Subject::Overall => Ok(true),
            Source::Kept(subject) => self.reader.is_known(&subject),
            Source::Rows(mut filter) => {
                filter.status.none_of.push(Status::Running);
                Ok(!self.page(&filter, None, 1)?.records.is_empty())
            }
        }
    }

    /// The sums of these quarters, or whole hours, in their order, and the pace of agents in them.
    pub(super) fn history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<i64>,
        grain: Grain,
    ) -> Result<(Vec<Bucket>, Vec<Pace>)> {
        let source = query.source();
        let Source::Kept(subject) = &source else {
            return self.tallied(&during(query.rows(), quarters));
        };
        let buckets = self.reader.buckets(subject, quarters.clone(), grain)?;
        let paces = match subject {
            _ if !query.turns => Vec::new(),
            Subject::One(Dimension::Name | Dimension::Brand, _) => {
                self.tallied(&during(query.rows(), quarters))?.1
            }
            subject => self.reader.paces(subject, quarters, grain)?,
        };
        Ok((buckets, paces))
    }

    fn tallied(&mut self, filter: &Filter) -> Result<(Vec<Bucket>, Vec<Pace>)> {
        let mut buckets = BTreeMap::<i64, Sums>::new();
        let mut paces = Paces::default();
        self.reader.tally(filter, &mut |one| {
            let sums = buckets.entry(quarter(&one)).or_default();
            sums.add(one.status, one.duration_ns);
            paces.add(&one);
        })?;
        let bucket = |(quarter, sums)| Bucket { quarter, sums };
        Ok((buckets.into_iter().map(bucket).collect(), paces.end()))
    }

    /// The sums of these quarters for each of a dimension, in no order.
    pub(super) fn totals(
        &mut self,
        by: Dimension,
        query: &MetricsQuery,
        quarters: Range<i64>,
    ) -> Result<Vec<Total>> {
        let filter = match query.source() {
            Source::Kept(Subject::Overall) => return self.reader.totals(by, quarters),
            _ => during(query.rows(), quarters),
        };
        let mut totals = HashMap::<Text, (Sums, u64, i64, i64)>::new();
        self.reader.tally(&filter, &mut |one| {
            let Some(id) = one.of(by) else { return };
            let at = one.started_us;
            let total = totals.entry(id.clone());
            let (sums, turns, first, last) =
                total.or_insert_with(|| (Sums::default(), 0, i64::MAX, 0));
            sums.add(one.status, one.duration_ns);
            if by == Dimension::Agent && one.is_turn {
                (*turns, *first, *last) = (*turns + 1, at.min(*first), at);
            }
        })?;
        let total = |(id, (sums, turns, first, last)): (Text, (Sums, u64, i64, i64))| Total {
            id,
            sums,
            turns,
            turning_us: last.saturating_sub(first).max(0).cast_unsigned(),
        };
        Ok(totals.into_iter().map(total).collect())
    }
}

/// The filter for what started in these quarters.
fn during(filter: Filter, quarters: Range<i64>) -> Filter {
    let at = |quarter: i64| DateTime::from_timestamp_micros(quarter.saturating_mul(QUARTER_US));
    let mut window = Filter::default();
    (window.since, window.until) = (at(quarters.start), at(quarters.end));
    filter.and(&window)
}

fn quarter(one: &Tallied) -> i64 {
    one.started_us.div_euclid(QUARTER_US)
}

/// The pace of agents, added up from what they did in order.
#[derive(Default)]
struct Paces {
    done: Vec<Pace>,
    agents: HashMap<Text, Before>,
}

/// What an agent did before.
#[derive(Default)]
struct Before {
    /// The last quarter in which it was active.
    active: Option<i64>,
    /// When its last turn started.
    turn_us: Option<i64>,
}

impl Paces {
    /// Adds one that did not start before those that were added.
    fn add(&mut self, one: &Tallied) {
        let Some(agent) = &one.agent else { return };
        let quarter = quarter(one);
        if self.done.last().is_none_or(|last| last.quarter != quarter) {
            self.done.push(Pace {
                quarter,
                turns: 0,
                within_us: 0,
                after: Vec::new(),
            });
        }
        let Some(pace) = self.done.last_mut() else {
            return;
        };
        let before = self.agents.entry(agent.clone()).or_default();
        if before.active != Some(quarter) {
            let distance = before.active.map_or(0, |last| quarter - last);
            after(pace, distance).active += 1;
            before.active = Some(quarter);
        }
        if !one.is_turn {
            return;
        }
        pace.turns += 1;
        let gap_us = before.turn_us.map(|last| one.started_us.abs_diff(last));
        let distance = before
            .turn_us
            .map(|last| quarter - last.div_euclid(QUARTER_US));
        match distance {
            Some(0) => pace.within_us += gap_us.unwrap_or_default(),
            distance => {
                let after = after(pace, distance.unwrap_or_default());
                after.turning += 1;
                after.gap_us += gap_us.unwrap_or_default();
            }
        }
        before.turn_us = Some(one.started_us);
    }

    fn end(self) -> Vec<Pace> {
        self.done
    }
}

fn after(pace: &mut Pace, quarters: i64) -> &mut After {
    let at = pace.after.iter().position(|one| one.quarters == quarters);
    let at = at.unwrap_or(pace.after.len());
    if at == pace.after.len() {
        pace.after.push(After {
            quarters,
            active: 0,
            turning: 0,
            gap_us: 0,
        });
    }
    &mut pace.after[at]
}
