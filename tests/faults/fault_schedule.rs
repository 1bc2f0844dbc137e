//! The whole pipeline with a schedule of store faults: in the end every admitted record is stored once, or counted as lost.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome, Status,
    activity::ActivityGuard,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventId, Filter},
    store::sqlite::SqliteStore,
    testing::ManualClock,
};

use crate::support::faulty::{Fault, FaultyStore};

/// The buckets recomputed from the rows.
const RECOMPUTED: &str = "
WITH row AS (SELECT *, started_at / 900000000 AS quarter FROM activity),
     fold AS (SELECT 0 AS scope, 0 AS scope_id, * FROM row
              UNION ALL SELECT 1, project, * FROM row WHERE project IS NOT NULL
              UNION ALL SELECT 2, name, * FROM row
              UNION ALL SELECT 3, brand, * FROM row WHERE brand IS NOT NULL),
     wanted AS (SELECT scope, scope_id, quarter, count(*), sum(status = 2), sum(status = 3), count(duration_ns),
                       coalesce(sum(duration_ns), 0), min(duration_ns), max(duration_ns)
                FROM fold GROUP BY scope, scope_id, quarter),
     found AS (SELECT scope, scope_id, quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns FROM bucket)
SELECT (SELECT count(*) FROM (SELECT * FROM wanted EXCEPT SELECT * FROM found))
     + (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT * FROM wanted))";

/// A step. Open activities are selected by a number of any size.
#[derive(Debug, Clone, Copy)]
enum Step {
    Start {
        name: &'static str,
        inside: Option<usize>,
    },
    End(usize, Ending),
    Set(usize, u8, usize),
    Event {
        name: &'static str,
        inside: Option<usize>,
        key: Option<u8>,
    },
    Flush,
    Advance(Duration),
    SetWall(TimeDelta),
    Fault(Fault),
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Success,
    Failed,
    Dropped,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop_oneof![9 => Just("job"), 1 => Just("poison")];
    let inside = || prop::option::weighted(0.3, any::<usize>());
    let ending = prop_oneof![
        Just(Ending::Success),
        Just(Ending::Failed),
        Just(Ending::Dropped)
    ];
    let fault = prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::Hang),
        1 => Just(Fault::Fail),
        1 => Just(Fault::Late),
        1 => Just(Fault::Panic),
        1 => Just(Fault::Slow(3)),
        2 => Just(Fault::Refuse("poison")),
    ];
    prop_oneof![
        6 => (name(), inside()).prop_map(|(name, inside)| Step::Start { name, inside }),
        6 => (any::<usize>(), ending).prop_map(|(at, ending)| Step::End(at, ending)),
        3 => (any::<usize>(), 0..4_u8, 0..3_000_usize).prop_map(|(at, key, size)| Step::Set(at, key, size)),
        3 => (name(), inside(), prop::option::weighted(0.3, 0..3_u8))
            .prop_map(|(name, inside, key)| Step::Event { name, inside, key }),
        1 => Just(Step::Flush),
        2 => (0..2_000_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
        1 => (-7_200..7_200_i64).prop_map(|s| Step::SetWall(TimeDelta::seconds(s))),
        2 => fault.prop_map(Step::Fault),
    ]
}

/// The number of schedules.
fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_admitted_record_is_stored_once_or_counted_as_lost(
        steps in prop::collection::vec(step(), 1..120),
        little_memory: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let mut harness = Harness::open(&path, little_memory);
        for step in steps {
            harness.apply(step);
        }
        harness.end(&path);
    }
}

