//! Damaged and truncated logs: nothing panics, nothing is deleted, and what is readable is read.
//!
//! A binary of its own, because it counts the panics of all threads of the process.
//!
//! `ACTIVITY_TEST_TORN=full` tries several patterns for every page and every byte count around a frame.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_macros, unreachable_pub)]

mod pages;
mod panics;
mod wal;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Outcome, query::ActivityReader, record::Filter, store::Limit,
    testing::ManualClock,
};

/// The timeout for a write to a damaged log.
const WAIT: Duration = Duration::from_millis(300);

/// The name of the activity that is recorded after the damage.
const AFTERWARDS: &str = "afterwards";

/// True in the full form.
fn is_full_form() -> bool {
    std::env::var_os("ACTIVITY_TEST_TORN").is_some_and(|form| form == "full")
}

/// Tries all cases, on one thread per processor.
fn each<T: Sync>(cases: &[T], attempt: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
                    attempt(case);
                }
            });
        }
    });
}

/// Opens a log that does not prune.
fn open(path: &Path) -> tower_activity::Result<ActivityLog> {
    let clock = ManualClock::new();
    clock.set_wall("2026-02-14T09:00:00Z".parse().unwrap());
    ActivityLog::builder()
        .clock(clock)
        .keep_activities(Limit::FOREVER)
        .keep_events(Limit::FOREVER)
        .open(path)
}

fn record_job(log: &ActivityLog, name: impl Into<String>) {
    log.start(Describe::job(name.into()))
        .end(Outcome::success());
}

/// The sorted names of all activities.
fn names(path: &Path) -> tower_activity::Result<Vec<String>> {
    let mut reader = ActivityReader::open(path)?;
    let page = reader.page(&Filter::default(), None, 1_000)?;
    let mut names: Vec<_> = page
        .records
        .iter()
        .map(|one| one.name.to_string())
        .collect();
    names.sort();
    Ok(names)
}

/// Runs the command on a log. It may fail, but must not panic or be killed.
fn command(path: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_activity"));
    let output = command
        .args(args)
        .arg("--store")
        .arg(path)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some_and(|code| code < 100) && !stderr.contains("panicked"),
        "{args:?} on {}: {output:?}",
        path.display()
    );
    output
}

/// The errors of SQLite's integrity check.
fn integrity_errors(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let mut statement = store.prepare("PRAGMA integrity_check").unwrap();
    let lines = statement.query_map((), |row| row.get(0)).unwrap();
    let lines = lines.map(Result::unwrap);
    lines.filter(|line: &String| line != "ok").collect()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Asserts that an error names its file.
#[track_caller]
fn assert_names(error: &tower_activity::Error, path: &Path, what: &str) {
    let message = error.to_string();
    assert!(
        message.contains(path.to_str().unwrap()),
        "{what}: {message}"
    );
}
