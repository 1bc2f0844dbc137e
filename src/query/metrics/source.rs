//! Selects the source of sums: precomputed buckets, or a scan of activities.

use std::ops::Range;

use super::MetricsQuery;
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Pattern, Status},
    store::{self, Bucket, Dimension, Grain, Quarter, Subject, Total, TurnStats, during},
};

/// The source of sums.
enum Source {
    /// The buckets of a subject.
    Buckets(Subject),
    /// The activities that match a filter.
    Scan(Box<Filter>),
}

impl MetricsQuery {
    fn source(&self) -> Source {
        let projects = &self.restriction.project.any_of;
        let mut of_projects = Filter::default();
        of_projects.project.any_of.clone_from(projects);
        let named = |id: &str| projects.iter().any(|one| one.as_exact() == Some(id));
        match &self.subject {
            subject if self.restriction.is_empty() => Source::Buckets(subject.clone()),
            _ if self.restriction != of_projects => Source::Scan(self.full_filter().into()),
            Subject::One(Dimension::Project, id) if named(id) => {
                Source::Buckets(self.subject.clone())
            }
            Subject::Overall => match Pattern::only_exact(projects) {
                Some(id) => Source::Buckets(Subject::One(Dimension::Project, id.to_owned().into())),
                None => Source::Scan(self.full_filter().into()),
            },
            _ => Source::Scan(self.full_filter().into()),
        }
    }

    /// Returns a filter for the activities, whenever they started.
    fn full_filter(&self) -> Filter {
        // The subject first: its index is more selective.
        self.subject.filter().and(&self.restriction)
    }
}

impl ActivityReader {
    /// Returns true if the subject has activities.
    pub(super) fn is_known(&mut self, query: &MetricsQuery) -> Result<bool> {
        match query.source() {
            _ if query.subject == Subject::Overall => Ok(true),
            Source::Buckets(subject) => self.reader.is_known(&subject),
            Source::Scan(mut filter) => {
                filter.status.none_of.push(Status::Running);
                Ok(!self.page(&filter, None, 1)?.records.is_empty())
            }
        }
    }

    /// Returns the buckets of these quarter hours or whole hours, in order, and their turn statistics.
    pub(super) fn history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<(Vec<Bucket>, Vec<TurnStats>)> {
        let source = query.source();
        let Source::Buckets(subject) = &source else {
            return store::sums_and_turns(
                &mut *self.reader,
                &during(query.full_filter(), quarters),
            );
        };
        let buckets = self.reader.buckets(subject, quarters.clone(), grain)?;
        let turn_stats = match query.turns {
            true => self.reader.turn_stats(subject, quarters, grain)?,
            false => Vec::new(),
        };
        Ok((buckets, turn_stats))
    }

    /// Returns the sums of these quarter hours for each value of a dimension, in no particular order.
    pub(super) fn totals(
        &mut self,
        by: Dimension,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<Vec<Total>> {
        match query.source() {
            Source::Buckets(Subject::Overall) => self.reader.totals(by, quarters),
            _ => store::totals(
                &mut *self.reader,
                by,
                &during(query.full_filter(), quarters),
            ),
        }
    }
}
