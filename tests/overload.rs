//! A million calls against a store that hangs, or is ten times too slow: every call is answered, memory stays under the
//! limit, and records that did not fit are counted.
//!
//! Each case runs in a process of its own, because the allocator counts the whole process.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    alloc::System,
    future::{Future, ready},
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use cap::Cap;
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Outcome,
    record::Capture,
    store::{Accounting, sqlite::SqliteStore},
};

use support::faulty::{Fault, FaultyStore};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// The environment variable of a process that runs a case.
const CASE: &str = "ACTIVITY_TEST_OVERLOAD";
/// The memory limit of the log.
const BOUND: usize = 8 << 20;
/// The number of concurrent threads.
const THREADS: usize = 4;
/// The number of successive groups of threads: more threads than shards, so that each shard gets its bursts.
const SHIFTS: usize = 20;

/// The length of a message in bytes.
const LONG: usize = 1_500;

#[test]
fn a_million_calls_against_a_stuck_store_stay_under_the_bound() {
    in_a_process(
        "a_million_calls_against_a_stuck_store_stay_under_the_bound",
        || {
            overload(Fault::Hang, 1_000_000, plain);
        },
    );
}

#[test]
fn a_million_calls_against_a_slow_store_stay_under_the_bound() {
    in_a_process(
        "a_million_calls_against_a_slow_store_stay_under_the_bound",
        || {
            overload(Fault::Slow(10), 1_000_000, plain);
        },
    );
}

#[test]
fn calls_that_say_much_stay_under_the_bound() {
    in_a_process("calls_that_say_much_stay_under_the_bound", || {
        overload(Fault::Hang, 32_000, rich);
    });
}

#[test]
fn calls_with_events_stay_under_the_bound() {
    in_a_process("calls_with_events_stay_under_the_bound", || {
        overload(Fault::Slow(10), 64_000, eventful);
    });
}

#[test]
fn calls_that_stay_open_stay_under_the_bound() {
    in_a_process("calls_that_stay_open_stay_under_the_bound", || {
        stay_open();
    });
}

/// Runs a case in a process of its own.
fn in_a_process(test: &str, case: impl FnOnce()) {
    if std::env::var_os(CASE).is_some() {
        return case();
    }
    let mut this = Command::new(std::env::current_exe().unwrap());
    let output = this
        .args(["--exact", test, "--nocapture"])
        .env(CASE, test)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("peak"), "it ran the case: {said}");
}

/// A log in a store with a fault, and its memory use.
struct Rig {
    log: ActivityLog,
    store: std::sync::Arc<FaultyStore>,
    before: usize,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new(fault: Fault) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = SqliteStore::new(folder.path().join("activity.db")).unwrap();
        let store = FaultyStore::around(inner, fault);
        let log = ActivityLog::builder()
            .memory_limit(BOUND)
            .open_store(store.clone())
            .unwrap();
        Rig {
            before: MEMORY.allocated(),
            log,
            store,
            _folder: folder,
        }
    }

    /// Checks the peak of memory use so far against the limit.
    fn check_peak(&self, when: &str) {
        let peak = MEMORY.max_allocated() - self.before;
        let part = peak as f64 / BOUND as f64;
        println!("peak {when}: {part:.3} of the bound");
        assert!(part <= 1.1, "{peak} bytes {when}");
    }

    /// Mends the store, and returns the final accounting.
    fn recover(&self) -> Accounting {
        self.store.mend();
        self.log
            .flush()
            .timeout(Duration::from_secs(60))
            .wait()
            .unwrap();
        self.check_peak("when it was mended");
        let counts = self.log.accounting();
        println!("{counts:?}");
        assert!(counts.adds_up());
        assert_eq!(
            (counts.activities.waiting, counts.activities.lost()),
            (0, 0)
        );
        counts
    }

    /// Checks that every committed record is stored.
    fn end(self, counts: &Accounting) {
        let health = self.log.reader().unwrap().health().unwrap();
        assert_eq!(health.activities, counts.activities.committed);
        assert_eq!(health.events, counts.events.committed);
        self.log.shutdown().wait().unwrap();
    }
}

