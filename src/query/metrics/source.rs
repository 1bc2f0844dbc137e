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
    store::{Bucket, Dimension, Nesting, QUARTER_US, Starts, Subject, Tallied},
};

/// What is added up.
enum Source {
    /// What is kept ready for this.
    Kept(Subject),
    /// What these mean.
    Rows(Box<Filter>),
}

/// The sums for each of a dimension.
pub(super) struct Totals {
    /// In no order.
    pub(super) sums: Vec<(Text, Sums)>,
    /// How agents' activities started, where the dimension is agents.
    pub(super) starts: Vec<Starts>,
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
            Subject::Overall => match projects.as_slice() {
                [one] if let Some(id) = one.as_exact() => {
                    Source::Kept(Subject::One(Dimension::Project, id.to_owned().into()))
                }
                _ => Source::Rows(self.rows().into()),
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
                Ok(!self.reader.page(&filter, None, 1)?.activities.is_empty())
            }
        }
    }

    /// The sums of these quarters, in their order, and how agents' activities started in them.
    pub(super) fn history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<i64>,
    ) -> Result<(Vec<Bucket>, Vec<Starts>)> {
        let filter = match query.source() {
            Source::Kept(subject) => {
                let starts = match query.turns {
                    true => self.reader.starts(&subject, quarters.clone())?,
                    false => Vec::new(),
                };
                return Ok((self.reader.buckets(&subject, quarters)?, starts));
            }
            Source::Rows(filter) => during(*filter, quarters),
        };
        let mut buckets = BTreeMap::<i64, Sums>::new();
        let mut starts = StartsOf::default();
        self.reader.tally(&filter, &mut |one| {
            let sums = buckets.entry(quarter(&one)).or_default();
            sums.add(one.status, one.duration_ns);
            starts.add(&one);
        })?;
        let bucket = |(quarter, sums)| Bucket { quarter, sums };
        Ok((buckets.into_iter().map(bucket).collect(), starts.end()))
    }

    /// The sums of these quarters for each of a dimension, and where that is agents, how their activities started.
    pub(super) fn totals(
        &mut self,
        by: Dimension,
        query: &MetricsQuery,
        quarters: Range<i64>,
    ) -> Result<Totals> {
        let turns = query.turns && by == Dimension::Agent;
        let filter = match query.source() {
            Source::Kept(Subject::Overall) => {
                let starts = match turns {
                    true => self.reader.starts(&Subject::Overall, quarters.clone())?,
                    false => Vec::new(),
                };
                let sums = self.reader.totals(by, quarters)?;
                return Ok(Totals { sums, starts });
            }
            _ => during(query.rows(), quarters),
        };
        let mut totals = HashMap::<Text, Sums>::new();
        let mut starts = StartsOf::default();
        self.reader.tally(&filter, &mut |one| {
            if let Some(id) = one.of(by) {
                let sums = totals.entry(id.clone()).or_default();
                sums.add(one.status, one.duration_ns);
            }
            if turns {
                starts.add(&one);
            }
        })?;
        Ok(Totals {
            sums: totals.into_iter().collect(),
            starts: starts.end(),
        })
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

/// How agents' activities started, grouped by quarter, agent and sort.
#[derive(Default)]
struct StartsOf(HashMap<(i64, Text, Nesting), Starts>);

impl StartsOf {
    /// Adds one that did not start before those that were added.
    fn add(&mut self, one: &Tallied) {
        let Some(agent) = &one.agent else { return };
        let (quarter, of) = (quarter(one), one.nesting);
        let group = self.0.entry((quarter, agent.clone(), of));
        let group = group.or_insert_with(|| Starts {
            agent: agent.clone(),
            quarter,
            of,
            count: 0,
            first_us: one.started_us,
            last_us: one.started_us,
        });
        group.count += 1;
        group.last_us = one.started_us;
    }

    fn end(self) -> Vec<Starts> {
        self.0.into_values().collect()
    }
}
