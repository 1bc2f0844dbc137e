//! All logs of a process on one file share its connection and thread, and nothing else.

use std::{collections::BTreeSet, fs, process::Command, thread};

use tower_activity::{
    ActivityLog, Describe, Mode, Outcome, Status, import::Import, redact::Redactor,
    store::sqlite::SqliteStore,
};

use crate::support::Rows;

fn done(log: &ActivityLog, name: &str) {
    let running = log.start(Describe::job(name.to_owned()));
    running.set("note", "code violet");
    running.end(Outcome::success());
}

/// Marks the child process that counts its threads and descriptors.
const CHILD: &str = "ACTIVITY_TEST_SHARED_FILE";

/// The numbers of threads and descriptors of this process.
#[cfg(target_os = "linux")]
fn held() -> (usize, usize) {
    let count = |what| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    (count("task"), count("fd"))
}

/// Runs the test below in a process of its own, so that no other test's threads and descriptors count.
#[cfg(target_os = "linux")]
fn alone() {
    let name = "shared_file::any_number_of_logs_of_one_file_takes_one_thread_and_few_descriptors";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn any_number_of_logs_of_one_file_takes_one_thread_and_few_descriptors() {
    if std::env::var_os(CHILD).is_none() {
        return alone();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let first = ActivityLog::open(&path).unwrap();
    done(&first, "first");
    first.flush().wait().unwrap();
    let before = held();
    let logs: Vec<_> = (0..999)
        .map(|n| {
            let log = ActivityLog::open(&path).unwrap();
            done(&log, &format!("log {n}"));
            log
        })
        .collect();
    let after = held();
    assert!(after.0 < before.0 + 20, "threads: {before:?} {after:?}");
    assert!(after.1 < before.1 + 40, "descriptors: {before:?} {after:?}");
    for log in logs {
        let counts = log.shutdown().wait().unwrap();
        assert_eq!(
            (counts.activities.committed, counts.activities.lost()),
            (1, 0)
        );
    }
    first.shutdown().wait().unwrap();
    let rows = Rows::open(&path);
    assert_eq!(
        rows.names().into_iter().collect::<BTreeSet<_>>().len(),
        1_000
    );
}

#[test]
fn each_log_has_its_own_mode_redactor_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let fast = ActivityLog::open(&path).unwrap();
    let hides = Redactor::new().pattern("color", "violet").unwrap();
    let durable = ActivityLog::builder()
        .mode(Mode::Durable)
        .redactor(hides)
        .open(&path)
        .unwrap();
    let left_open = durable.start(Describe::job("left open"));
    let running = fast.start(Describe::job("running"));
    let recording = thread::spawn({
        let fast = fast.clone();
        move || {
            for n in 0..500 {
                done(&fast, &format!("fast {n}"));
            }
        }
    });
    for n in 0..50 {
        done(&durable, &format!("durable {n}"));
    }
    let counts = durable.shutdown().wait().unwrap();
    assert_eq!(
        (counts.activities.committed, counts.activities.open),
        (50, 1)
    );
    drop(left_open);
    recording.join().unwrap();
    // Open activities of the other log are not abandoned with those of the first.
    fast.flush().wait().unwrap();
    let rows = Rows::open(&path);
    assert_eq!(rows.one("running").status, Status::Running);
    assert_eq!(rows.one("left open").status, Status::Abandoned);
    assert_eq!(rows.one("durable 7").attributes["note"], "code [redacted]");
    assert_eq!(rows.one("fast 7").attributes["note"], "code violet");
    running.end(Outcome::success());
    let counts = fast.shutdown().wait().unwrap();
    assert_eq!(counts.activities.committed, 501);
    assert_eq!(Rows::open(&path).one("running").status, Status::Success);
}

#[test]
fn an_import_beside_a_log_uses_the_same_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    done(&log, "one");
    log.flush().wait().unwrap();
    let import = Import::new(&SqliteStore::new(&path).unwrap(), Redactor::new()).unwrap();
    done(&log, "two");
    log.flush().wait().unwrap();
    assert_eq!(import.finish().unwrap().activities, 0);
    done(&log, "three");
    let counts = log.shutdown().wait().unwrap();
    assert_eq!(counts.activities.committed, 3);
    let again = ActivityLog::open(&path).unwrap();
    let health = again.reader().unwrap().health().unwrap();
    assert_eq!(health.instances.len(), 2, "one that ended, one that lives");
    assert!(health.instances.iter().all(|one| one.accounting.adds_up()));
    again.shutdown().wait().unwrap();
}
