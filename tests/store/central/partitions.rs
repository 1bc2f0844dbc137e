//! Partitions are made ahead and on demand, and wrong clocks make none.

use chrono::{Duration, Utc};
use tower_activity::store::{Store, postgres::PostgresStore};

use super::{Log, activity, all, event, instant, number};
use crate::support::postgres;

const PARTITIONS: &str =
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'tower_activity.activity'::regclass";

#[test]
fn only_late_records_need_partitions_of_their_own() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    // Early, today, seven days, ahead.
    assert_eq!(number(&url, PARTITIONS), 10);
    let now = Utc::now();
    let early = (0..5).map(|year| instant(&format!("197{year}-02-03T04:05:06Z")));
    let ahead = (1..50).map(|days| now + Duration::days(days * 30));
    let soon = (0..3).map(|days| now + Duration::days(days));
    let late = (1..4).map(|days| now - Duration::days(days));
    let times = early.chain(ahead).chain(soon).chain(late);
    let both = times.map(|at| (activity(at, 1), event(at, 1)));
    let (activities, events): (Vec<_>, Vec<_>) = both.unzip();
    let count = activities.len();
    log.send(activities, events);
    log.fold();
    assert_eq!(number(&url, PARTITIONS), 13);
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(all(&mut *reader).len(), count);
}

#[test]
fn records_dated_ahead_move_to_their_days() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    // As if the days ahead had been made a week ago.
    let today = Utc::now().timestamp() / 86_400;
    for kind in ["activity", "event"] {
        postgres::query(
            &url,
            &format!(
                "ALTER TABLE tower_activity.{kind} DETACH PARTITION tower_activity.{kind}_ahead"
            ),
        );
        for day in today + 1..today + 8 {
            postgres::query(&url, &format!("DROP TABLE tower_activity.{kind}_{day}"));
        }
        postgres::query(
            &url,
            &format!(
                "SELECT tower_activity.attach('{kind}', '{kind}_ahead', {}, NULL)",
                today + 1
            ),
        );
    }
    let set = format!(
        "UPDATE tower_activity.mark SET value = {} WHERE name = 'ahead'",
        today + 1
    );
    postgres::query(&url, &set);

    let times = [1, 2, 2, 400].map(|days| Utc::now() + Duration::days(days));
    let records = times
        .into_iter()
        .zip(0..)
        .map(|(at, number)| activity(at, number));
    let mut other = Log::connect(&url, 2);
    // It made the days on opening. Back to where there were none, it does not again within the hour.
    other.send(records.collect(), Vec::new());
    let in_days = "SELECT count(*) FROM tower_activity.activity WHERE tableoid <> 'tower_activity.activity_ahead'::regclass";
    assert_eq!(number(&url, in_days), 3);
    assert_eq!(number(&url, PARTITIONS), 10);
    log.fold();
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(all(&mut *reader).len(), 4);
}

#[test]
fn a_reader_with_an_open_transaction_delays_the_days_ahead_and_nothing_else() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let today = Utc::now().timestamp() / 86_400;
    let mut reader = postgres::session(&url);
    reader.send("BEGIN; SELECT count(*) FROM tower_activity.activity;");
    postgres::query(
        &url,
        &format!(
            "UPDATE tower_activity.mark SET value = {} WHERE name = 'ahead'",
            today + 1
        ),
    );
    // Opening would make them; it goes on without.
    let mut other = Log::connect(&url, 2);
    other.send(
        vec![activity(Utc::now() - Duration::days(40), 1)],
        Vec::new(),
    );
    log.send(vec![activity(Utc::now(), 2)], Vec::new());
    log.fold();
    assert_eq!(
        number(
            &url,
            "SELECT value FROM tower_activity.mark WHERE name = 'ahead'"
        ),
        today + 1
    );
    let mut found = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(all(&mut *found).len(), 2);
    reader.send("COMMIT;");
}
