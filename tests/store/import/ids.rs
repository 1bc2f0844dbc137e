//! Records whose id does not fit their time get a new id, and references to the old one are updated.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    import::Import,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
};

use crate::import::{content, import, lines};

/// A log with a tree, an abandoned activity, and attached and standalone events.
fn log() -> ActivityLog {
    let (log, clock) = ActivityLog::test();
    let root = log.start(Describe::job("root").project("acme"));
    for name in ["a", "b"] {
        clock.advance(Duration::from_micros(1_234));
        let child = log.start(Describe::job(name).parent(&root));
        clock.advance(Duration::from_micros(7));
        let below = log.start(Describe::job(format!("{name} below")).parent(&child));
        below.event("inside").summary(name).record();
        below.end(Outcome::success());
        child.end(Outcome::failed("denied"));
    }
    root.event("inside").summary("root").dedup_key("k").record();
    log.event("free").data(json!([1])).record();
    let left = log.start(Describe::job("left").parent(&root));
    left.event("inside").summary("left").record();
    root.end(Outcome::success());
    log.shutdown().wait().unwrap();
    drop(left);
    log
}

fn shifted(line: &str, by_us: i64) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    for field in ["started_at", "ended_at", "at"] {
        if let Some(text) = line.get(field).and_then(Value::as_str) {
            let time: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
            line[field] = json!(time + chrono::TimeDelta::microseconds(by_us));
        }
    }
    line.to_string()
}

/// All records, by name and by summary.
struct Kept {
    activities: BTreeMap<String, ActivityRecord>,
    events: Vec<EventRecord>,
}

fn kept(store: &dyn Store) -> Kept {
    let mut reader = ActivityReader::from_store(store).unwrap();
    let all = Filter::default();
    let activities = reader.page(&all, None, 1_000).unwrap().records;
    Kept {
        activities: activities
            .into_iter()
            .map(|one| (one.name.to_string(), one))
            .collect(),
        events: reader.events(&all, None, 1_000).unwrap().records,
    }
}

impl Kept {
    /// Asserts what holds for every import of all lines of [`log`], with any ids.
    fn check(&self) {
        assert_eq!((self.activities.len(), self.events.len()), (6, 5));
        let root = &self.activities["root"];
        assert_eq!((root.parent, root.root), (None, root.id));
        for (name, parent) in [
            ("a", "root"),
            ("b", "root"),
            ("left", "root"),
            ("a below", "a"),
            ("b below", "b"),
        ] {
            let one = &self.activities[name];
            assert_eq!(one.parent, Some(self.activities[parent].id), "{name}");
            assert_eq!(one.root, root.id, "{name}");
            assert_eq!(one.trace_id, root.trace_id, "{name}");
        }
        for event in &self.events {
            let within = match event.summary.as_deref() {
                None => None,
                Some("a") => Some("a below"),
                Some("b") => Some("b below"),
                Some(name) => Some(name),
            };
            let within = within.map(|name| self.activities[name].id);
            assert_eq!(event.activity, within, "{event:?}");
        }
        for one in self.activities.values() {
            assert_eq!(one.id.started_at(), one.started_at);
        }
        assert!(self.events.iter().all(|one| one.id.at() == one.at));
    }
}

#[test]
fn a_record_whose_id_does_not_fit_its_time_gets_a_new_id_and_keeps_the_old_one() {
    let original = log();
    let exported = lines(&mut original.reader().unwrap());
    let shifted: Vec<_> = exported.iter().map(|line| shifted(line, 1)).collect();
    let store = SqliteStore::new(":memory:").unwrap();
    let imported = import(&store, &shifted);
    assert_eq!((imported.activities, imported.events), (6, 5));
    assert_eq!((imported.renamed, imported.known), (11, 0));
    let found = kept(&store);
    found.check();
    let old = kept(&**original.store().unwrap());
    for (name, one) in &found.activities {
        let old = &old.activities[name];
        assert_eq!(
            one.started_at,
            old.started_at + chrono::TimeDelta::microseconds(1)
        );
        assert_eq!(one.attributes["imported.id"], json!(old.id));
        // Other systems know it by these.
        assert_eq!((one.trace_id, one.span_id), (old.trace_id, old.span_id));
        assert_eq!((one.status, one.duration_ns), (old.status, old.duration_ns));
    }
    for event in &found.events {
        match event.summary.is_some() {
            true => assert!(event.data.as_ref().unwrap()["imported.id"].is_string()),
            // Data that is not an object stays unchanged.
            false => assert_eq!(event.data, Some(json!([1]))),
        }
    }

    let again = import(&store, &shifted);
    assert_eq!((again.activities, again.events, again.known), (0, 0, 11));
    assert_eq!(
        (again.renamed, kept(&store).activities),
        (0, found.activities)
    );
    // Old ids that are in the store are known.
    let back = import(&**original.store().unwrap(), &shifted);
    assert_eq!((back.known, back.renamed), (11, 0));
    // Records with their new id keep it.
    let other = SqliteStore::new(":memory:").unwrap();
    let exported = lines(&mut ActivityReader::from_store(&store).unwrap());
    assert_eq!(import(&other, &exported).renamed, 0);
    assert_eq!(
        content(&lines(&mut ActivityReader::from_store(&other).unwrap())),
        content(&exported)
    );
}

