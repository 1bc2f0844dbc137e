//! A log of a later version is refused with a reason, and left unchanged.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Error,
    import::Import,
    query::ActivityReader,
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
};

use crate::golden::{Golden, beside, newest_version, open_and_close};

/// A log of a future version, alone in its folder.
fn newer() -> (TempDir, PathBuf) {
    let (folder, path) = Golden::version(1).copy();
    upgrade(&path).close().unwrap();
    (folder, path)
}

/// The same after its writer was killed: only the WAL has the version.
fn newer_and_killed() -> (TempDir, PathBuf) {
    let (upgraded, from) = Golden::version(1).copy();
    let store = upgrade(&from);
    killed(upgraded.path(), store)
}

/// A database of another program that was killed.
fn foreign_and_killed() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = Connection::open(folder.path().join("activity.db")).unwrap();
    store
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('Yesterday');")
        .unwrap();
    killed(folder.path(), store)
}

/// A copy of a folder whose connection was never closed.
fn killed(from: &Path, store: Connection) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["activity.db", "activity.db-wal"] {
        fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    store.close().unwrap();
    let path = folder.path().join("activity.db");
    assert!(fs::metadata(beside(&path, "-wal")).unwrap().len() > 0);
    (folder, path)
}

fn upgrade(path: &Path) -> Connection {
    open_and_close(path);
    let store = Connection::open(path).unwrap();
    let version = newest_version() + 1;
    store.pragma_update(None, "user_version", version).unwrap();
    store
}

/// The bytes of every file in a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files
        .map(|path| (name(&path), fs::read(&path).unwrap_or_default()))
        .collect()
}

#[track_caller]
fn assert_refused<T>(result: Result<T, Error>) {
    let Err(error) = result else {
        panic!("it was opened");
    };
    assert!(error.is_newer_schema(), "{error}");
    assert_explains(&error.to_string());
}

/// Asserts that the message has both versions and a fix.
#[track_caller]
fn assert_explains(text: &str) {
    let newest = newest_version();
    for part in [
        format!("schema {}", newest + 1),
        format!("knows {newest}"),
        String::from("upgrade"),
    ] {
        assert!(text.contains(&part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_log_of_a_later_version_is_refused_and_left_unchanged() {
    let (folder, path) = newer();
    refuse(folder.path(), &path);
}

#[test]
fn a_log_whose_later_version_was_killed_is_refused_and_left_unchanged() {
    let (folder, path) = newer_and_killed();
    refuse(folder.path(), &path);
}

#[test]
fn a_database_of_a_killed_foreign_program_is_refused_and_left_unchanged() {
    let (folder, path) = foreign_and_killed();
    let before = files(folder.path());
    for result in [
        ActivityLog::open(&path).map(drop),
        ActivityReader::open(&path).map(drop),
    ] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("another program"), "{text}");
    }
    assert_unchanged(folder.path(), &before);
}

fn refuse(folder: &Path, path: &Path) {
    let before = files(folder);
    assert_refused(ActivityLog::open(path));
    assert_refused(ActivityReader::open(path));
    let store = SqliteStore::new(path).unwrap();
    assert_refused(store.maintenance());
    assert_refused(Import::new(&store, Redactor::new()));
    assert_unchanged(folder, &before);
}

fn assert_unchanged(folder: &Path, before: &BTreeMap<String, Vec<u8>>) {
    let mut after = files(folder);
    // Reading needs the WAL index, and may leave it and an empty WAL.
    after.remove("activity.db-shm");
    after.retain(|name, bytes| before.contains_key(name) || !bytes.is_empty());
    assert!(after == *before, "{:?}", after.keys());
}
