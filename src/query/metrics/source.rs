//! Selects the source of sums: precomputed buckets, or a scan of activities.

use std::{cmp::Reverse, ops::Range};

use super::{MetricsQuery, Period, Unknown, unknown::FigureGaps};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Pattern, Status},
    store::{
        Bucket, Dimension, Grain, Quarter, SampleSums, SampleTotals, Subject, Total, TurnHistory,
        during,
    },
};

const DIMENSIONS: [Dimension; 4] = [
    Dimension::Project,
    Dimension::Agent,
    Dimension::Name,
    Dimension::Brand,
];

/// The most subjects whose sums are read to find out how many activities a scan would read.
const MOST_SUBJECTS: usize = 20;

/// The source of sums.
pub(super) enum Source {
    /// The buckets of a subject.
    Buckets(Subject),
    /// The activities that match a filter.
    Scan(Box<Filter>),
}

impl MetricsQuery {
    pub(super) fn source(&self) -> Source {
        let full = self.full_filter();
        if let Some(subject) = subject_of(&full) {
            return Source::Buckets(subject);
        }
        let projects = &self.restriction.project.any_of;
        let mut of_projects = Filter::default();
        of_projects.project.any_of.clone_from(projects);
        let allowed = |id: &str| projects.iter().any(|one| one.as_exact() == Some(id));
        match subject_of(&self.own_filter()) {
            Some(Subject::One(Dimension::Project, id))
                if self.restriction == of_projects && allowed(&id) =>
            {
                Source::Buckets(Subject::One(Dimension::Project, id))
            }
            _ => Source::Scan(full.into()),
        }
    }

    /// Returns a filter for the activities, whenever they started.
    pub(super) fn full_filter(&self) -> Filter {
        self.own_filter().and(&self.restriction)
    }

    /// Returns a filter for what was asked for.
    fn own_filter(&self) -> Filter {
        // The subject first: its index is more selective.
        self.subject.filter().and(&self.filter)
    }

    /// Returns true if nothing limits which activities are counted.
    fn is_unlimited(&self) -> bool {
        self.filter.is_empty() && self.restriction.is_empty()
    }

    /// Returns lists of subjects. The activities of each list include all that are counted.
    fn supersets(&self) -> Vec<Vec<Subject>> {
        // Sums of activities that the caller may not see must not show in the answer.
        let (filter, mut lists) = match self.restriction.is_empty() {
            true => (self.own_filter(), vec![vec![Subject::Overall]]),
            false => (self.restriction.clone(), Vec::new()),
        };
        lists.extend(DIMENSIONS.into_iter().filter_map(|dimension| {
            let patterns = patterns(&filter, dimension);
            let ids = patterns.iter().map(|one| one.as_exact());
            let subjects = ids.map(|id| Some(Subject::One(dimension, id?.to_owned().into())));
            let subjects = subjects.collect::<Option<Vec<_>>>()?;
            (1..=MOST_SUBJECTS)
                .contains(&subjects.len())
                .then_some(subjects)
        }));
        lists
    }
}

impl Source {
    pub(super) fn is_scan(&self) -> bool {
        matches!(self, Source::Scan(_))
    }

    pub(super) fn is_overall(&self) -> bool {
        matches!(self, Source::Buckets(Subject::Overall))
    }
}

/// The known part of a window.
pub(super) struct KnownPart {
    pub(super) window: Period,
    pub(super) unknown: Option<Unknown>,
    /// The window without what is not known.
    pub(super) known: Period,
    /// The same without the time after the present hour.
    pub(super) counted: Period,
    /// The quarter hours that are counted.
    pub(super) quarters: Range<Quarter>,
}

fn patterns(filter: &Filter, dimension: Dimension) -> &[Pattern] {
    match dimension {
        Dimension::Project => &filter.project.any_of,
        Dimension::Agent => &filter.agent.any_of,
        Dimension::Name => &filter.name.any_of,
        Dimension::Brand => &filter.brand.any_of,
    }
}

/// Returns the subject whose activities are those that match a filter, if there is one.
fn subject_of(filter: &Filter) -> Option<Subject> {
    if filter.is_empty() {
        return Some(Subject::Overall);
    }
    let one = |dimension| {
        let id = Pattern::only_exact(patterns(filter, dimension))?;
        Some(Subject::One(dimension, id.to_owned().into()))
    };
    let mut subjects = DIMENSIONS.into_iter().filter_map(one);
    subjects.find(|subject| subject.filter() == *filter)
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
        if query.is_unlimited() {
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
        if query.source().is_overall() {
            return self.reader.totals(by, quarters);
        }
        let mut samples = SampleTotals::new(by);
        let filter = during(query.full_filter(), quarters);
        self.reader.scan(&filter, &mut |one| samples.add(&one))?;
        Ok(samples.finish())
    }

    /// Returns the first of these quarter hours from which on there are no more activities than a scan may read.
    pub(super) fn scanned_from(
        &mut self,
        query: &MetricsQuery,
        quarters: &Range<Quarter>,
        is_scan: bool,
    ) -> Result<Quarter> {
        if !is_scan {
            return Ok(quarters.start);
        }
        let limit = self.reader.options().largest_scan() as u64;
        let mut first = quarters.end;
        let supersets = query.supersets();
        if supersets.is_empty() {
            return Ok(quarters.start);
        }
        for subjects in supersets {
            let mut buckets = Vec::new();
            for subject in subjects {
                let of_subject = self
                    .reader
                    .buckets(&subject, quarters.clone(), Grain::Quarter)?;
                buckets.extend(of_subject);
            }
            buckets.sort_by_key(|bucket| Reverse(bucket.quarter));
            let mut count = 0_u64;
            let above = buckets.iter().find(|bucket| {
                count = count.saturating_add(bucket.sums.count);
                count > limit
            });
            first = first.min(above.map_or(quarters.start, |bucket| {
                Quarter::from_number(bucket.quarter.number() + 1)
            }));
        }
        Ok(first)
    }

    /// Returns the part of a query's window whose figures are known, if they are computed by scanning activities, or have sums.
    pub(super) fn known(&mut self, query: &MetricsQuery, is_scan: bool) -> Result<KnownPart> {
        let window = query.period();
        let mut quarters = window.quarters_until(self.ahead_from()?);
        let scanned = self.scanned_from(query, &quarters, is_scan)?;
        let gaps = FigureGaps::new(self.reader.gaps(quarters.clone())?, is_scan);
        let gaps = gaps.scanned_from(&quarters, scanned);
        let unknown = gaps.unknown(window);
        let mut known = window;
        if let (Some(first), Some(unknown)) = (gaps.known_from(), unknown) {
            quarters.start = first.min(quarters.end);
            known.start = unknown.until;
        }
        Ok(KnownPart {
            window,
            unknown,
            known,
            counted: known.cut_off(quarters.end),
            quarters,
        })
    }

    /// Returns the quarter hours whose figures are not known, in order.
    pub(super) fn gaps_of_history(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<FigureGaps> {
        let is_scanned = query.source().is_scan();
        let gaps = self.reader.gaps(quarters)?;
        Ok(FigureGaps::new(gaps, is_scanned))
    }
}
