//! Every store answers like the suite's reference store, and a store that does not is detected.

#[cfg(feature = "clickhouse")]
mod clickhouse;
#[cfg(feature = "dashboard")]
mod dashboard;
mod faults;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "clickhouse"))]
mod renewed;
mod shelf;

use tower_activity::{
    record::{Filter, InstanceId, Status},
    store::{Instance, Store, sqlite::SqliteStore},
    testing::conformance::{self, Records},
};

use self::shelf::Shelf;

/// Numbers of records: none, a few, and more than a page.
const SEEDS: std::ops::Range<u64> = 0..9;

#[test]
fn sqlite_in_memory_conforms() {
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(":memory:")?;
        writers.push(conformance::commit(&store, records)?);
        store.reader()
    });
    report.unwrap().assert();
}

#[test]
fn sqlite_in_a_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(folder.path().join(format!("{}.db", records.seed)))?;
        writers.push(conformance::commit(&store, records)?);
        store.reader()
    });
    report.unwrap().assert();
}

/// Results from the full-text index and the sums of agents equal those from reading the rows.
#[test]
fn sqlite_conforms_after_indexing_and_rebuilding() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(folder.path().join(format!("{}.db", records.seed)))?;
        writers.push(conformance::commit(&store, records)?);
        let mut maintenance = store.maintenance()?;
        while maintenance.index()? > 0 {}
        let quarters = maintenance.rebuildable(i64::MIN)?;
        maintenance.rebuild(quarters)?;
        store.reader()
    });
    report.unwrap().assert();
}

/// Results combine the indexed records with those committed since.
#[test]
fn sqlite_conforms_while_it_is_indexed() {
    let mut writers = Vec::new();
    let report = conformance::check(7..8, |records| {
        let store = SqliteStore::new(":memory:")?;
        writers.push(conformance::commit(&store, records)?);
        // One step indexes less than half of the records.
        assert!(store.maintenance()?.index()? < records.activities.len() as u64);
        store.reader()
    });
    report.unwrap().assert();
}

#[test]
fn another_kind_of_store_conforms() {
    let report = conformance::check(SEEDS, |records| Shelf::of(records).reader()).unwrap();
    report.assert();
    assert!(report.compared > 10_000, "{report}");
}

#[test]
fn a_read_only_store_refuses_to_record() {
    let shelf = Shelf::of(&Records::from_seed(0));
    let id = InstanceId::from_bytes([1; 16]);
    let instance = Instance::new(id, "host", 1, Records::from_seed(0).now);
    let error = shelf.writer(&instance).err().unwrap();
    assert!(error.is_invalid());
    assert_eq!(
        error.to_string(),
        "cannot record in Shelf: the store is read-only"
    );
}

#[test]
fn a_scan_of_too_many_records_says_how_to_narrow_it() {
    let records = Records::from_seed(3);
    let mut reader = Shelf::of(&records).reader().unwrap();
    let root = records.activities[0].root;
    assert!(!reader.tree(root).unwrap().is_empty());

    reader.options().scan_limit = Some(records.activities.len() - 1);
    let error = reader.tree(root).unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(
        error.to_string(),
        format!(
            "cannot scan the records: this store has more than {} \u{b7} narrow the time range with `since:` and `until:`",
            records.activities.len() - 1,
        ),
    );
    let ended = records.activities.iter();
    let ended = ended.filter(|one| one.status != Status::Running).count();
    reader.options().scan_limit = Some(ended - 1);
    let filter = Filter::parse("-name:unknown", records.now).unwrap();
    let error = reader.scan(&filter, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("-name:unknown"), "{error}");

    // A narrower filter stays within the limit.
    let day = Filter::parse("since:24h until:23h", records.now).unwrap();
    reader.scan(&day, &mut |_| {}).unwrap();
}

#[test]
fn a_seed_always_generates_the_same_records() {
    let (first, again) = (Records::from_seed(3), Records::from_seed(3));
    assert_eq!(first.activities, again.activities);
    assert_eq!(first.events, again.events);
    assert_ne!(first.activities, Records::from_seed(4).activities);
    assert!(Records::from_seed(7).activities.len() > 1_000);
}
