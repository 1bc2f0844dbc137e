//! The accounting of events: each is stored once, or counted by the reason why it is not.

use std::time::Duration;

use tower_activity::{
    ActivityLog, Describe, ErrorKind, Outcome, query::ActivityReader, record::Filter,
    store::Accounting,
};

use crate::support::faulty::{Fault, FaultyStore};

fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

/// Returns the number of stored events.
fn on_record(log: &ActivityLog) -> usize {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let page = reader.events(&Filter::default(), None, 1_000).unwrap();
    page.records.len()
}

#[test]
fn a_re_fired_event_is_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let fire = |log: &ActivityLog, key: &str| {
        let event = log.event("memory_written").dedup_key(key.to_owned());
        event.record()
    };
    // In one batch, in a later one, and from another instance.
    let first = fire(&log, "a");
    let again = fire(&log, "a");
    let id = first.id();
    assert_ne!(again.id(), id);
    assert_eq!(first.committed().wait().unwrap(), id);
    assert_eq!(again.committed().wait().unwrap(), id);
    fire(&log, "b").committed().wait().unwrap();
    assert_eq!(fire(&log, "a").committed().wait().unwrap(), id);
    let counts = log.shutdown().wait().unwrap().events;
    assert_eq!(
        (counts.recorded, counts.committed, counts.duplicates),
        (4, 2, 2)
    );
    assert!(counts.adds_up());

    let log = ActivityLog::open(&path).unwrap();
    assert_eq!(fire(&log, "a").committed().wait().unwrap(), id);
    assert_eq!(on_record(&log), 2);
    log.shutdown().wait().unwrap();
    let health = ActivityReader::open(&path).unwrap().health().unwrap();
    assert_eq!(health.events, 2);
    let saved: Vec<_> = health
        .instances
        .iter()
        .map(|one| &one.accounting.events)
        .collect();
    assert_eq!(
        (saved[0].recorded, saved[0].committed, saved[0].duplicates),
        (1, 0, 1)
    );
    assert_eq!(*saved[1], counts);
}

#[test]
fn a_type_that_is_not_allowed_is_rejected_and_counted() {
    let log = ActivityLog::builder()
        .event_types(["chat_session", "deliverableRun"])
        .open(":memory:")
        .unwrap();
    assert!(log.event("Chat session").record().id().is_some());
    assert!(log.event("deliverable_run").record().id().is_some());
    let receipt = log.event("deployment").record();
    assert_eq!(receipt.id(), None);
    let error = receipt.committed().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(on_record(&log), 2);
    let counts = log.accounting().events;
    assert_eq!(
        (counts.recorded, counts.rejected_type, counts.committed),
        (3, 1, 2)
    );
    assert!(counts.adds_up());
}

#[test]
fn a_type_without_letters_or_digits_is_rejected() {
    let log = log();
    let receipt = log.event(" - ").record();
    assert_eq!(receipt.id(), None);
    assert_eq!(log.accounting().events.rejected_type, 1);
}

#[test]
fn events_after_the_shutdown_are_counted() {
    let log = log();
    log.shutdown().wait().unwrap();
    let receipt = log.event("deployment").record();
    assert_eq!(receipt.id(), None);
    assert_eq!(
        receipt.committed().wait().unwrap_err().kind(),
        ErrorKind::Closed
    );
    let counts = log.accounting().events;
    assert_eq!((counts.recorded, counts.rejected_closed), (1, 1));
    assert!(counts.adds_up());
}

#[test]
fn an_event_of_a_rejected_call_has_no_activity_or_is_counted() {
    let store = FaultyStore::new(Fault::Hang);
    let builder = ActivityLog::builder().memory_limit(64 << 10);
    let log = builder.open_store(store.clone()).unwrap();
    let full = loop {
        let call = log.start(Describe::job("call"));
        if call.id().is_none() {
            break call;
        }
        call.end(Outcome::success());
    };
    // It does not fit either: it is counted.
    while full.event("deployment").record().id().is_some() {}
    assert_eq!(log.accounting().events.rejected_memory, 1);
    store.mend();
    log.flush().wait().unwrap();
    let receipt = full.event("push").record();
    let id = receipt.committed().wait().unwrap().unwrap();
    let events = log.reader().unwrap().events(&Filter::default(), None, 100);
    let push = events.unwrap().records.into_iter().find(|one| one.id == id);
    assert_eq!(push.unwrap().activity, None);
    assert!(log.accounting().adds_up());
}