fn overload(fault: Fault, calls: usize, work: Work) {
    let rig = Rig::new(fault);
    assert_eq!(call_often(&rig.log, calls, work), calls);
    rig.check_peak("under overload");
    let first = rig.recover();
    assert_eq!(first.activities.recorded, calls as u64);
    assert!(
        first.activities.rejected_memory > 0 && first.activities.committed > 0,
        "{first:?}"
    );

    // Memory kept from the first round must not add to the second.
    rig.store.set(fault);
    assert_eq!(call_often(&rig.log, calls / 4, work), calls / 4);
    rig.check_peak("under a second overload");
    let second = rig.recover();
    assert_eq!(second.activities.recorded, (calls + calls / 4) as u64);
    assert!(second.activities.committed > first.activities.committed);
    rig.end(&second);
}

/// Calls a wrapped service from many threads, and returns the number of correct responses.
fn call_often(log: &ActivityLog, calls: usize, work: Work) -> usize {
    let layer = ActivityLayer::new(log)
        .describe(|_: &u64| Describe::job("call"))
        .classify(Outcome::from_result);
    let each = (calls / THREADS / SHIFTS) as u64;
    let call = |number| {
        let mut service = layer.layer(service_fn(|number| ready(work(number))));
        match pin!(service.call(number)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => answer == number,
            Poll::Ready(Err(message)) => message.len() == LONG,
            Poll::Pending => false,
        }
    };
    let mut answered = 0;
    for _ in 0..SHIFTS {
        thread::scope(|scope| {
            let callers =
                [(); THREADS].map(|()| scope.spawn(|| (0..each).filter(|n| call(*n)).count()));
            answered += callers
                .into_iter()
                .map(|one| one.join().unwrap())
                .sum::<usize>();
        });
    }
    answered
}

type Work = fn(u64) -> Result<u64, String>;

fn plain(number: u64) -> Result<u64, String> {
    Ok(number)
}

/// Records everything that a call can, in many sizes.
fn rich(number: u64) -> Result<u64, String> {
    let activity = Activity::current();
    let size = number as usize % 50;
    activity.set("one", number);
    if number.is_multiple_of(2) {
        activity.set("nested", json!(vec![json!([]); size]));
        activity.set_input(&vec![size; size], Capture::Full);
        activity.set_output(&"x ".repeat(size), Capture::Preview);
        activity.set_project(format!("project {}", number % 10));
        activity.set_actor(format!("actor {}", number % 10));
    }
    match number % 3 {
        0 => Err("m".repeat(LONG)),
        _ => Ok(number),
    }
}

fn eventful(number: u64) -> Result<u64, String> {
    let event = Activity::current().event("step").count(number);
    let event = match number % 3 {
        0 => event,
        1 => event.summary("s".repeat(LONG)).actor("ann"),
        _ => event.data(json!({"lines": vec![number; 20]})),
    };
    event.record();
    Ok(number)
}

/// Starts more activities than fit, has them written as open rows, and ends them while the store hangs.
fn stay_open() {
    let mut open = Vec::with_capacity(BOUND / 100);
    let rig = Rig::new(Fault::None);
    for number in 0..20_000 {
        let one = rig
            .log
            .start(Describe::job("open").attribute("number", number));
        one.set_input(&vec![number; 20], Capture::Full);
        open.extend(one.id().is_some().then_some(one));
    }
    rig.check_peak("while all is open");
    rig.log.flush().wait().unwrap();
    rig.check_peak("while all is listed");
    for one in &open {
        // Also those that do not fit.
        one.set("more", "m".repeat(200));
    }
    rig.check_peak("while all says more");
    rig.store.set(Fault::Hang);
    let admitted = open.len();
    open.clear();
    rig.check_peak("while nothing is taken");
    let counts = rig.recover();
    assert_eq!(counts.activities.recorded, 20_000);
    assert_eq!(counts.activities.committed, admitted as u64);
    assert!(counts.activities.rejected_memory > 0);
    rig.end(&counts);
}
