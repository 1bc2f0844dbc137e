//! Another kind of store, written against the public API: records in memory, in the order in which they were inserted.

use std::{cmp::Reverse, fmt, ops::RangeInclusive, sync::Arc};

use chrono::{DateTime, Utc};
use tower_activity::{
    Result,
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, RecordingId, RecordingRecord,
        Status,
    },
    store::{
        AHEAD, CommitPage, Cursor, Health, InstanceHealth, LARGEST_PAGE, List, Position,
        ReadOptions, Reader, Record, Retention, Source, Store,
    },
    testing::conformance::Records,
};

/// A read-only store of records in memory.
pub(super) struct Shelf(Arc<Contents>);

struct Contents {
    activities: Vec<ActivityRecord>,
    events: Vec<EventRecord>,
    recordings: Vec<(RecordingRecord, Vec<ChunkRecord>)>,
    instances: Vec<InstanceHealth>,
}

impl Shelf {
    pub(super) fn of(records: &Records) -> Self {
        let mut recordings = records.recordings.clone();
        recordings.sort_by_key(|(one, _)| one.id);
        let mut dead = InstanceHealth::new(&records.dead);
        dead.alive = false;
        Shelf(Arc::new(Contents {
            activities: records.activities.clone(),
            events: records.events.clone(),
            recordings,
            instances: vec![InstanceHealth::new(&records.alive), dead],
        }))
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

impl Store for Shelf {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(ShelfReader {
            shelf: self.0.clone(),
            options: ReadOptions::default(),
        }))
    }
}

/// Reads a shelf.
struct ShelfReader {
    shelf: Arc<Contents>,
    options: ReadOptions,
}

/// A kind of record that a shelf holds.
trait Shelved: Record {
    fn all(shelf: &Contents) -> &[Self];
    /// Sets its position in commit order.
    fn set_seq(&mut self, seq: i64);
}

impl Shelved for ActivityRecord {
    fn all(shelf: &Contents) -> &[Self] {
        &shelf.activities
    }

    fn set_seq(&mut self, seq: i64) {
        self.seq = (self.status != Status::Running).then_some(seq);
    }
}

impl Shelved for EventRecord {
    fn all(shelf: &Contents) -> &[Self] {
        &shelf.events
    }

    fn set_seq(&mut self, seq: i64) {
        self.seq = seq;
    }
}

impl ShelfReader {
    fn ahead_from(&self) -> DateTime<Utc> {
        self.options.now() + AHEAD
    }

    /// The matching records in commit order, with seqs from 1.
    fn matching<R: Shelved>(&self, filter: &Filter) -> Result<Vec<R>> {
        R::check_filter(filter)?;
        let mut meant = Vec::new();
        for (seq, one) in (1..).zip(R::all(&self.shelf)) {
            if seq % 1_000 == 0 {
                self.options.check("read the shelf")?;
            }
            if one.matches(filter) {
                let mut one = one.clone();
                one.set_seq(seq);
                one.set_ahead(one.at() >= self.ahead_from());
                meant.push(one);
            }
        }
        Ok(meant)
    }

    fn recordings(&self, test: impl Fn(&RecordingRecord) -> bool) -> Vec<RecordingRecord> {
        let all = self.shelf.recordings.iter().map(|(one, _)| one);
        all.filter(|one| test(one))
            .take(LARGEST_PAGE)
            .cloned()
            .collect()
    }
}

impl<R: Shelved> Source<R> for ShelfReader {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        let limit = limit.clamp(1, LARGEST_PAGE);
        let mut found = self.matching::<R>(filter)?;
        if let Some(cursor) = cursor {
            let position = (cursor.is_ahead(), Reverse(cursor.id()));
            found.retain(|one| (one.is_ahead(), Reverse(one.id())) > position);
        }
        found.sort_by_key(|one| (one.is_ahead(), Reverse(one.id())));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Cursor::after_record);
        Ok(List::new(found, next))
    }

    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        let newest = Source::<R>::newest(self)?;
        if position.seq() > newest.seq() {
            return Ok(CommitPage::restarted(newest));
        }
        let mut found = self.matching::<R>(filter)?;
        found.retain(|one| one.seq().is_some_and(|seq| seq > position.seq()));
        let limit = limit.clamp(1, LARGEST_PAGE);
        let cut_off = found.get(limit - 1).and_then(Record::seq);
        found.truncate(limit);
        let next = cut_off.map_or(newest, |seq| Position::new(0, seq));
        Ok(CommitPage::new(found, next))
    }

    fn newest(&mut self) -> Result<Position<R>> {
        let all = self.matching::<R>(&Filter::default())?;
        let last = all.iter().filter_map(Record::seq).max();
        Ok(Position::new(0, last.unwrap_or(0)))
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        let mut all = self.matching::<R>(&Filter::default())?;
        all.retain(|one| one.id() == id);
        Ok(all.pop())
    }
}

impl Reader for ShelfReader {
    fn options(&mut self) -> &mut ReadOptions {
        &mut self.options
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        Ok(self.recordings(|one| one.id == id).pop())
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        Ok(self.recordings(|one| one.links.iter().any(|link| link.activity == activity)))
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        let within = self.recordings(|one| range.contains(&one.id));
        Ok(within.into_iter().map(|one| one.id).take(limit).collect())
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        let of = self.shelf.recordings.iter().find(|(one, _)| one.id == id);
        let chunks = of.into_iter().flat_map(|(_, chunks)| chunks);
        let from = chunks.filter(|chunk| chunk.number >= from);
        Ok(from.take(limit).cloned().collect())
    }

    fn health(&mut self) -> Result<Health> {
        let activities = self.matching::<ActivityRecord>(&Filter::default())?;
        let of = |status| activities.iter().filter(|one| one.status == status).count() as u64;
        let ended = activities
            .iter()
            .filter(|one| one.status != Status::Running);
        let events = self.matching::<EventRecord>(&Filter::default())?;
        let mut health = Health::default();
        health.activities = ended.clone().count() as u64;
        health.events = events.len() as u64;
        health.running = of(Status::Running);
        health.abandoned = of(Status::Abandoned);
        health.ahead = ended.filter(|one| one.ahead).count() as u64
            + events.iter().filter(|one| one.ahead).count() as u64;
        health.retention = Retention::DEFAULT;
        health.instances.clone_from(&self.shelf.instances);
        Ok(health)
    }
}
