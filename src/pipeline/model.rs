//! loom models of the shard and the writer's sleep, in every interleaving of threads: `cargo xtask model`.
//!
//! loom, because the claims are about relaxed atomics beside a lock: it explores what the memory model allows, while a random
//! scheduler such as shuttle is sequentially consistent.

use std::{sync::Arc, time::Duration};

use loom::thread;

use crate::{
    pipeline::{
        Config, LocalCredit, ReceiptSender, Shard, Shared, SlotKey, Stage, queues::Queues,
        slot::BASE_COST, sync,
    },
    record::{ActivityId, EventId, Kind, Status, Text},
    redact::Redactor,
    store::{NewEvent, RawAttributes, StartedActivity},
};

/// Memory for one activity, but not for two.
const ONE_ACTIVITY: usize = BASE_COST + BASE_COST / 2;
/// Memory for all.
const PLENTY: usize = 1 << 20;

/// The preemption bound. loom's authors find that most faults show with two or three preemptions; more take minutes.
const SWITCHES: usize = 3;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(SWITCHES);
    builder.check(model);
}

/// A log, and the thread that is its writer.
struct Log {
    writer: sync::Thread,
    shared: Arc<Shared>,
    shards: Vec<Arc<Shard>>,
}

impl Log {
    fn new(shards: usize, memory_limit: usize) -> Self {
        let shared = Arc::new(Shared::new(config(memory_limit), shards));
        let writer = sync::current();
        shared.set_writer(writer.clone());
        let shards = (0..shards).map(|_| Arc::new(Shard::new(shared.clone(), shards)));
        Log {
            shards: shards.collect(),
            writer,
            shared,
        }
    }

    fn shard(&self) -> Arc<Shard> {
        self.shards[0].clone()
    }

    /// Collects once, as the writer does.
    fn collect(&self) -> Queues {
        let mut taken = Queues::default();
        for shard in &self.shards {
            shard.take(&mut taken, &mut Vec::new());
        }
        taken
    }

    /// Collects and sleeps as the writer does, until `count` records are collected.
    fn take_all(&self, count: usize) -> Queues {
        let mut taken = Queues::default();
        loop {
            let mut more = self.collect();
            taken.activities.take_from(&mut more.activities);
            taken.events.take_from(&mut more.events);
            if taken.len() == count {
                return taken;
            }
            self.shared.park();
            if self.shards.iter().all(|shard| shard.is_collected()) {
                // If a wake-up were lost, loom would report a deadlock.
                self.writer.park();
            }
            self.shared.unpark();
        }
    }
}

fn statuses(taken: &Queues) -> Vec<Status> {
    let ended = taken.activities.records.iter();
    ended.map(|one| one.status).collect()
}

fn join<T, const N: usize>(threads: [thread::JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().unwrap())
}

fn start(shard: &Shard, number: u64) -> Option<SlotKey> {
    let started = shard.start(started(number), 0, 0, None, Stage::Described);
    started.ok()
}

fn started(number: u64) -> StartedActivity {
    StartedActivity {
        id: ActivityId::from_parts(0, number << 2),
        parent: None,
        root: None,
        kind: Kind::Job,
        name: Text::from_static("job"),
        scope: None,
        details: None,
        raw: RawAttributes::default(),
    }
}

fn event() -> NewEvent {
    NewEvent {
        id: EventId::from_parts(0, 0, 0),
        at_us: 0,
        event_type: Text::from_static("event"),
        status: Status::Success,
        summary: None,
        count: 1,
        reference: None,
        data: None,
        activity: None,
        scope: None,
        dedup_key: None,
        truncated: false,
    }
}

#[test]
fn no_end_is_missed() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let callers = [1, 2].map(|number| {
            let shard = log.shard();
            thread::spawn(move || {
                let key = start(&shard, number).unwrap();
                shard.end(key, Status::Success, |_| ());
            })
        });
        let taken = log.take_all(2);
        assert_eq!(statuses(&taken), [Status::Success; 2]);
        join(callers);
        let counts = log.shard().counts();
        assert_eq!(
            (counts.activities.recorded, counts.activities.ended()),
            (2, 2)
        );
    });
}

#[test]
fn no_shard_is_missed() {
    check(|| {
        let log = Log::new(2, PLENTY);
        let other = log.shards[1].clone();
        let caller =
            thread::spawn(move || other.event(event(), 0, ReceiptSender::channel().0).unwrap());
        let key = start(&log.shards[0], 1).unwrap();
        log.shards[0].end(key, Status::Success, |_| ());
        let taken = log.take_all(2);
        assert_eq!((taken.activities.len(), taken.events.len()), (1, 1));
        caller.join().unwrap();
    });
}

