//! A central store in PostgreSQL answers like the suite's reference store.

use tower_activity::{
    store::{CentralStore, Store, postgres::PostgresStore},
    testing::conformance,
};

use crate::support::postgres;

#[test]
fn postgres_conforms() {
    let mut intakes = Vec::new();
    let report = conformance::check(0..2, |records| {
        let store = PostgresStore::new(&postgres::database())?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        // Running activities run while their log is heard of.
        intakes.push(intake);
        store.reader()
    });
    report.unwrap().assert();
}
