//! Stores with one fault each, all of which the suite detects.

use std::ops::{Range, RangeInclusive};

use tower_activity::{
    Error, Result,
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, RecordingId, RecordingRecord,
        RecordingStatus,
    },
    store::{
        Bucket, CommitPage, Cursor, FailureGroup, Grain, Health, List, Position, Quarter,
        ReadOptions, Reader, Record, Source, Store, Subject, TurnHistory,
    },
    testing::conformance,
};

use super::shelf::Shelf;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The last page is missing.
    LosesTheEnd,
    /// A page has one record more than its limit.
    LongPages,
    /// The limit is applied before the filter.
    LimitsFirst,
    /// An error is returned as an empty list.
    HidesErrors,
    /// Records after a position are returned twice.
    TellsTwice,
    /// A follower at the newest position is sent back.
    Restarts,
    /// Another record is returned for an id.
    WrongRecord,
    /// Open activities are counted as ended.
    MiscountsHealth,
    /// The times between turns are too short.
    HurriesAgents,
    /// One quarter hour is missing in the sums.
    LosesAQuarter,
    /// The last failure of each group is counted twice.
    MiscountsErrors,
    /// The topmost failure is taken for the cause.
    StopsAtTheTop,
    /// Chunks are always read from the first one.
    RepeatsChunks,
    /// Every activity has all recordings.
    MixesRecordings,
    /// A list has no next page.
    StandsStill,
    /// Events with a deduplication key that is stored already are stored once more.
    KeepsDuplicates,
    /// Recordings of a dead instance are shown as running.
    RevivesRecordings,
}

const ALL: [Fault; 17] = [
    Fault::LosesTheEnd,
    Fault::LongPages,
    Fault::LimitsFirst,
    Fault::HidesErrors,
    Fault::TellsTwice,
    Fault::Restarts,
    Fault::WrongRecord,
    Fault::MiscountsHealth,
    Fault::HurriesAgents,
    Fault::LosesAQuarter,
    Fault::MiscountsErrors,
    Fault::StopsAtTheTop,
    Fault::RepeatsChunks,
    Fault::MixesRecordings,
    Fault::StandsStill,
    Fault::KeepsDuplicates,
    Fault::RevivesRecordings,
];

#[test]
fn every_fault_is_detected() {
    for fault in ALL {
        let report = conformance::check(1..5, |records| {
            let mut records = records.clone();
            if fault == Fault::KeepsDuplicates {
                let duplicates = std::mem::take(&mut records.duplicates);
                records.events.extend(duplicates);
            }
            let inner = Shelf::of(&records).reader()?;
            Ok(Box::new(Faulty { inner, fault }))
        });
        let report = report.unwrap();
        assert!(!report.differences.is_empty(), "{fault:?} is not detected");
        // Most checks do not meet the fault.
        let few = report.differences.len() as u64 * 2 < report.compared;
        assert!(few, "{fault:?}: {report}");
    }
}

struct Faulty {
    inner: Box<dyn Reader>,
    fault: Fault,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl<R: Record> Source<R> for Faulty {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        if self.has(Fault::HidesErrors) && R::check_filter(filter).is_err() {
            return Ok(List::new(Vec::new(), None));
        }
        let source = R::source(&mut *self.inner);
        if self.fault == Fault::LimitsFirst {
            let mut list = source.list(&Filter::default(), cursor, limit)?;
            list.records.retain(|one| one.matches(filter));
            R::check_filter(filter)?;
            return Ok(list);
        }
        let limit = limit + usize::from(self.fault == Fault::LongPages);
        let mut list = source.list(filter, cursor, limit)?;
        if self.fault == Fault::StandsStill && list.next.is_some() {
            list.next = cursor.or(list.next);
        }
        if self.has(Fault::LosesTheEnd) && list.next.is_none() && cursor.is_some() {
            list.records.clear();
        }
        Ok(list)
    }

    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        let mut followed = R::source(&mut *self.inner).after(position, filter, limit)?;
        match self.fault {
            Fault::TellsTwice => {
                let again = followed.records.first().cloned();
                followed.records.extend(again);
            }
            Fault::Restarts if position == followed.next => {
                followed = CommitPage::restarted(followed.next);
            }
            _ => {}
        }
        Ok(followed)
    }

    fn newest(&mut self) -> Result<Position<R>> {
        R::source(&mut *self.inner).newest()
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        let source = R::source(&mut *self.inner);
        match self.fault {
            Fault::WrongRecord => Ok(source.list(&Filter::default(), None, 1)?.records.pop()),
            _ => source.get(id),
        }
    }
}

impl Reader for Faulty {
    fn options(&mut self) -> &mut ReadOptions {
        self.inner.options()
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        let mut found = self.inner.recording(id)?;
        if let Some(one) = &mut found
            && self.has(Fault::RevivesRecordings)
            && one.status == RecordingStatus::Abandoned
        {
            one.status = RecordingStatus::Recording;
        }
        Ok(found)
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        if self.has(Fault::MixesRecordings) {
            let first = RecordingId::from_bytes([0; 16]);
            let ids = self
                .inner
                .recording_ids(first..=RecordingId::from_bytes([0xff; 16]), 1)?;
            let all = ids.into_iter().map(|id| self.inner.recording(id));
            return Ok(all
                .collect::<Result<Vec<_>, Error>>()?
                .into_iter()
                .flatten()
                .collect());
        }
        self.inner.recordings_of(activity)
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        self.inner.recording_ids(range, limit)
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        let from = if self.has(Fault::RepeatsChunks) {
            0
        } else {
            from
        };
        self.inner.chunks(id, from, limit)
    }

    fn health(&mut self) -> Result<Health> {
        let mut health = self.inner.health()?;
        if self.has(Fault::MiscountsHealth) {
            health.activities += health.running;
        }
        Ok(health)
    }

    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<Vec<Bucket>> {
        let mut buckets = self.inner.buckets(of, quarters, grain)?;
        if self.has(Fault::LosesAQuarter) {
            buckets.pop();
        }
        Ok(buckets)
    }

    fn failures(&mut self, filter: &Filter) -> Result<Vec<FailureGroup>> {
        let mut groups = self.inner.failures(filter)?;
        if self.has(Fault::MiscountsErrors) {
            groups.iter_mut().for_each(|group| group.count += 1);
        }
        Ok(groups)
    }

    fn root_cause(
        &mut self,
        activity: &ActivityRecord,
        filter: &Filter,
    ) -> Result<Vec<ActivityRecord>> {
        let mut path = self.inner.root_cause(activity, filter)?;
        if self.has(Fault::StopsAtTheTop) {
            path.truncate(1);
        }
        Ok(path)
    }

    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<TurnHistory> {
        let mut turns = self.inner.turn_stats(of, quarters, grain)?;
        if self.has(Fault::HurriesAgents) {
            let after = turns.stats.iter_mut().flat_map(|one| &mut one.recency);
            after.for_each(|after| after.gap_us /= 2);
        }
        Ok(turns)
    }

    // Everything else uses the defaults, except these, whose defaults are slow.
    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        self.inner.tree(root)
    }

    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        self.inner.events_of(activity, limit)
    }
}