#[test]
fn the_first_end_wins_and_is_the_only_one() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let shard = log.shard();
        let key = start(&shard, 1).unwrap();
        let ends = [Status::Success, Status::Cancelled].map(|status| {
            let shard = log.shard();
            thread::spawn(move || shard.end(key, status, |_| ()))
        });
        let mut all = statuses(&log.collect());
        join(ends);
        all.append(&mut statuses(&log.collect()));
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(shard.counts().activities.ended(), 1);
        assert!(!shard.has_stale_open_rows());
    });
}

#[test]
fn a_repeated_end_does_not_end_the_slots_next_activity() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let shard = log.shard();
        let first = start(&shard, 1).unwrap();
        shard.end(first, Status::Success, |_| ());
        let late = {
            let shard = log.shard();
            thread::spawn(move || shard.end(first, Status::Cancelled, |_| ()))
        };
        assert_eq!(statuses(&log.collect()), [Status::Success]);
        // It reuses the first one's slot.
        let second = start(&shard, 2).unwrap();
        late.join().unwrap();
        assert!(log.collect().activities.is_empty());
        assert!(shard.read(second, |_| ()).is_some());
    });
}

#[test]
fn an_attribute_is_stored_and_paid_for_or_neither() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let shard = log.shard();
        let key = start(&shard, 1).unwrap();
        let setter = {
            let shard = log.shard();
            thread::spawn(move || {
                shard.update(key, 100, |started| {
                    started.details.get_or_insert_default().truncated = true;
                    0
                });
            })
        };
        let ender = {
            let shard = log.shard();
            thread::spawn(move || shard.end(key, Status::Success, |_| ()))
        };
        let mut taken = log.collect();
        setter.join().unwrap();
        ender.join().unwrap();
        taken.activities.take_from(&mut log.collect().activities);
        let ended = taken.activities.records.pop_front().unwrap();
        let cost = taken.activities.settle(1);
        let base = BASE_COST as u32;
        let expected = base
            + if ended.started.details.is_some() {
                100
            } else {
                0
            };
        assert_eq!(cost, [expected]);
        assert!(taken.activities.is_empty() && !shard.has_stale_open_rows());
    });
}

#[test]
fn an_end_during_the_shutdown_is_collected_or_counted_as_lost() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let shard = log.shard();
        let key = start(&shard, 1).unwrap();
        let caller = {
            let shard = log.shard();
            thread::spawn(move || {
                shard.end(key, Status::Success, |_| ());
                if let Some(key) = start(&shard, 2) {
                    shard.end(key, Status::Success, |_| ());
                }
            })
        };
        shard.close();
        let mut taken = log.collect().activities.len() as u64;
        shard.drain();
        taken += log.collect().activities.len() as u64;
        caller.join().unwrap();
        assert!(log.collect().activities.is_empty());
        let counts = shard.counts().activities;
        assert_eq!(counts.waiting, taken);
        assert!(counts.adds_up(), "{counts:?}");
        assert_eq!((counts.recorded, counts.open), (2, 0));
    });
}

#[cfg(feature = "mcp")]
#[test]
fn a_provisional_activity_is_not_copied_before_it_is_described() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let shard = log.shard();
        let caller = thread::spawn(move || {
            let key = shard.start(started(1), 0, 0, None, Stage::Provisional);
            let key = key.unwrap();
            assert!(shard.discard(key));
        });
        let mut copies = Vec::new();
        let shard = log.shard();
        shard.take_stale_open_rows(0, &mut copies, &mut LocalCredit::default());
        assert!(copies.is_empty());
        assert_eq!(shard.counts().activities.recorded, 0);
        caller.join().unwrap();
    });
}

#[test]
fn two_shards_never_exceed_the_budget() {
    check(|| {
        let log = Log::new(2, ONE_ACTIVITY);
        let shards = [0, 1].map(|index| log.shards[index].clone());
        let callers = shards.map(|shard| thread::spawn(move || start(&shard, 1).is_some()));
        let admitted = join(callers);
        assert_eq!(admitted.iter().filter(|one| **one).count(), 1);
        let rejected = log
            .shards
            .iter()
            .map(|shard| shard.counts().activities.rejected_memory);
        assert_eq!(rejected.sum::<u64>(), 1);
    });
}

#[test]
fn a_flush_request_is_seen_after_its_record() {
    check(|| {
        let log = Log::new(1, PLENTY);
        let caller = {
            let (shard, shared) = (log.shard(), log.shared.clone());
            thread::spawn(move || {
                shard.event(event(), 0, ReceiptSender::channel().0).unwrap();
                shared.flush_soon();
            })
        };
        // A record that was left before the request must be collected after it.
        if log.shared.take_flush_request() {
            assert_eq!(log.collect().events.len(), 1);
        }
        caller.join().unwrap();
    });
}

fn config(memory_limit: usize) -> Config {
    Config {
        memory_limit,
        flush_interval: Duration::ZERO,
        drop_timeout: Duration::ZERO,
        environment: None,
        ..Config::default()
    }
}
