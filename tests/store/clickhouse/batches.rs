//! What is accepted: each record once, from one forwarder of a log at a time.

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::{
        CentralStore, ForwardedLog, Grain, LogState, Position, Quarter, Reader, Source, Store,
        Subject, clickhouse::ClickHouseStore,
    },
};
use uuid::Uuid;

use crate::{
    central::{Log, all, event, numbered},
    support::clickhouse,
};

fn store() -> ClickHouseStore {
    ClickHouseStore::new(&clickhouse::database()).unwrap()
}

fn start() -> DateTime<Utc> {
    "2026-02-18T10:00:00Z".parse().unwrap()
}

fn activities(numbers: std::ops::Range<u64>) -> Vec<ActivityRecord> {
    let each = numbers.map(|number| numbered(start() + Duration::seconds(number as i64), number));
    each.collect()
}

fn ids(records: &[ActivityRecord]) -> Vec<ActivityId> {
    let mut ids: Vec<_> = records.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids
}

fn followed(reader: &mut dyn Reader) -> Vec<ActivityRecord> {
    let source: &mut dyn Source<ActivityRecord> = reader;
    let (mut all, mut position) = (Vec::new(), Position::START);
    loop {
        let page = source.after(position, &Filter::default(), 7).unwrap();
        if page.next == position {
            return all;
        }
        all.extend(page.records);
        position = page.next;
    }
}

#[test]
fn a_record_that_is_sent_twice_late_and_by_two_logs_is_there_once() {
    let store = store();
    let sent = activities(0..50);
    let mut log = Log::connect_to(&store, 1);
    let batch = log.batch(sent.clone(), vec![event(start(), 1), event(start(), 2)]);
    log.intake.accept(&batch).unwrap();
    log.intake.accept(&batch).unwrap();
    log.fold();
    let mut reader = store.reader().unwrap();
    let before = followed(&mut *reader);
    assert_eq!(ids(&before), ids(&sent));

    // A clone of the file cuts other batches, which the engine does not recognize.
    let mut clone = Log::connect_to(&store, 2);
    clone.send(sent[..20].to_vec(), vec![event(start(), 1)]);
    clone.send(sent[20..].to_vec(), vec![event(start(), 2)]);
    clone.fold();

    assert_eq!(ids(&all(&mut *reader)), ids(&sent));
    let source: &mut dyn Source<EventRecord> = &mut *reader;
    let events = source.list(&Filter::default(), None, 10).unwrap().records;
    assert_eq!(events.len(), 2);
    let health = reader.health().unwrap();
    assert_eq!((health.activities, health.events), (50, 2));
    let quarters = Quarter::from_number(0)..Quarter::containing(start() + Duration::days(1));
    let buckets = reader
        .buckets(&Subject::Overall, quarters, Grain::Quarter)
        .unwrap();
    assert_eq!(buckets.iter().map(|one| one.sums.count).sum::<u64>(), 50);
    // Nothing of what a follower has seen comes again.
    let after = followed(&mut *reader);
    let places =
        |all: &[ActivityRecord]| all.iter().map(|one| (one.seq, one.id)).collect::<Vec<_>>();
    assert_eq!(places(&after), places(&before));
}

#[test]
fn of_events_with_one_deduplication_key_the_first_is_kept() {
    let store = store();
    let with_key = |number: u8, project: Option<&str>| {
        let mut one = event(start(), number);
        one.dedup_key = Some("it\'s \\ one\tkey".into());
        one.scope.project = project.map(|text| text.to_owned().into());
        one
    };
    let mut log = Log::connect_to(&store, 1);
    log.send(
        vec![],
        vec![
            with_key(1, None),
            with_key(2, None),
            with_key(3, Some("acme")),
        ],
    );
    let mut other = Log::connect_to(&store, 2);
    other.send(
        vec![],
        vec![
            with_key(4, None),
            with_key(5, Some("acme")),
            with_key(1, None),
        ],
    );
    let mut reader = store.reader().unwrap();
    let source: &mut dyn Source<EventRecord> = &mut *reader;
    let list = source.list(&Filter::default(), None, 10).unwrap().records;
    let mut last: Vec<u8> = list.iter().map(|one| one.id.as_bytes()[15]).collect();
    last.sort_unstable();
    assert_eq!(last, [1, 3]);
}

#[test]
fn one_forwarder_at_a_time_holds_a_log() {
    let store = store();
    let log = |holder: u8| {
        ForwardedLog::new(
            Uuid::from_bytes([1; 16]),
            Uuid::from_bytes([holder; 16]),
            "host",
        )
    };
    let (mut first, mut second) = (store.intake().unwrap(), store.intake().unwrap());
    first.connect(&log(1)).unwrap();
    assert!(second.connect(&log(2)).unwrap_err().is_busy());
    first.update(&LogState::default()).unwrap();
    first.disconnect().unwrap();
    second.connect(&log(2)).unwrap();
    assert!(first.connect(&log(1)).unwrap_err().is_busy());
    // A session of the same forwarder takes over.
    store.intake().unwrap().connect(&log(2)).unwrap();
}

#[test]
fn a_batch_that_does_not_follow_is_refused() {
    let store = store();
    let mut log = Log::connect_to(&store, 1);
    let first = log.batch(activities(0..3), vec![]);
    let mut second = log.batch(activities(3..5), vec![]);
    log.intake.accept(&first).unwrap();
    log.intake.accept(&second).unwrap();
    let error = log.intake.accept(&first).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    // The batch before it is one that the store does not have.
    second.id = Uuid::from_bytes([7; 16]);
    second.previous = Some(Uuid::from_bytes([8; 16]));
    assert!(log.intake.accept(&second).unwrap_err().is_busy());
    let mut reader = store.reader().unwrap();
    assert_eq!(all(&mut *reader).len(), 5);
}

#[test]
fn a_store_that_nothing_was_forwarded_to_says_so() {
    let error = store().reader().err().unwrap();
    assert!(error.is_not_found(), "{error}");
    assert!(
        error.to_string().contains("no log has been forwarded"),
        "{error}"
    );
    let nowhere = ClickHouseStore::new("clickhouse://127.0.0.1:9/ops").unwrap();
    let error = nowhere.reader().err().unwrap();
    assert!(
        error.is_store() && error.to_string().contains("127.0.0.1:9/ops"),
        "{error}"
    );
}
