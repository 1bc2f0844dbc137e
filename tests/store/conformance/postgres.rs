//! A central store in PostgreSQL answers like the suite's reference store.

use std::ops::Range;

use tower_activity::{
    store::{CentralStore, Store, postgres::PostgresStore},
    testing::conformance,
};

use super::{SEEDS, renewed::Renewed};
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
    let renewed = Renewed::default();
    let report = conformance::check(seeds, |records| {
        let store = PostgresStore::new(&address(postgres::database()))?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        renewed.add(intake);
        store.reader()
    });
    drop(renewed);
    report.unwrap().assert();
}
