//! Batches that are not counted in the sums yet are read from their activities.

use tower_activity::{
    record::{ActivityRecord, Filter, Kind, Status},
    store::{Reader, Store, postgres::PostgresStore},
};

use super::{Log, activity};
use crate::support::postgres;

const AT: &str = "2026-03-01T12:00:00Z";

fn failed(number: u64) -> ActivityRecord {
    let mut one = activity(AT.parse().unwrap(), number);
    one.status = Status::Failed;
    one.error_type = Some("timeout".into());
    one
}

fn of_agent(number: u64, kind: Kind) -> ActivityRecord {
    let mut one = activity(AT.parse().unwrap(), number);
    one.scope.agent = Some("bot".into());
    one.kind = kind;
    one
}

fn counts(reader: &mut dyn Reader) -> Vec<u64> {
    let groups = reader.failures(&Filter::default()).unwrap();
    groups.iter().map(|group| group.count).collect()
}

#[test]
fn groups_of_errors_have_the_failures_of_batches_that_are_not_counted() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(vec![failed(2), failed(3)], Vec::new());
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(counts(&mut *reader), [2]);
    while log.intake.fold().unwrap() > 0 {}
    assert_eq!(counts(&mut *reader), [2]);
    log.send(vec![failed(1)], Vec::new());
    assert_eq!(counts(&mut *reader), [3]);
    let groups = reader.failures(&Filter::default()).unwrap();
    let fingerprint = groups[0].fingerprint.unwrap();
    let first = reader.first_failures(&Filter::default(), &[fingerprint]);
    assert_eq!(first.unwrap()[&fingerprint], failed(1).id);
}

#[test]
fn an_agent_that_records_turns_is_known_before_they_are_counted() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(vec![of_agent(1, Kind::Tool)], Vec::new());
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    let mut turns = || {
        let mut turns = Vec::new();
        let all = Filter::default();
        reader
            .scan(&all, &mut |one| turns.push(one.is_turn))
            .unwrap();
        turns
    };
    assert_eq!(turns(), [true]);
    log.send(vec![of_agent(2, Kind::Turn)], Vec::new());
    assert_eq!(turns(), [false, true]);
}
