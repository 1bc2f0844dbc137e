//! Compares a file with a central store.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
    store::{self, Position, Store, sqlite::SqliteStore},
};

/// Records activities, events, and trees of them; each is named by its number.
pub fn record(log: &ActivityLog, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let name = format!("call {number}");
        let call = log.start(
            Describe::tool(name)
                .project(["acme", "zoo"][number % 2])
                .actor("ann"),
        );
        call.set("number", number as u64);
        call.event("step").summary(format!("in {number}")).record();
        log.start(Describe::job(format!("inner {number}")).parent(&call))
            .end(Outcome::failed("denied"));
        call.end(Outcome::success());
    }
}

/// Everything that a store has: records by kind and id, and the contents of recordings.
pub fn all(store: &dyn Store) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut reader = match ActivityReader::from_store(store) {
        // Nothing was forwarded there yet.
        Err(error) if error.is_not_found() => return all,
        reader => reader.unwrap(),
    };
    let any = Filter::default();
    let mut add = |key: String, record: Value| {
        assert!(all.insert(key.clone(), record).is_none(), "twice: {key}");
    };
    let mut cursor = None;
    loop {
        let page = reader.page(&any, cursor, 1_000).unwrap();
        for mut one in page.records {
            // Its place in the commit order of one store, and whether that store's clock is behind it.
            (one.seq, one.ahead) = (None, false);
            add(format!("activity {}", one.id), json!(one));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut cursor = None;
    loop {
        let page = reader.events(&any, cursor, 1_000).unwrap();
        for mut one in page.records {
            (one.seq, one.ahead) = (0, false);
            add(format!("event {}", one.id), json!(one));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut reader = store.reader().unwrap();
    for one in reader.newest_recordings(None, 1_000).unwrap() {
        for chunk in reader.chunks(one.id, 0, 1_000).unwrap() {
            let (body, number) = (chunk.body.len(), chunk.number);
            add(
                format!("chunk {} {number}", one.id),
                json!([chunk.track, chunk.events, body]),
            );
        }
        add(format!("recording {}", one.id), json!(one));
    }
    all
}

pub fn file(path: &Path) -> BTreeMap<String, Value> {
    all(&SqliteStore::new(path).unwrap())
}

pub fn central(url: &str) -> BTreeMap<String, Value> {
    all(&*store::open(url).unwrap())
}

/// Asserts that two stores have the same records.
#[track_caller]
pub fn assert_same(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) {
    for (key, record) in expected {
        match found.get(key) {
            None => panic!(
                "missing: {key} of {} ({} found)",
                expected.len(),
                found.len()
            ),
            Some(other) => assert_eq!(record, other, "{key}"),
        }
    }
    let surplus = found.keys().find(|key| !expected.contains_key(*key));
    assert_eq!(surplus, None, "{} expected", expected.len());
}

/// Waits until the central store has this many activities.
pub fn until_count(url: &str, count: usize) {
    let store = store::open(url).unwrap();
    for _ in 0..600 {
        // It fails while nothing was forwarded, and while the server is away.
        let health = store.reader().and_then(|mut reader| reader.health());
        if health.is_ok_and(|health| health.activities >= count as u64) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{count} activities were not forwarded in time");
}

/// Follows the activities of a central store.
#[derive(Debug, Default)]
pub struct Follower {
    position: Position<ActivityRecord>,
    seen: BTreeSet<String>,
}

impl Follower {
    /// Reads on to the end.
    pub fn read(&mut self, url: &str) {
        let mut reader = ActivityReader::open(url).unwrap();
        loop {
            let page = reader.after(self.position, &Filter::default(), 50).unwrap();
            let is_end = page.records.is_empty() && page.next == self.position;
            self.position = page.next;
            let ids = page
                .records
                .into_iter()
                .map(|one| format!("activity {}", one.id));
            self.seen.extend(ids);
            if is_end {
                break;
            }
        }
    }

    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Asserts that it has seen all of these records that are activities.
    #[track_caller]
    pub fn assert_has_seen(&self, records: &BTreeMap<String, Value>) {
        let activities = records.keys().filter(|key| key.starts_with("activity"));
        let missed = activities.filter(|key| !self.seen.contains(*key));
        assert_eq!(missed.count(), 0, "of {}", self.seen.len());
    }
}

/// The number of logs that were forwarded to a central store.
pub fn logs(url: &str) -> u64 {
    let mut reader = store::open(url).unwrap().reader().unwrap();
    reader.health().unwrap().logs.unwrap().counts.known
}
