//! Stores of other schema versions: earlier ones are migrated, later ones refused and left untouched.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tower_activity::{ActivityLog, store::Limit, testing::ManualClock};

use crate::fixture::Fixture;

/// Commands that read, write, migrate and delete.
const COMMANDS: [&[&str]; 9] = [
    &["list"],
    &["list", "--json"],
    &["doctor"],
    &["stats"],
    &["events"],
    &["export", "--format", "jsonl"],
    &["event", "deployment", "v4 is live"],
    &["prune", "--older-than", "1s"],
    &["rebuild"],
];

#[test]
fn doctor_finds_nothing_wrong_with_a_migrated_store() {
    let mut migrated = 0;
    for file in golden_files() {
        let fixture = copy(&file);
        migrate(&fixture.path());
        let ran = fixture.run(&["doctor"]);
        assert_eq!(ran.code, Some(0), "{}: {ran:?}", file.display());
        migrated += 1;
    }
    assert!(migrated > 0);
}

#[test]
fn every_command_refuses_a_later_schema_and_leaves_the_store_untouched() {
    let fixture = copy(&golden_files()[0]);
    let (connection, newest) = raise_version(&fixture.path());
    connection.close().unwrap();
    refuse(&fixture, newest);
}

#[test]
fn every_command_refuses_a_later_schema_whose_writer_was_killed() {
    let upgraded = copy(&golden_files()[0]);
    let (connection, newest) = raise_version(&upgraded.path());
    // The version is in the write-ahead log alone, as the writer left it.
    let fixture = Fixture::new();
    for name in ["activity.db", "activity.db-wal"] {
        let from = upgraded.folder.path().join(name);
        fs::copy(from, fixture.folder.path().join(name)).unwrap();
    }
    connection.close().unwrap();
    let wal = fixture.folder.path().join("activity.db-wal");
    assert!(fs::metadata(wal).unwrap().len() > 0);
    refuse(&fixture, newest);
}

#[track_caller]
fn refuse(fixture: &Fixture, newest: i64) {
    let before = files(fixture.folder.path());
    for command in COMMANDS {
        let ran = fixture.run(command);
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{command:?}");
        for part in [
            format!("schema {}", newest + 1),
            format!("knows {newest}"),
            String::from("upgrade"),
        ] {
            assert!(ran.stderr.contains(&part), "{part:?} is not in {ran:?}");
        }
    }
    let mut after = files(fixture.folder.path());
    // A reader of a write-ahead log needs an index of it, and may leave that and an empty log.
    after.remove("activity.db-shm");
    after.retain(|name, bytes| before.contains_key(name) || !bytes.is_empty());
    assert!(after == before, "{:?}", after.keys());
}

/// The golden files of all schema versions, oldest first.
fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let files = (1..).map(|version| folder.join(format!("schema-{version}.db")));
    files.take_while(|file| file.exists()).collect()
}

/// A copy of a golden file, with the lock files of the processes that were killed while they wrote it.
fn copy(golden: &Path) -> Fixture {
    let fixture = Fixture::new();
    fs::copy(golden, fixture.path()).unwrap();
    let locks = fixture.folder.path().join("activity.db-instances");
    fs::create_dir(&locks).unwrap();
    for instance in killed(&fixture.path()) {
        fs::write(locks.join(format!("{instance}.lock")), "").unwrap();
    }
    fixture
}

/// The ids of the instances that did not stop.
fn killed(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT lower(hex(uuid)) FROM instance WHERE stopped_at IS NULL")
        .unwrap();
    let ids = statement.query_map((), |row| row.get::<_, String>(0));
    let ids = ids.unwrap().map(|hex| hyphenated(&hex.unwrap()));
    ids.collect()
}

/// A UUID in its usual form.
fn hyphenated(hex: &str) -> String {
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// Migrates a store at a time when nothing in a golden file is old.
fn migrate(path: &Path) {
    let clock = ManualClock::new();
    clock.set_wall("2026-02-14T09:00:00Z".parse().unwrap());
    let log = ActivityLog::builder()
        .clock(clock)
        .keep_activities(Limit::FOREVER)
        .keep_events(Limit::FOREVER)
        .keep_sums(Limit::FOREVER)
        .open(path);
    log.unwrap().shutdown().wait().unwrap();
}

/// Migrates a store and gives it a version after the newest one. Returns the connection, still open, and the newest.
fn raise_version(path: &Path) -> (Connection, i64) {
    migrate(path);
    let connection = Connection::open(path).unwrap();
    let newest: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "user_version", newest + 1)
        .unwrap();
    (connection, newest)
}

/// The bytes of every file in a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .map(|path| (name(&path), fs::read(&path).unwrap_or_default()))
        .collect()
}
