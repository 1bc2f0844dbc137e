//! Records that the server would refuse do not block their log.

use std::{
    sync::{Barrier, Mutex},
    thread,
};

use chrono::{Duration, Utc};
use serde_json::json;
use tower_activity::{
    record::{ActivityId, EventId, EventRecord, Filter, InstanceId, Preview, Status},
    store::{Source, Store, postgres::PostgresStore},
};

use super::{Log, activity, all, event, instant, number};
use crate::support::postgres;

#[test]
fn hostile_records_are_accepted() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let long = "word ".repeat(200_000);
    let at = Utc::now() - Duration::minutes(1);

    let mut nul = activity(at, 1);
    nul.name = "a\0b".to_owned().into();
    nul.message = Some("c\0d".to_owned().into());
    nul.attributes
        .insert("e\0f".into(), json!({"g": ["h\0i", 1e300]}));
    nul.scope.session = Some("j\0k".to_owned().into());
    let mut huge = activity(at, 2);
    huge.duration_ns = Some(u64::MAX);
    huge.input = Some(Preview::new("{}".to_owned(), u64::MAX, true));
    let mut long_texts = activity(at, 3);
    long_texts.name = long.clone().into();
    long_texts.scope.project = Some("ß".repeat(100_000).into());
    long_texts.message = Some(long.clone().into());
    long_texts.attributes.insert(long.clone(), json!(long));
    long_texts.output = Some(Preview::new(long.clone(), 1, false));
    // More distinct words than an index entry may have.
    let words: Vec<_> = (0..150_000).map(|number| format!("w{number}")).collect();
    let words = words.chunks(1000).map(|some| some.join(" "));
    let mut many_words = activity(at, 4);
    let words = words.collect::<Vec<_>>().join(" ");
    many_words.input = Some(Preview::new(words, 1, false));
    let early = activity(instant("1970-01-01T00:00:00Z"), 5);
    let late = activity(instant("2300-01-01T00:00:00Z"), 6);
    let mut foreign = activity(at, 7);
    foreign.id = ActivityId::from_bytes([0xff; 16]);
    let mut zero = activity(at, 8);
    zero.id = ActivityId::from_bytes([0; 16]);
    let mut stranger = activity(at, 9);
    stranger.instance = InstanceId::from_bytes([77; 16]);
    // The first millisecond of a day, without the bits of a UUIDv7.
    let mut midnight = activity(instant("2026-01-02T00:00:00Z"), 0);
    let mut id = *midnight.id.as_bytes();
    id[6..].fill(0);
    midnight.id = ActivityId::from_bytes(id);
    let records = vec![
        nul, huge, long_texts, many_words, early, late, foreign, zero, stranger, midnight,
    ];
    let count = records.len();

    let mut with_key = event(at, 1);
    with_key.dedup_key = Some(long.clone().into());
    with_key.count = u64::MAX;
    with_key.summary = Some(long.into());
    let mut with_nul = event(at, 2);
    with_nul.event_type = "l\0m".to_owned().into();
    with_nul.data = Some(json!("n\0o"));
    log.send(records, vec![with_key, with_nul]);
    log.fold();

    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(all(&mut *reader).len(), count);
    let events = Source::<EventRecord>::list(&mut *reader, &Filter::default(), None, 10);
    assert_eq!(events.unwrap().records.len(), 2);
    let sums = "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0";
    assert_eq!(number(&url, sums), count as i64);
    let refused = "SELECT sum(refused) FROM tower_activity.log";
    assert_eq!(number(&url, refused), 0);
    let json = "SELECT count(*) FROM tower_activity.activity WHERE attributes::jsonb IS NOT NULL";
    assert_eq!(number(&url, json), 1);
}