#[test]
fn parents_and_events_are_found_across_imports_whichever_comes_first() {
    let original = log();
    let exported = lines(&mut original.reader().unwrap());
    let shifted: Vec<_> = exported.iter().map(|line| shifted(line, -1)).collect();
    let (activities, events): (Vec<_>, Vec<_>) = shifted
        .into_iter()
        .partition(|line| !line.contains("\"type\""));
    for first in [&activities, &events] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::new(folder.path().join("a.db")).unwrap();
        let second = if first == &activities {
            &events
        } else {
            &activities
        };
        import(&store, first);
        import(&store, second);
        kept(&store).check();
    }
    // One line per import.
    let store = SqliteStore::new(":memory:").unwrap();
    for line in activities.iter().rev().chain(&events) {
        import(&store, std::slice::from_ref(line));
    }
    kept(&store).check();
}

#[test]
fn an_interrupted_import_is_completed_by_the_next() {
    let original = log();
    let exported = lines(&mut original.reader().unwrap());
    let shifted: Vec<_> = exported.iter().map(|line| shifted(line, 1)).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(folder.path().join("a.db")).unwrap();
    let mut cut_off = Import::new(&store, Redactor::new()).unwrap();
    for line in shifted.iter().cycle().take(2_500) {
        cut_off.line(line).unwrap();
    }
    drop(cut_off);
    let imported = import(&store, &shifted);
    assert_eq!(imported.activities + imported.events + imported.known, 11);
    kept(&store).check();
}

#[test]
fn uuids_of_any_version_are_imported() {
    let line = |id: &str, parent: Option<&str>| {
        json!({"id": id, "parent": parent, "root": "6f1cbd30-0000-11ee-be56-0242ac120002", "kind": "tool",
               "name": id, "status": "success", "started_at": "2026-01-01T00:00:00.5Z", "duration_ns": 5})
        .to_string()
    };
    // Time-based UUIDs of one machine share their second half.
    let ids = [
        "6f1cbd31-0000-11ee-be56-0242ac120002",
        "6f1cbd32-0000-11ee-be56-0242ac120002",
        "b2ff0a2c-8f51-4d3c-9d3c-7c9d6d6f0a11",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "019b7709-b1f4-4000-8000-000000000000",
        "019b7709-b1f4-7000-c000-000000000000",
    ];
    let root = "6f1cbd30-0000-11ee-be56-0242ac120002";
    let mut all: Vec<_> = ids.iter().map(|id| line(id, Some(root))).collect();
    all.push(line(root, None));
    let store = SqliteStore::new(":memory:").unwrap();
    assert_eq!(import(&store, &all).activities, 8);
    assert_eq!(import(&store, &all).known, 8);
    let found = kept(&store).activities;
    let root = found[root].id;
    for one in found.values() {
        assert_eq!((one.id.started_at(), one.root), (one.started_at, root));
        assert_eq!(one.id.to_string().as_bytes()[14], b'7');
    }
    let tree = ActivityReader::from_store(&store)
        .unwrap()
        .tree(root)
        .unwrap();
    assert_eq!(tree.len(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_same_tree_forms_in_any_order_with_any_times(
        order in Just((0..11).collect::<Vec<usize>>()).prop_shuffle(),
        by_us in proptest::collection::vec(prop_oneof![Just(0), -3i64..3, Just(1_000_000), -90_000_000_000i64..90_000_000_000], 11),
        cuts in proptest::collection::vec(any::<bool>(), 11),
    ) {
        let original = log();
        let exported = lines(&mut original.reader().unwrap());
        let all: Vec<_> = exported.iter().zip(&by_us).map(|(line, by)| shifted(line, *by)).collect();
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::new(folder.path().join("a.db")).unwrap();
        let mut part = Vec::new();
        for (at, cut) in order.into_iter().zip(cuts) {
            part.push(all[at].clone());
            if cut {
                import(&store, &part);
                part.clear();
            }
        }
        import(&store, &part);
        kept(&store).check();
        prop_assert_eq!(import(&store, &all).known, 11);
        kept(&store).check();
    }

    #[test]
    fn different_ids_stay_different(ids in proptest::collection::hash_set(any::<[u8; 16]>(), 1..200), bits in 0u8..128) {
        // Ids that differ in few bits, or in all.
        let mut ids: HashSet<_> = ids.into_iter().collect();
        let one = *ids.iter().next().unwrap();
        ids.extend((0..=bits).map(|bit| {
            let mut other = one;
            other[usize::from(bit / 8)] ^= 1 << (bit % 8);
            other
        }));
        let store = SqliteStore::new(":memory:").unwrap();
        let lines: Vec<_> = ids
            .iter()
            .map(|id| {
                let id = ActivityId::from_bytes(*id);
                json!({"id": id, "kind": "tool", "name": "x", "status": "success",
                       "started_at": "2026-01-01T00:00:00Z", "duration_ns": 5})
                .to_string()
            })
            .collect();
        prop_assert_eq!(import(&store, &lines).activities, ids.len() as u64);
    }
}
