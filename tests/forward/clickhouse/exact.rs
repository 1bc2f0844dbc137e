//! Counts, sums and months are exact, whatever is sent twice and late, through connections that are cut, by forwarders that are killed.
//!
//! The test runs itself again as the forwarder. `ACTIVITY_TEST_CLICKHOUSE_RECORDS` is the number of records (default 6,000).

use std::{
    collections::HashSet,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    forward::Forwarder,
    query::{ActivityReader, MetricsQuery, Window},
    record::{ActivityRecord, Filter},
    store::{
        self, Dimension, Grain, Position, Quarter, Reader, Record, Store, Subject,
        sqlite::SqliteStore,
    },
};

use crate::{
    compare::{assert_same, central, file, logs},
    support::{
        clickhouse,
        proxy::{Network, Proxy},
    },
};

const NAME: &str = "clickhouse::exact::counts_sums_and_months_are_exact_whatever_is_sent_twice";
/// The file and the target of the forwarder.
const CHILD: &str = "ACTIVITY_TEST_FORWARD";
/// What a call records: two activities and an event.
const RECORDS: usize = 3;
/// Until there were as many faults, the forwarder is not left alone.
const FAULTS: usize = 12;

#[test]
fn counts_sums_and_months_are_exact_whatever_is_sent_twice() {
    if let Ok(of) = std::env::var(CHILD) {
        let (path, url) = of.split_once(' ').unwrap();
        // A network may be away for longer than it tries.
        while Forwarder::open(path, url)
            .unwrap()
            .forward_all(|_| ())
            .is_err()
        {}
        return;
    }
    let records = std::env::var("ACTIVITY_TEST_CLICKHOUSE_RECORDS").ok();
    let records: usize = records.map_or(6_000, |records| records.parse().unwrap());
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let middle = write(&path, records / RECORDS);
    let url = clickhouse::database();
    let proxy = Proxy::start(&url);
    let target = proxy.address(&url, "");

    let (start, mut faults) = (Instant::now(), 0);
    let mut child = spawn(&path, &target);
    while child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(random.u64(20..1_200)));
        if faults == FAULTS {
            continue;
        }
        faults += 1;
        if random.bool() {
            child.kill().unwrap();
            child.wait().unwrap();
            child = spawn(&path, &target);
        } else {
            proxy.set(Network::Cut);
            thread::sleep(Duration::from_millis(random.u64(10..300)));
            proxy.set(Network::Open);
        }
    }
    assert!(child.wait().unwrap().success());
    println!(
        "{records} records in {:.1?}, {faults} faults",
        start.elapsed()
    );
    assert_eq!(logs(&url), 1, "it was one log throughout");
    check(&path, &url, records);

    // Late, in other batches, which the engine does not recognize.
    let again = Forwarder::open(&path, &*target).unwrap();
    let done = again.again_since(middle).forward_all(|_| ()).unwrap();
    assert!(done.forwarded > records as u64 / 3, "{done:?}");
    assert_eq!(logs(&url), 2);
    check(&path, &url, records);
}

/// Writes a file of so many calls. Returns the time of one in the middle.
fn write(path: &Path, calls: usize) -> DateTime<Utc> {
    let log = ActivityLog::open(path).unwrap();
    let mut middle = Utc::now();
    for number in 0..calls {
        if number == calls / 2 {
            middle = Utc::now();
        }
        let call =
            Describe::tool(format!("call {}", number % 7)).project(["acme", "zoo"][number % 2]);
        let call = log.start(call.agent(format!("agent {}", number % 5)));
        call.event("step").summary(format!("in {number}")).record();
        log.start(Describe::job("inner").parent(&call))
            .end(Outcome::failed("denied"));
        call.end(Outcome::success());
        if number % 1_000 == 999 {
            log.flush().wait().unwrap();
        }
    }
    log.shutdown().wait().unwrap();
    middle
}

fn spawn(path: &Path, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(CHILD, format!("{} {url}", path.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Compares the store with the file.
fn check(path: &Path, url: &str, records: usize) {
    let activities = records / RECORDS * 2;
    let of_file = SqliteStore::new(path).unwrap();
    let of_file: &dyn Store = &of_file;
    let central_store = store::open(url).unwrap();
    let stores = [of_file, &*central_store];
    let readers = || stores.map(|store| store.reader().unwrap());
    let same = |what: &str, ask: &dyn Fn(&mut dyn Reader) -> String| {
        let [expected, found] = readers().map(|mut reader| ask(&mut *reader));
        assert_eq!(expected, found, "{what}");
    };
    same("counts", &|reader| {
        let health = reader.health().unwrap();
        assert_eq!(health.activities, activities as u64);
        format!("{} {}", health.activities, health.events)
    });
    let now = Utc::now();
    let last = Quarter::containing(now).number() + 4;
    let quarters =
        || Quarter::from_number(last / 4 * 4 - 8)..Quarter::from_number(last / 4 * 4 + 4);
    let of = |by, id: &str| Subject::One(by, id.to_owned().into());
    for subject in [
        Subject::Overall,
        of(Dimension::Project, "acme"),
        of(Dimension::Agent, "agent 3"),
        of(Dimension::Name, "inner"),
    ] {
        same(&subject.to_string(), &|reader| {
            let buckets = reader.buckets(&subject, quarters(), Grain::Quarter);
            format!("{:?}", buckets.unwrap())
        });
        same(&format!("turns of {subject}"), &|reader| {
            let turns = reader.turn_stats(&subject, quarters(), Grain::Quarter);
            format!("{:?}", turns.unwrap().stats)
        });
        let query = MetricsQuery::new(Window::Month, now).subject(subject.clone());
        let [expected, found] = stores.map(|store| {
            let mut reader = ActivityReader::from_store(store).unwrap();
            reader.metrics(&query).unwrap()
        });
        assert_eq!(expected, found, "the month of {subject}");
    }
    for by in [Dimension::Project, Dimension::Agent, Dimension::Name] {
        same(by.as_str(), &|reader| {
            let mut totals = reader.totals(by, quarters()).unwrap();
            totals.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
            format!("{totals:?}")
        });
    }
    let seen = follow(&*central_store);
    assert_eq!(seen, activities);
    if records <= 10_000 {
        assert_same(&file(path), &central(url));
    }
}

/// Follows all activities. Returns how many there are; each is seen once.
fn follow(store: &dyn Store) -> usize {
    let mut reader = ActivityReader::from_store(store).unwrap();
    let mut position = Position::<ActivityRecord>::START;
    let mut seen = HashSet::new();
    loop {
        let page = reader.after(position, &Filter::default(), 1_000).unwrap();
        for one in &page.records {
            assert!(seen.insert(one.id()), "twice: {}", one.id);
        }
        if page.next == position {
            return seen.len();
        }
        position = page.next;
    }
}
