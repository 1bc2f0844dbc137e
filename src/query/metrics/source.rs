//! Selects the source of sums: precomputed buckets, or a scan of activities.

use std::ops::Range;

use super::{MetricsQuery, unknown::FigureGaps};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Pattern, Status},
    store::{
        Bucket, Dimension, Grain, Quarter, SampleSums, SampleTotals, Subject, Total, TurnHistory,
        during,
    },
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
            Source::Scan(filter) => self.has_ended(*filter),
        }
    }

    /// Returns true if an ended activity matches the filter.
    fn has_ended(&mut self, mut filter: Filter) -> Result<bool> {
        filter.status.none_of.push(Status::Running);
        Ok(!self.page(&filter, None, 1)?.records.is_empty())
    }

    /// Returns true if something is known of the time before a quarter hour: of a restricted query, an activity that it
    /// matches, as the age of others is not for everyone to see.
    pub(super) fn has_earlier(&mut self, query: &MetricsQuery, quarter: Quarter) -> Result<bool> {
        if query.restriction.is_empty() {
            let oldest = self.reader.oldest_quarter()?;
            return Ok(oldest.is_some_and(|oldest| oldest < quarter));
        }
        let before = Filter {
            until: quarter.start(),
            ..Filter::default()
        };
        self.has_ended(query.full_filter().and(&before))
    }

    /// Returns the buckets of these quarter hours or whole hours, in order, and their turn statistics.
    pub(super) fn history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<(Vec<Bucket>, TurnHistory)> {
        match query.source() {
            Source::Buckets(subject) => {
                let buckets = self.reader.buckets(&subject, quarters.clone(), grain)?;
                // Those of a name or a brand take a scan.
                let turns = match query.turns {
                    true => self.reader.turn_stats(&subject, quarters, grain)?,
                    false => TurnHistory::new(quarters.end, Vec::new()),
                };
                Ok((buckets, turns))
            }
            Source::Scan(filter) => {
                let mut samples = SampleSums::default();
                let from = quarters.start;
                let filter = during(*filter, quarters);
                self.reader.scan(&filter, &mut |one| samples.add(one))?;
                let (buckets, stats) = samples.finish();
                Ok((buckets, TurnHistory::new(from, stats)))
            }
        }
    }

    /// Returns the sums of these quarter hours for each value of a dimension, in no particular order.
    pub(super) fn totals(
        &mut self,
        by: Dimension,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<Vec<Total>> {
        if let Source::Buckets(Subject::Overall) = query.source() {
            return self.reader.totals(by, quarters);
        }
        let mut samples = SampleTotals::new(by);
        let filter = during(query.full_filter(), quarters);
        self.reader.scan(&filter, &mut |one| samples.add(&one))?;
        Ok(samples.finish())
    }

    /// Returns the quarter hours whose figures are not known, in order.
    pub(super) fn gaps_of_history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<FigureGaps> {
        let is_scanned = matches!(query.source(), Source::Scan(_));
        let gaps = self.reader.gaps(quarters)?;
        Ok(FigureGaps::new(gaps, is_scanned))
    }

    /// As [`gaps_of_history`](Self::gaps_of_history), for [`totals`](Self::totals).
    pub(super) fn gaps_of_totals(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<FigureGaps> {
        let is_scanned = !matches!(query.source(), Source::Buckets(Subject::Overall));
        let gaps = self.reader.gaps(quarters)?;
        Ok(FigureGaps::new(gaps, is_scanned))
    }
}
