//! Where sums come from: from what is kept ready, or from the activities that a filter means.

use std::ops::Range;

use super::MetricsQuery;
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Pattern, Status},
    store::{self, Bucket, Dimension, Grain, Quarter, Subject, Total, TurnStats, during},
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
        let projects = &self.restriction.project.any_of;
        let mut of_projects = Filter::default();
        of_projects.project.any_of.clone_from(projects);
        let named = |id: &str| projects.iter().any(|one| one.as_exact() == Some(id));
        match &self.subject {
            subject if self.restriction.is_empty() => Source::Kept(subject.clone()),
            _ if self.restriction != of_projects => Source::Rows(self.rows().into()),
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
        // The one first: its index is the narrower.
        self.subject.filter().and(&self.restriction)
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
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<(Vec<Bucket>, Vec<TurnStats>)> {
        let source = query.source();
        let Source::Kept(subject) = &source else {
            return store::sums_and_turns(&mut *self.reader, &during(query.rows(), quarters));
        };
        let buckets = self.reader.buckets(subject, quarters.clone(), grain)?;
        let paces = match query.turns {
            true => self.reader.turn_stats(subject, quarters, grain)?,
            false => Vec::new(),
        };
        Ok((buckets, paces))
    }

    /// The sums of these quarters for each of a dimension, in no order.
    pub(super) fn totals(
        &mut self,
        by: Dimension,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<Vec<Total>> {
        match query.source() {
            Source::Kept(Subject::Overall) => self.reader.totals(by, quarters),
            _ => store::totals(&mut *self.reader, by, &during(query.rows(), quarters)),
        }
    }
}
