//! Batches and rows that another program has deleted are missed, wherever they were.

use std::thread;

use chrono::{Duration, Utc};
use tower_activity::store::{Check, Store, postgres::PostgresStore};

use super::{Log, activity, event, number};
use crate::support::{poll_until, postgres};

fn check(url: &str) -> Check {
    let mut reader = PostgresStore::new(url).unwrap().reader().unwrap();
    reader.check(&mut |_| {}).unwrap()
}

fn accept(url: &str) {
    let mut maintenance = PostgresStore::new(url).unwrap().maintenance().unwrap();
    maintenance.accept(&mut |_| {}).unwrap();
}

/// Five batches of a log, each with an activity and an event.
fn fill(log: &mut Log) {
    let at = Utc::now() - Duration::minutes(1);
    for number in 1..=5 {
        log.send(vec![activity(at, number)], vec![event(at, number)]);
    }
    log.fold();
}

#[test]
fn a_batch_is_missed_wherever_it_was() {
    // The first, one in the middle, the last, and what is not counted yet.
    for number in [1, 3, 5, 6] {
        for (deleted, batches, rows) in [
            ("DELETE FROM tower_activity.batch WHERE id = {}", 1, 0),
            (
                "DELETE FROM tower_activity.activity WHERE batch = {}; DELETE FROM tower_activity.event WHERE batch = {}",
                0,
                1,
            ),
            (
                "DELETE FROM tower_activity.activity WHERE batch = {}; DELETE FROM tower_activity.event WHERE batch = {}; \
                 DELETE FROM tower_activity.batch WHERE id = {}",
                1,
                0,
            ),
        ] {
            let url = postgres::database();
            let mut log = Log::connect(&url, 1);
            fill(&mut log);
            let at = Utc::now() - Duration::minutes(1);
            log.send(vec![activity(at, 6)], vec![event(at, 6)]);
            assert!(check(&url).is_complete());
            postgres::query(&url, &deleted.replace("{}", &number.to_string()));
            // Rows of a batch that is not counted yet have no count to compare.
            let rows = if number == 6 { 0 } else { rows };
            let found = check(&url);
            let missing = (
                found.total.commits.missing,
                found.total.activities.missing,
                found.total.events.missing,
            );
            assert_eq!(missing, (batches, rows, rows), "{number}: {deleted}");
            if batches + rows > 0 {
                assert!(!found.is_complete());
                assert_eq!(found.differing[0].host.as_deref(), Some("host"));
            }
            accept(&url);
            let accepted = check(&url);
            assert!(accepted.is_complete(), "{number}: {deleted}: {accepted:?}");
            assert_eq!(accepted.central.unwrap().accepted_batches, batches);
            let kinds = accepted.accepted.iter().map(|one| one.missing);
            assert_eq!(kinds.sum::<u64>(), 2 * rows);
            // Others follow.
            log.send(vec![activity(at, 7)], Vec::new());
            log.fold();
            assert!(check(&url).is_complete());
        }
    }
}

/// A forwarder that has begun to accept a batch when the changes are accepted finishes it first.
#[test]
fn changes_are_accepted_beside_a_forwarder() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    fill(&mut log);
    postgres::query(&url, "DELETE FROM tower_activity.batch WHERE id = 2");
    let half = thread::scope(|scope| {
        let half = scope.spawn(|| {
            postgres::output(
                &url,
                "BEGIN; SELECT FROM tower_activity.log WHERE number = 1 FOR UPDATE; \
                 DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted); PERFORM pg_sleep(0.01); END LOOP; END $$; \
                 UPDATE tower_activity.log SET heard_at = now() WHERE number = 1; COMMIT",
            )
        });
        let has_begun = "SELECT count(*) FROM pg_locks WHERE mode = 'RowShareLock' AND relation = 'tower_activity.log'::regclass";
        poll_until(|| (number(&url, has_begun) > 0).then_some(()));
        accept(&url);
        half.join().unwrap()
    });
    assert!(half.status.success(), "{half:?}");
    assert!(check(&url).is_complete());
}

#[test]
fn rows_of_other_programs_are_surplus() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    fill(&mut log);
    // A row that is moved to another batch: neither hides the other.
    postgres::query(
        &url,
        "UPDATE tower_activity.activity SET batch = 2 WHERE batch = 3; \
         UPDATE tower_activity.batch SET max_activity = 'ffffffff-ffff-ffff-ffff-ffffffffffff' WHERE id = 2",
    );
    let found = check(&url).total.activities;
    assert_eq!((found.missing, found.surplus), (1, 1));
    postgres::query(&url, "DELETE FROM tower_activity.log");
    assert_eq!(check(&url).total.commits.surplus, 5);
    accept(&url);
    let accepted = check(&url);
    assert!(accepted.is_complete(), "{accepted:?}");
    let change = &accepted.accepted[0];
    assert_eq!((change.missing, change.surplus), (1, 1));
    let central = accepted.central.unwrap();
    assert_eq!((central.accepted_batches, central.surplus_batches), (0, 5));
    // The log is known again, and not as one that is forwarded.
    let health = PostgresStore::new(&url).unwrap().reader().unwrap().health();
    let logs = health.unwrap().logs.unwrap();
    assert_eq!((logs.counts.known, logs.counts.alive), (1, 0));
    assert_eq!((logs.counts.retired, logs.list.len()), (1, 0));
}

#[test]
fn records_of_missing_batches_are_not_compared_and_are_counted() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    fill(&mut log);
    assert_eq!(check(&url).central.unwrap().not_compared, 0);
    postgres::query(
        &url,
        "DELETE FROM tower_activity.batch WHERE id IN (2, 3); DELETE FROM tower_activity.event WHERE batch = 3",
    );
    accept(&url);
    let accepted = check(&url);
    assert!(accepted.is_complete(), "{accepted:?}");
    let central = accepted.central.unwrap();
    assert_eq!((central.accepted_batches, central.not_compared), (2, 3));
}

#[test]
fn sums_that_are_gone_differ_from_their_activities() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    fill(&mut log);
    assert!(check(&url).differing_quarters.is_empty());
    postgres::query(&url, "DELETE FROM tower_activity.bucket");
    assert_eq!(check(&url).differing_quarters.len(), 1);
}
