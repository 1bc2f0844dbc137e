//! A central store in PostgreSQL answers like the suite's reference store.

use std::{
    ops::Range,
    sync::mpsc::{Receiver, RecvTimeoutError::Disconnected, channel},
    thread,
    time::Duration,
};

use tower_activity::{
    store::{CentralStore, Intake, LogState, Store, postgres::PostgresStore},
    testing::conformance,
};

use super::SEEDS;
use crate::support::{pgbouncer::Pooler, postgres};

/// The seeds of more records than a page has, which take the longest.
const LARGE: u64 = 7;

#[test]
fn postgres_conforms() {
    check(SEEDS.start..LARGE, |url| url);
}

#[test]
fn postgres_conforms_with_more_than_a_page() {
    check(LARGE..LARGE + 1, |url| url);
}

#[test]
fn postgres_conforms_with_more_of_everything() {
    check(LARGE + 1..SEEDS.end, |url| url);
}

#[test]
fn postgres_conforms_through_a_pooler_in_transaction_mode() {
    let pooler = Pooler::start(&postgres::database());
    check(0..2, |url| pooler.address(&url));
}

#[track_caller]
fn check(seeds: Range<u64>, address: impl Fn(String) -> String) {
    let (connected, intakes) = channel();
    let renewing = thread::spawn(move || renew(&intakes));
    let report = conformance::check(seeds, |records| {
        let store = PostgresStore::new(&address(postgres::database()))?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        connected.send(intake).unwrap();
        store.reader()
    });
    drop(connected);
    renewing.join().unwrap();
    report.unwrap().assert();
}

/// Running activities run while their log is heard of.
fn renew(new: &Receiver<Box<dyn Intake>>) {
    let mut intakes: Vec<Box<dyn Intake>> = Vec::new();
    loop {
        match new.recv_timeout(Duration::from_secs(10)) {
            Ok(intake) => intakes.push(intake),
            Err(Disconnected) => break,
            Err(_) => {}
        }
        for intake in &mut intakes {
            intake.update(&LogState::default()).unwrap();
        }
    }
}