#[test]
fn events_that_do_not_fit_into_memory_are_counted_and_the_rest_is_stored() {
    let store = FaultyStore::new(Fault::Hang);
    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .open_store(store.clone())
        .unwrap();
    let receipts: Vec<_> = (0..1_000)
        .map(|_| log.event("tick").data("x".repeat(200)).record())
        .collect();
    let admitted = receipts
        .iter()
        .filter(|receipt| receipt.id().is_some())
        .count() as u64;
    let counts = log.accounting().events;
    assert_eq!((counts.recorded, counts.waiting), (1_000, admitted));
    assert_eq!(counts.rejected_memory, 1_000 - admitted);
    assert!(admitted > 0 && admitted < 300, "{admitted}");
    store.mend();
    for receipt in receipts {
        let id = receipt.id();
        match receipt.committed().wait() {
            Ok(on_record) => assert!(id.is_some() && on_record == id),
            Err(error) => assert!(id.is_none() && error.kind() == ErrorKind::Full),
        }
    }
    assert_eq!(on_record(&log) as u64, admitted);
    // All memory has been given back.
    assert!(
        log.event("tick")
            .data("x".repeat(40_000))
            .record()
            .id()
            .is_some()
    );
    let counts = log.shutdown().wait().unwrap().events;
    assert_eq!(counts.committed, admitted + 1);
    assert!(counts.adds_up());
}

#[test]
fn only_a_poison_event_is_given_up() {
    let store = FaultyStore::new(Fault::Refuse("poison"));
    let log = ActivityLog::builder().open_store(store).unwrap();
    let good: Vec<_> = (0..20).map(|_| log.event("good").record()).collect();
    let poison = log.event("poison").record();
    log.start(Describe::job("job")).end(Outcome::success());
    let more = log.event("good").record();
    let error = poison.committed().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    for receipt in good.into_iter().chain([more]) {
        let id = receipt.id();
        assert_eq!(receipt.committed().wait().unwrap(), id);
    }
    let counts = log.shutdown().wait().unwrap();
    assert_eq!(
        (counts.activities.committed, counts.activities.lost_refused),
        (1, 0)
    );
    let counts = counts.events;
    assert_eq!((counts.committed, counts.lost_refused), (21, 1));
    assert!(counts.adds_up());
}

#[test]
fn a_retried_batch_stores_each_event_once_and_counts_no_duplicate() {
    let store = FaultyStore::new(Fault::Late);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    let receipts = [
        log.event("plain").record(),
        log.event("keyed").dedup_key("a").record(),
    ];
    let late = log.flush().timeout(Duration::from_millis(200)).wait();
    assert!(late.unwrap_err().is_timeout());
    store.mend();
    for receipt in receipts {
        let id = receipt.id();
        assert_eq!(receipt.committed().wait().unwrap(), id);
    }
    assert_eq!(on_record(&log), 2);
    let counts = log.accounting().events;
    assert_eq!((counts.committed, counts.duplicates), (2, 0));
}

#[test]
fn a_wait_ends_at_its_timeout_and_a_shutdown_counts_uncommitted_events() {
    let store = FaultyStore::new(Fault::Fail);
    let log = ActivityLog::builder().open_store(store).unwrap();
    let wait = log.event("deployment").record().committed();
    let error = wait.timeout(Duration::from_millis(20)).wait().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let receipt = log.event("deployment").record();
    let shutdown = log.shutdown().timeout(Duration::from_millis(50)).wait();
    assert!(
        shutdown
            .unwrap_err()
            .to_string()
            .ends_with("nor are 2 events")
    );
    assert_eq!(
        receipt.committed().wait().unwrap_err().kind(),
        ErrorKind::Closed
    );
    let counts = log.accounting().events;
    assert_eq!(
        (counts.recorded, counts.lost_shutdown, counts.waiting),
        (2, 2, 0)
    );
    assert!(counts.adds_up());
}

#[test]
fn the_json_of_an_accounting_stays_compatible() {
    let text = r#"{"started":58,"open":1,"abandoned":2,"ended":40,"rejected_memory":3,"rejected_closed":4,"rejected_forked":8,"committed":5,"waiting":6,"lost_refused":12,"lost_shutdown":17,"late_ends":7,"not_durable":9,"redactor_panics":10,"files_replaced":11,"rows_rescued":13,"events":{"recorded":66,"rejected_memory":1,"rejected_closed":2,"rejected_type":3,"rejected_limit":4,"rejected_forked":5,"committed":6,"duplicates":7,"waiting":8,"lost_refused":9,"lost_shutdown":21},"recordings":{"recorded":28,"rejected_memory":1,"rejected_closed":2,"committed":3,"waiting":4,"lost_refused":5,"lost_shutdown":13}}"#;
    let accounting: Accounting = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&accounting).unwrap(), text);
    assert!(accounting.adds_up());
    for kind in 0..3 {
        let mut wrong = accounting.clone();
        let kinds = [
            &mut wrong.activities,
            &mut wrong.events,
            &mut wrong.recordings,
        ];
        kinds[kind].committed += 1;
        assert!(!wrong.adds_up());
    }
    // As an older version saved it, with unknown fields.
    let older: Accounting = serde_json::from_str(r#"{"started":1,"saved_at":5}"#).unwrap();
    assert_eq!((older.activities.recorded, older.events.recorded), (1, 0));
}
