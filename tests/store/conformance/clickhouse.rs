//! A central store in ClickHouse answers like the suite's reference store.

use std::ops::Range;

use tower_activity::{
    store::{CentralStore, Store, clickhouse::ClickHouseStore},
    testing::conformance,
};

use super::renewed::Renewed;
use crate::support::clickhouse;

/// The seeds to check, as `FIRST..END` [default: one of few records]. Each takes thousands of requests.
const SEEDS: &str = "ACTIVITY_TEST_CLICKHOUSE_SEEDS";

#[test]
fn clickhouse_conforms() {
    let renewed = Renewed::default();
    let report = conformance::check(seeds(), |records| {
        let store = ClickHouseStore::new(&clickhouse::database())?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        renewed.add(intake);
        store.reader()
    });
    drop(renewed);
    report.unwrap().assert();
}

fn seeds() -> Range<u64> {
    let Ok(given) = std::env::var(SEEDS) else {
        return 1..2;
    };
    let ends = given.split_once("..").expect("seeds are FIRST..END");
    ends.0.parse().unwrap()..ends.1.parse().unwrap()
}