#[test]
fn a_row_that_the_server_refuses_is_left_out_and_counted() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let constraint =
        "ALTER TABLE tower_activity.activity ADD CONSTRAINT refuse CHECK (message <> 'refused')";
    postgres::query(&url, constraint);
    let at = Utc::now() - Duration::minutes(1);
    let mut records: Vec<_> = (0..20).map(|number| activity(at, number)).collect();
    for refused in [3, 4, 19] {
        records[refused].message = Some("refused".to_owned().into());
        records[refused].status = Status::Failed;
    }
    let batch = log.batch(records, vec![event(at, 1)]);
    log.intake.accept(&batch).unwrap();
    log.intake.accept(&batch).unwrap();
    log.fold();

    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(all(&mut *reader).len(), 17);
    let counts = "SELECT refused * 100 + (SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0) FROM tower_activity.log";
    assert_eq!(number(&url, counts), 317);
}

/// Each waits for a key that the other has inserted.
#[test]
fn logs_with_the_same_keys_in_another_order_do_not_wait_for_each_other() {
    let url = postgres::database();
    let at = Utc::now() - Duration::minutes(1);
    let (barrier, results) = (Barrier::new(2), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in [1, 2] {
            let (url, barrier, results) = (&url, &barrier, &results);
            scope.spawn(move || {
                let mut log = Log::connect(url, number);
                for round in 0..5 {
                    let mut events: Vec<_> = (0..1200)
                        .map(|key: u16| {
                            let mut one = event(at, number);
                            let mut id = *one.id.as_bytes();
                            (id[8], id[11]) = (number, round);
                            id[12..14].copy_from_slice(&key.to_be_bytes());
                            one.id = EventId::from_bytes(id);
                            // The first half differs by its project only.
                            one.dedup_key = Some(format!("{round} {}", key / 600 * key).into());
                            one.scope.project = Some(format!("project {key}").into());
                            one
                        })
                        .collect();
                    if number == 2 {
                        events.reverse();
                    }
                    barrier.wait();
                    let batch = log.batch(Vec::new(), events);
                    results.lock().unwrap().push(log.intake.accept(&batch));
                }
            });
        }
    });
    for accepted in results.into_inner().unwrap() {
        accepted.unwrap();
    }
    let kept = "SELECT count(*) FROM tower_activity.event";
    assert_eq!(number(&url, kept), 5 * 1200);
}

/// Of a batch with one key twice the first is kept, whatever the order in which its rows are inserted.
#[test]
fn the_first_event_with_a_key_is_kept() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    let events = (0..9).rev().map(|number| {
        let mut one = event(at, number);
        one.dedup_key = Some("key".to_owned().into());
        one.summary = Some(format!("{number}").into());
        one
    });
    log.send(Vec::new(), events.collect());
    let kept = "SELECT summary FROM tower_activity.event";
    assert_eq!(number(&url, kept), 8);
}

#[test]
fn a_long_host_is_cut_and_absurd_counts_do_not_overflow() {
    let url = postgres::database();
    for number in [1, 2] {
        let mut log = Log::connect(&url, number);
        log.instance.host = "ä".repeat(1000);
        let counts = &mut log.instance.accounting.activities;
        counts.recorded = u64::MAX;
        counts.rejected_memory = u64::MAX;
        counts.rejected_closed = u64::MAX;
        counts.lost_refused = u64::MAX;
        counts.lost_shutdown = u64::MAX;
        log.instance.accounting.late_ends = u64::MAX;
        log.send(Vec::new(), Vec::new());
    }
    let cut = "SELECT sum(octet_length(host)) FROM tower_activity.instance WHERE host LIKE 'ä%'";
    assert_eq!(number(&url, cut), 2 * 254);
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    let health = reader.health().unwrap();
    let all = reader.vitals().unwrap().accounting;
    for one in health
        .instances
        .iter()
        .map(|one| &one.accounting)
        .chain([&all])
    {
        assert_eq!(one.activities.rejected(), u64::MAX);
        assert_eq!(one.activities.lost(), u64::MAX);
        assert!(!one.to_string().is_empty() && serde_json::to_string(one).is_ok());
        one.adds_up();
    }
    for refused in ["host = repeat('x', 256)", "accounting = repeat('x', 5000)"] {
        let update = format!("UPDATE tower_activity.instance SET {refused}");
        let output = postgres::output(&url, &update);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains("violates check constraint"), "{message}");
    }
}
