//! Retention and erasure in the centre.

use std::thread;

use chrono::{Duration, Utc};
use serde_json::json;
use tower_activity::record::Status;
use tower_activity::store::{Limit, Prune, Quarter, Retention, Store, postgres::PostgresStore};

use super::{Log, activity, all, event, instant, number};
use crate::support::{poll_until, postgres};

fn keep_30_days() -> Prune {
    let mut keep = Retention::default();
    keep.activities = Some(Limit::days(30));
    keep.events = Some(Limit::days(30));
    Prune::ByDate(keep, Utc::now())
}

#[test]
fn days_are_dropped_while_a_reader_holds_a_transaction_open() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let mut log = Log::connect(&url, 1);
    let ages = [0, 1, 40, 41, 41].map(|days| Utc::now() - Duration::days(days));
    let times = ages.into_iter().chain([instant("1970-01-01T00:00:00Z")]);
    let both = times
        .zip(1..)
        .map(|(at, number)| (activity(at, number), event(at, number)));
    let (activities, events): (Vec<_>, Vec<_>) = both.unzip();
    log.send(activities, events);
    log.fold();

    let mut maintenance = store.maintenance().unwrap();
    let prunable = maintenance.prunable(keep_30_days()).unwrap();
    assert_eq!((prunable.activities, prunable.events), (4, 4));
    let mut reader = postgres::session(&url);
    reader.send("BEGIN; SELECT count(*) FROM tower_activity.activity;");
    let pruning = thread::spawn(move || {
        let mut counts = maintenance.prune(keep_30_days()).unwrap();
        loop {
            let step = maintenance.prune(keep_30_days()).unwrap();
            if step.total() == 0 {
                return counts;
            }
            counts.add(step);
        }
    });
    // Other readers no longer see the oldest days, and records are accepted meanwhile.
    poll_until(|| (all(&mut *store.reader().unwrap()).len() <= 4).then_some(()));
    log.send(vec![activity(Utc::now(), 9)], Vec::new());
    assert!(!pruning.is_finished());
    reader.send("COMMIT;");
    let pruned = pruning.join().unwrap();
    assert_eq!((pruned.activities, pruned.events), (4, 4));
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 3);

    // A late record does not bring a day back.
    let late = Utc::now() - Duration::days(40);
    log.send(vec![activity(late, 10)], vec![event(late, 10)]);
    assert_eq!(number(&url, "SELECT outdated FROM tower_activity.log"), 2);
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 3);
    let span = Quarter::containing(late)..Quarter::containing(Utc::now());
    let gaps = store.reader().unwrap().gaps(span.clone()).unwrap();
    assert_eq!(gaps.activities[0].start, span.start);
    assert!(gaps.sums.is_empty() && gaps.events_before.is_some());
}

#[test]
fn limits_that_are_not_applied_are_refused() {
    let store = PostgresStore::new(&postgres::database()).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    let mut limits = Retention::default();
    limits.activities = Some(Limit::days(90));
    maintenance.set_retention(&limits).unwrap();
    assert_eq!(maintenance.retention().unwrap(), limits);
    limits.activities = Some(Limit::days(90).or_bytes(1));
    assert!(maintenance.set_retention(&limits).unwrap_err().is_invalid());
}

#[test]
fn what_was_erased_stays_erased_when_it_is_forwarded_later() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    let of_ann = |at, number| {
        let mut one = activity(at, number);
        one.scope.actor = Some("ann".to_owned().into());
        one.message = Some("secret".to_owned().into());
        one.status = Status::Failed;
        one.error_type = Some("denied".to_owned().into());
        one.attributes.insert("key".into(), json!("secret"));
        let mut happened = event(at, number);
        happened.scope.actor = Some("ann".to_owned().into());
        happened.summary = Some("secret".to_owned().into());
        (one, happened)
    };
    let (one, happened) = of_ann(at, 1);
    let mut alike = activity(at, 2);
    (alike.status, alike.error_type) = (Status::Failed, one.error_type.clone());
    log.send(vec![one, alike], vec![happened]);
    log.fold();
    let groups = "SELECT count(*) * 100 + sum(count) FROM tower_activity.failure";
    assert_eq!(number(&url, groups), 202);
    let mut maintenance = store.maintenance().unwrap();
    let erasable = maintenance.erasable("ann").unwrap();
    let erased = maintenance.erase("ann", &mut |_| {}).unwrap();
    assert_eq!((erased.activities, erased.events), (1, 1));
    assert_eq!(erased, erasable);
    // Without its message, the failure is one of the group of those that had none.
    assert_eq!(number(&url, groups), 102);
    // Recorded before, forwarded after.
    let (one, happened) = of_ann(at, 3);
    log.send(vec![one], vec![happened]);
    log.fold();
    assert_eq!(number(&url, groups), 103);
    let secrets = "SELECT (SELECT count(*) FROM tower_activity.activity AS a WHERE a::text LIKE '%secret%' OR actor IS NOT NULL) \
         + (SELECT count(*) FROM tower_activity.event AS e WHERE e::text LIKE '%secret%' OR actor IS NOT NULL) \
         + (SELECT count(*) FROM tower_activity.text WHERE value = 'ann')";
    assert_eq!(number(&url, secrets), 0);
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 3);
    // What is recorded later is of an actor who came back.
    let (one, happened) = of_ann(Utc::now() + Duration::minutes(1), 4);
    log.send(vec![one], vec![happened]);
    assert_eq!(
        number(
            &url,
            "SELECT count(*) FROM tower_activity.activity WHERE actor IS NOT NULL"
        ),
        1
    );
}
