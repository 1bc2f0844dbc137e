//! Lost rows are recorded in the ledger immediately, whichever process committed them, and stay there when the file is moved.

use std::{fs, path::Path};

use rusqlite::Connection;
use tower_activity::{ActivityLog, Mode, query::ActivityReader, store::Check};

use crate::replaced::{OpenLog, SIDE_FILES, beside, cp, record};

/// The number of missing activities, as `doctor` reports it.
fn missing(path: &Path) -> u64 {
    let mut reader = ActivityReader::open(path).unwrap();
    let check: Check = reader.check(&mut |_| {}).unwrap();
    let older = check.older.map_or(0, |older| older.activities.missing);
    check.total.activities.missing + older
}

/// Copies the log, and commits ten activities that are not in the copy.
fn with_copy(open: &OpenLog) -> std::path::PathBuf {
    let copy = open.copy();
    for _ in 0..10 {
        open.commit("newer");
    }
    await_checkpoint(open);
    copy
}

/// Waits until the WAL is checkpointed.
fn await_checkpoint(open: &OpenLog) {
    crate::support::after_commit(|| {
        let wal = fs::metadata(open.file("-wal")).unwrap();
        (wal.len() == 0).then_some(())
    });
}

#[test]
fn losses_of_an_overwritten_file_are_reported_for_it_after_it_was_moved() {
    for files in [&SIDE_FILES[..], &[""]] {
        let open = OpenLog::new(Mode::Fast);
        let copy = with_copy(&open);
        cp(&copy, &open.path);
        open.commit("after");
        assert_eq!(missing(&open.path), 10);
        let moved = open.folder.path().join("moved.db");
        for suffix in files {
            fs::rename(open.file(suffix), beside(&moved, suffix)).unwrap();
        }
        open.commit("in the next file");
        assert_eq!(missing(&open.path), 0);
        let (_, _folder) = open.names();
        assert_eq!(missing(&moved), 10);
    }
}

/// The rows were deleted before the copy was completed from the file that it replaced.
#[test]
fn rows_missing_in_a_replaced_file_are_missing_in_its_copy() {
    let open = OpenLog::new(Mode::Fast);
    let copy = with_copy(&open);
    let connection = Connection::open(&open.path).unwrap();
    let delete = "DELETE FROM activity WHERE seq BETWEEN 3 AND 6";
    assert_eq!(connection.execute(delete, ()).unwrap(), 4);
    drop(connection);
    fs::rename(&copy, &open.path).unwrap();
    open.commit("after");
    assert_eq!(missing(&open.path), 4);
    let moved = open.folder.path().join("moved.db");
    fs::rename(&open.path, &moved).unwrap();
    open.commit("in the next file");
    let (_, _folder) = open.names();
    assert_eq!(missing(&moved), 4);
}

#[test]
fn losses_of_an_overwritten_file_are_reported_for_the_next_file_when_it_is_removed() {
    let open = OpenLog::new(Mode::Fast);
    let copy = with_copy(&open);
    cp(&copy, &open.path);
    open.commit("after");
    for suffix in SIDE_FILES {
        fs::remove_file(open.file(suffix)).unwrap();
    }
    open.commit("in the next file");
    assert_eq!(missing(&open.path), 10);
    let path = open.path.clone();
    let (_, _folder) = open.names();
    assert_eq!(missing(&path), 10);
}

/// The process that committed them has ended.
#[test]
fn commits_of_other_processes_in_an_overwritten_file_are_reported_missing_too() {
    let open = OpenLog::new(Mode::Fast);
    let connection = Connection::open(&open.path).unwrap();
    let copy = open.folder.path().join("copy.db");
    connection
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(connection);
    let (path, log) = (open.path.clone(), open.log.clone());
    let (_, _folder) = open.names();
    drop(log);
    for count in [10, 5] {
        // The second one opens the older copy, whose counts are soon larger than the lost ones.
        let log = ActivityLog::open(&path).unwrap();
        for _ in 0..count {
            record(&log, "other");
        }
        log.shutdown().wait().unwrap();
        if count == 10 {
            cp(&copy, &path);
            assert_eq!(missing(&path), 10);
        }
    }
    for _ in 0..4 {
        let log = ActivityLog::open(&path).unwrap();
        for _ in 0..10 {
            record(&log, "later");
        }
        log.shutdown().wait().unwrap();
        assert_eq!(missing(&path), 10);
    }
}

#[test]
fn rows_that_another_client_deleted_in_the_wal_are_reported_missing_in_the_next_file() {
    let open = OpenLog::new(Mode::Fast);
    await_checkpoint(&open);
    // The open read transaction keeps later commits in the WAL.
    let reader = Connection::open(&open.path).unwrap();
    let held = reader.unchecked_transaction().unwrap();
    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    held.query_row("SELECT count(*) FROM activity", (), count)
        .unwrap();
    for _ in 0..5 {
        record(&open.log, "one of five");
    }
    open.commit("sixth");
    let other = Connection::open(&open.path).unwrap();
    let delete = "DELETE FROM activity WHERE seq BETWEEN 3 AND 4";
    assert_eq!(other.execute(delete, ()).unwrap(), 2);
    let moved = open.folder.path().join("moved.db");
    fs::rename(&open.path, &moved).unwrap();
    open.commit("in the next file");
    let path = open.path.clone();
    let (names, _folder) = open.names();
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(missing(&path), 2);
    drop(held);
}

#[test]
fn rows_in_the_copy_that_replaces_the_log_are_not_reported_missing() {
    let open = OpenLog::new(Mode::Fast);
    open.commit("second");
    let copy = open.copy();
    let other = Connection::open(&open.path).unwrap();
    let delete = "DELETE FROM activity";
    assert_eq!(other.execute(delete, ()).unwrap(), 2);
    drop(other);
    fs::rename(&open.path, open.folder.path().join("moved.db")).unwrap();
    fs::rename(&copy, &open.path).unwrap();
    open.commit("after");
    let path = open.path.clone();
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "second", "after"]);
    assert_eq!(missing(&path), 0);
}
