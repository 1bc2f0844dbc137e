//! A central store in ClickHouse answers like the suite's reference store.

use std::ops::Range;

use tower_activity::{
    store::{CentralStore, Store, clickhouse::ClickHouseStore},
    testing::conformance,
};

use super::{SEEDS, renewed::Renewed};
use crate::support::clickhouse;

/// One of so many questions is asked [default: 61]. The engine takes about 10 ms for each of some 20,000 requests of a seed.
const EVERY: &str = "ACTIVITY_TEST_CLICKHOUSE_EVERY";
/// The seeds of more records than a page has.
const LARGE: u64 = 7;

#[test]
fn clickhouse_conforms() {
    check(SEEDS.start..LARGE);
}

#[test]
fn clickhouse_conforms_with_more_than_a_page() {
    check(LARGE..SEEDS.end);
}

#[track_caller]
fn check(seeds: Range<u64>) {
    let every = std::env::var(EVERY).ok();
    let every = every.map_or(61, |every| every.parse().unwrap());
    let renewed = Renewed::default();
    let report = conformance::check_some(seeds, every, |records| {
        let store = ClickHouseStore::new(&clickhouse::database())?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        renewed.add(intake);
        store.reader()
    });
    drop(renewed);
    let report = report.unwrap();
    println!("{} answers", report.compared);
    report.assert();
}