/// A log with a faulty store, and the records that it must have.
struct Harness {
    log: ActivityLog,
    store: Arc<FaultyStore>,
    clock: ManualClock,
    begin: DateTime<Utc>,
    fault: Fault,
    /// The store panicked at random, so that bisecting may have blamed any record.
    may_lose_any: bool,
    was_late: bool,
    elapsed: Duration,
    activities: Vec<Expected>,
    open: Vec<(ActivityGuard, usize)>,
    /// Ended activities, in order.
    ended: Vec<ActivityId>,
    events: Vec<(EventId, &'static str, Option<Key>, Option<ActivityId>)>,
    asked: (u64, u64),
}

/// A deduplication key with the type and project that it is unique for.
type Key = (u8, &'static str, Option<&'static str>);

#[derive(Debug)]
struct Expected {
    id: ActivityId,
    name: &'static str,
    parent: Option<ActivityId>,
    project: &'static str,
    started_at: DateTime<Utc>,
    started: Duration,
    attributes: BTreeMap<String, Value>,
    status: Status,
    duration: Option<Duration>,
}

impl Harness {
    fn open(path: &Path, little_memory: bool) -> Self {
        let store = FaultyStore::around(SqliteStore::new(path).unwrap(), Fault::None);
        let clock = ManualClock::new();
        let log = ActivityLog::builder()
            .memory_limit(if little_memory { 64 << 10 } else { 64 << 20 })
            .flush_interval(Duration::from_millis(1))
            .clock(clock.clone())
            .open_store(store.clone())
            .unwrap();
        Harness {
            begin: clock.now(),
            log,
            store,
            clock,
            fault: Fault::None,
            may_lose_any: false,
            was_late: false,
            elapsed: Duration::ZERO,
            activities: Vec::new(),
            open: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
            asked: (0, 0),
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Start { name, inside } => self.start(name, inside),
            Step::End(at, ending) if !self.open.is_empty() => self.finish(at, ending),
            Step::Set(at, key, size) if !self.open.is_empty() => {
                let at = at % self.open.len();
                let (running, number) = &self.open[at];
                let (key, text) = (format!("key {key}"), "x ".repeat(size / 2));
                running.set(key.clone(), text.clone());
                self.activities[*number].attributes.insert(key, json!(text));
            }
            Step::Event { name, inside, key } => self.event(name, inside, key),
            Step::Flush => self.flush(),
            Step::Advance(by) => {
                self.clock.advance(by);
                self.elapsed += by;
            }
            Step::SetWall(by) => self.clock.set_wall(self.begin + by),
            // A committed record is not refused later, and `Ok` is never returned for a lost one.
            Step::Fault(Fault::Refuse(_) | Fault::Panic) if self.was_late => {}
            Step::Fault(fault) => {
                self.was_late |= fault == Fault::Late;
                self.may_lose_any |= fault == Fault::Panic;
                self.fault = fault;
                self.store.set(fault);
            }
            Step::End(..) | Step::Set(..) => {}
        }
    }

    fn start(&mut self, name: &'static str, inside: Option<usize>) {
        let parent = inside.filter(|_| !self.open.is_empty());
        let parent = parent.map(|at| &self.open[at % self.open.len()].0);
        let project = ["acme", "initech"][self.activities.len() % 2];
        let describe = Describe::job(name).project(project).brand("one");
        let describe = parent
            .into_iter()
            .fold(describe, |all, one| all.parent(one));
        let parent = parent.and_then(|parent| parent.id());
        let running = self.log.start(describe);
        self.asked.0 += 1;
        let Some(id) = running.id() else { return };
        self.open.push((running, self.activities.len()));
        self.activities.push(Expected {
            id,
            name,
            parent,
            project,
            started_at: self.clock.now(),
            started: self.elapsed,
            attributes: BTreeMap::new(),
            status: Status::Abandoned,
            duration: None,
        });
    }

    fn finish(&mut self, at: usize, ending: Ending) {
        let (running, number) = self.open.swap_remove(at % self.open.len());
        let expected = &mut self.activities[number];
        expected.duration = Some(self.elapsed - expected.started);
        self.ended.push(expected.id);
        expected.status = match ending {
            Ending::Success => Status::Success,
            Ending::Failed => Status::Failed,
            Ending::Dropped => Status::Cancelled,
        };
        match ending {
            Ending::Success => running.end(Outcome::success()),
            Ending::Failed => running.end(Outcome::failed("denied")),
            Ending::Dropped => drop(running),
        }
    }

    fn event(&mut self, name: &'static str, inside: Option<usize>, key: Option<u8>) {
        let inside = inside.filter(|_| !self.open.is_empty());
        let inside = inside.map(|at| &self.open[at % self.open.len()]);
        let project = inside.map(|(_, number)| self.activities[*number].project);
        let event = match inside {
            Some((running, _)) => running.event(name),
            None => self.log.event(name),
        };
        let event = key
            .into_iter()
            .fold(event, |event, key| event.dedup_key(format!("key {key}")));
        let activity = inside.and_then(|(running, _)| running.id());
        self.asked.1 += 1;
        if let Some(id) = event.record().id() {
            let key = key.map(|key| (key, name, project));
            self.events.push((id, name, key, activity));
        }
    }

    /// `Ok` means committed. It must be `Ok` while the store works.
    fn flush(&mut self) {
        let works = matches!(self.fault, Fault::None | Fault::Slow(_) | Fault::Refuse(_));
        let patience = Duration::from_millis(if works { 10_000 } else { 5 });
        let flushed = self.log.flush().timeout(patience).wait();
        if works || flushed.is_ok() {
            flushed.unwrap();
            let counts = self.log.accounting();
            assert_eq!(
                (counts.activities.waiting, counts.events.waiting),
                (0, 0),
                "{counts:?}"
            );
        }
        let counts = self.log.accounting();
        assert!(counts.adds_up(), "{counts:?}");
    }

