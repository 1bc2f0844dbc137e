//! A backup is one complete file, whatever is written meanwhile.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    store::{Store, sqlite::SqliteStore},
};

use crate::support::Rows;

fn done(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

#[test]
fn a_backup_is_one_file_with_everything_committed_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("activity.db"),
        folder.path().join("copy.db"),
    );
    let log = ActivityLog::open(&path).unwrap();
    done(&log, "before");
    log.flush().wait().unwrap();
    let running = log.start(Describe::job("running"));
    let bytes = log.backup(&copy).unwrap();
    done(&log, "after");
    log.flush().wait().unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().len(), bytes);
    assert_eq!(Rows::open(&copy).names(), ["before"]);
    drop(running);
    log.shutdown().wait().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    names.sort();
    assert_eq!(names, ["copy.db"], "reading it has left nothing behind");
    // The backup is a log of its own.
    let again = ActivityLog::open(&copy).unwrap();
    done(&again, "in the copy");
    again.shutdown().wait().unwrap();
    assert_eq!(Rows::open(&copy).names(), ["before", "in the copy"]);
}

#[test]
fn a_backup_beside_a_busy_writer_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                for _ in 0..1_000 {
                    done(&log, "call");
                }
                log.flush().wait().unwrap();
            }
        });
        let store = SqliteStore::new(&path).unwrap();
        for n in 0..5 {
            let copy = folder.path().join(format!("copy {n}?#%.db"));
            let mut last = None;
            store
                .backup(&copy, &mut |state| last = Some(state))
                .unwrap();
            let last = last.unwrap();
            assert_eq!(last.copied, last.pages);
            let connection = Connection::open(&copy).unwrap();
            let (rows, counted): (i64, i64) = connection
                .query_row(
                    "SELECT (SELECT count(*) FROM activity), (SELECT sum(activities_added) FROM instance)",
                    (),
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            assert_eq!(rows, counted, "a batch is copied completely or not at all");
        }
        stop.store(true, Relaxed);
    });
    log.shutdown().wait().unwrap();
}

#[test]
fn a_backup_replaces_no_file_and_leaves_nothing_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::open(folder.path().join("activity.db")).unwrap();
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "mine").unwrap();
    let error = log.backup(&taken).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let nowhere = folder.path().join("no such folder/copy.db");
    let error = log.backup(&nowhere).unwrap_err().to_string();
    assert!(error.contains("no such folder"), "{error}");
    assert!(
        ActivityLog::disabled()
            .backup(&taken)
            .unwrap_err()
            .is_invalid()
    );
    log.shutdown().wait().unwrap();
}
