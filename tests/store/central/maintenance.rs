//! Days are dropped on request.

use std::thread;

use chrono::{Duration, Utc};
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