    /// Mends the store, shuts the log down, and compares.
    fn end(mut self, path: &Path) {
        self.apply(Step::Fault(Fault::None));
        self.flush();
        // All reserved memory is released, except for open activities.
        if self.open.is_empty() {
            let large = self.log.event("large").data("x".repeat(30_000)).record();
            self.asked.1 += 1;
            self.events.push((large.id().unwrap(), "large", None, None));
        }
        let counts = self.log.shutdown().wait().unwrap();
        assert!(counts.adds_up(), "{counts:?}");
        assert_eq!(
            (counts.activities.recorded, counts.events.recorded),
            self.asked
        );
        assert_eq!(counts.activities.open, self.open.len() as u64);
        assert_eq!(counts.activities.ended(), self.ended.len() as u64);

        let mut reader = ActivityReader::open(path).unwrap();
        assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());
        let rows = reader
            .page(&Filter::default(), None, 1_000)
            .unwrap()
            .records;
        self.check_activities(&rows, counts.activities.lost());
        self.check_order(&rows);
        self.check_events(&mut reader, &counts.events);
        let saved = reader.health().unwrap().instances.remove(0).accounting;
        assert!(saved.adds_up(), "{saved:?}");
        assert_eq!(saved.activities.committed, counts.activities.committed);
        assert_eq!(
            saved.activities.committed + saved.activities.abandoned,
            rows.len() as u64,
            "{saved:?}"
        );
        let differ = Connection::open(path).unwrap();
        let differ = differ.query_row(RECOMPUTED, [], |row| row.get(0));
        assert_eq!(differ, Ok(0), "buckets are not what follows from the rows");
    }

    /// Every admitted activity is stored once and unchanged, or was refused.
    fn check_activities(&self, rows: &[ActivityRecord], lost: u64) {
        let by_id: HashMap<_, _> = rows.iter().map(|row| (row.id, row)).collect();
        assert_eq!(by_id.len(), rows.len());
        let mut missing = 0;
        for one in &self.activities {
            let Some(row) = by_id.get(&one.id) else {
                assert!(one.name == "poison" || self.may_lose_any, "lost: {one:?}");
                missing += 1;
                continue;
            };
            assert_eq!((&*row.name, row.parent), (one.name, one.parent));
            assert_eq!(row.scope.project.as_deref(), Some(one.project));
            assert_eq!(row.started_at, one.started_at);
            // Of one that was refused after it was listed as open, the end is missing.
            if row.status == Status::Abandoned && one.status != Status::Abandoned {
                assert!(one.name == "poison" || self.may_lose_any, "lost: {one:?}");
                missing += 1;
                continue;
            }
            let duration = row.duration_ns.map(Duration::from_nanos);
            assert_eq!((row.status, duration), (one.status, one.duration));
            for (key, value) in &one.attributes {
                assert!(
                    row.truncated || row.attributes.get(key) == Some(value),
                    "{row:?}"
                );
            }
        }
        assert_eq!(missing, lost);
        assert!(rows.len() <= self.activities.len());
    }

    /// Lists are in order of start; `seq` is in order of end.
    fn check_order(&self, rows: &[ActivityRecord]) {
        let numbers: HashMap<_, _> = self
            .activities
            .iter()
            .enumerate()
            .map(|(n, one)| (one.id, n))
            .collect();
        let positions: Vec<_> = rows
            .iter()
            .rev()
            .map(|row| (row.started_at, numbers[&row.id]))
            .collect();
        assert!(positions.is_sorted(), "{positions:?}");
        let seqs: HashMap<_, _> = rows.iter().map(|row| (row.id, row.seq.unwrap())).collect();
        let ended: HashSet<_> = rows
            .iter()
            .filter(|row| row.status != Status::Abandoned)
            .map(|row| row.id)
            .collect();
        let ended = self.ended.iter().filter(|id| ended.contains(id));
        let seqs: Vec<_> = ended.map(|id| seqs[id]).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
    }

    /// Every admitted event is stored once, or another with its key, type and project is, or it was refused.
    fn check_events(
        &self,
        reader: &mut ActivityReader,
        counts: &tower_activity::store::RecordCounts,
    ) {
        let rows = reader
            .events(&Filter::default(), None, 1_000)
            .unwrap()
            .records;
        let by_id: HashMap<_, _> = rows.iter().map(|row| (row.id, row)).collect();
        assert_eq!(
            (by_id.len() as u64, rows.len() as u64),
            (counts.committed, counts.committed)
        );
        let mut keys = HashSet::new();
        let (mut lost, mut duplicates, mut last) = (0, 0, 0);
        for (id, name, key, activity) in &self.events {
            match by_id.get(id) {
                Some(row) => {
                    assert_eq!((&*row.event_type, row.activity), (*name, *activity));
                    assert!(row.seq > last, "in order");
                    last = row.seq;
                    assert!(key.is_none_or(|key| keys.insert(key)), "two of key {key:?}");
                }
                None if key.is_some_and(|key| keys.contains(&key)) => duplicates += 1,
                None => {
                    assert!(*name == "poison" || self.may_lose_any, "lost: {id}");
                    lost += 1;
                }
            }
        }
        // A refused event may have had a key that is stored.
        assert_eq!(lost + duplicates, counts.lost() + counts.duplicates);
        assert!(lost <= counts.lost(), "{counts:?}");
    }
}
