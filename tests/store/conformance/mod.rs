//! Every store answers as the naive one of the suite does, and a store that does not is found out.

#[cfg(feature = "dashboard")]
mod dashboard;
mod faults;
mod shelf;

use tower_activity::{
    record::InstanceId,
    store::{Instance, Store, sqlite::SqliteStore},
    testing::conformance::{self, Records},
};

use self::shelf::Shelf;

/// Of none, of a few, and of more than a page.
const SEEDS: std::ops::Range<u64> = 0..9;

#[test]
fn sqlite_in_memory_answers_as_it_has_to() {
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(":memory:")?;
        writers.push(conformance::commit(&store, records)?);
        store.reader()
    });
    report.unwrap().assert();
}

#[test]
fn sqlite_in_a_file_answers_as_it_has_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(folder.path().join(format!("{}.db", records.seed)))?;
        writers.push(conformance::commit(&store, records)?);
        store.reader()
    });
    report.unwrap().assert();
}

/// What is found through the index for searching, and in the sums of agents, is the same as what is looked for row by row.
#[test]
fn sqlite_answers_the_same_once_everything_is_indexed_and_added_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    let report = conformance::check(SEEDS, |records| {
        let store = SqliteStore::new(folder.path().join(format!("{}.db", records.seed)))?;
        writers.push(conformance::commit(&store, records)?);
        let mut upkeep = store.upkeep()?;
        while upkeep.index()? > 0 {}
        let quarters = upkeep.rebuildable(i64::MIN)?;
        upkeep.rebuild(quarters)?;
        store.reader()
    });
    report.unwrap().assert();
}

/// What is in the index and the sums, and what was committed since, are one answer.
#[test]
fn sqlite_answers_the_same_while_it_is_indexed() {
    let mut writers = Vec::new();
    let report = conformance::check(7..8, |records| {
        let store = SqliteStore::new(":memory:")?;
        writers.push(conformance::commit(&store, records)?);
        // One step is less than half of what is there.
        assert!(store.upkeep()?.index()? < records.activities.len() as u64);
        store.reader()
    });
    report.unwrap().assert();
}

#[test]
fn a_store_of_another_kind_answers_as_it_has_to() {
    let report = conformance::check(SEEDS, |records| Shelf::of(records).reader()).unwrap();
    report.assert();
    assert!(report.asked > 10_000, "{report}");
}

#[test]
fn a_store_that_is_only_read_says_so_to_whoever_records_there() {
    let shelf = Shelf::of(&Records::of_seed(0));
    let id = InstanceId::from_bytes([1; 16]);
    let instance = Instance::new(id, "host", 1, Records::of_seed(0).now);
    let error = shelf.writer(&instance).err().unwrap();
    assert!(error.is_invalid());
    assert_eq!(error.to_string(), "cannot record in Shelf: it is only read");
}

#[test]
fn the_records_of_a_seed_are_the_same_each_time() {
    let (first, again) = (Records::of_seed(3), Records::of_seed(3));
    assert_eq!(first.activities, again.activities);
    assert_eq!(first.events, again.events);
    assert_ne!(first.activities, Records::of_seed(4).activities);
    assert!(Records::of_seed(7).activities.len() > 1_000);
}
