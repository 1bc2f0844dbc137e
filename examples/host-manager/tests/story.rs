//! The records of the example, in order.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use chrono::Utc;
use tower_activity::{Status, query::ActivityReader, record::Filter};

#[test]
fn a_host_is_kept_awake_by_calls_then_stopped_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let ran = Command::new(env!("CARGO_BIN_EXE_host-manager"))
        .env("ACTIVITY_STORE", &store)
        .env("HOSTS", folder.path().join("hosts"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&ran.stderr)
    );

    let mut reader = ActivityReader::open(&store).unwrap();
    let mut events = reader
        .events(&Filter::default(), None, 100)
        .unwrap()
        .records;
    events.reverse();
    let types: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    let story = [
        "host_created",
        "host_idle",
        "host_stopped",
        "host_started",
        "host_stopped",
    ];
    assert_eq!(types, story);
    assert!(events.iter().all(|event| event.status == Status::Success));

    let calls = Filter::parse("kind:tool", Utc::now()).unwrap();
    let calls = reader.page(&calls, None, 100).unwrap().records;
    assert!(calls.iter().all(|call| call.status == Status::Success));
    // All but the one after it was started again came before it was idle.
    let before = calls
        .iter()
        .filter(|call| call.started_at < events[1].at)
        .count();
    assert!(
        before > 1 && before + 1 == calls.len(),
        "{before} of {}",
        calls.len()
    );
}
