//! A process that is killed at any write while it records, prunes, rebuilds, imports or backs up loses nothing that was
//! acknowledged, and the next one continues. The same holds if system calls fail.
//!
//! `ACTIVITY_TEST_KILLS_AT=every` kills at every system call that writes instead of only at some.

mod io_errors;
pub mod work;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Mode, Outcome,
    query::ActivityReader,
    record::Filter,
    store::{Limit, Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::support::strace::{child, kill_at_some_writes};
use crate::support::sums;

/// Kills for each kind of work in the short form.
const SOME: usize = 40;
/// What is recorded in the end.
pub const MORE: &str = "afterwards";
const BEGIN: &str = "2026-02-13T09:00:00Z";
/// Activities of the initial log.
pub const BEFORE: usize = 48;

#[test]
fn a_process_killed_while_it_commits_and_checkpoints_keeps_what_it_acknowledged() {
    let test = "a_process_killed_while_it_commits_and_checkpoints_keeps_what_it_acknowledged";
    kill(test, work::commit, &initial_names());
}

#[test]
fn a_process_killed_while_it_prunes_deletes_no_younger_records() {
    let test = "a_process_killed_while_it_prunes_deletes_no_younger_records";
    let younger = (BEFORE / 2..BEFORE).map(initial_name).collect();
    kill(test, work::prune, &younger);
}

#[test]
fn a_process_killed_while_it_rebuilds_leaves_correct_sums() {
    let test = "a_process_killed_while_it_rebuilds_leaves_correct_sums";
    kill(test, work::rebuild, &initial_names());
}

#[test]
fn a_killed_import_is_completed_by_importing_again() {
    let test = "a_killed_import_is_completed_by_importing_again";
    kill(test, work::import, &initial_names());
}

#[test]
fn a_killed_backup_has_its_final_name_only_if_it_is_complete() {
    let test = "a_killed_backup_has_its_final_name_only_if_it_is_complete";
    kill(test, work::back_up, &initial_names());
}

/// Kills a process that does this work; in that process, does it.
fn kill(test: &str, work: fn(&Path), expected: &BTreeSet<String>) {
    if let Some(path) = child() {
        return work(&path);
    }
    let every = std::env::var_os("ACTIVITY_TEST_KILLS_AT").is_some_and(|at| at == "every");
    let kills = kill_at_some_writes(
        &format!("kills::{test}"),
        (!every).then_some(SOME),
        &initial_log,
        &|path| {
            check_and_continue(path, expected);
            // Repeating the interrupted work completes it.
            work(path);
            check(path, expected);
        },
    );
    assert!(kills > 0);
}

/// A copy of the initial log, which another process recorded.
pub fn initial_log() -> (TempDir, PathBuf) {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let (log, clock) = open(&path);
        clock.set_wall(BEGIN.parse().unwrap());
        for number in 0..BEFORE {
            record_job(&log, initial_name(number));
            log.event("tick")
                .summary(format!("event {number}"))
                .record();
            clock.advance(Duration::from_secs(400));
        }
        log.shutdown().wait().unwrap();
        fs::read(&path).unwrap()
    });
    let (folder, path) = no_log();
    fs::write(&path, made).unwrap();
    (folder, path)
}

/// A folder without a log.
pub fn no_log() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::create_dir(&log).unwrap();
    let path = log.join("activity.db");
    (folder, path)
}

/// The name of an activity of the initial log.
pub fn initial_name(number: usize) -> String {
    format!("before {number:02}")
}

pub fn initial_names() -> BTreeSet<String> {
    (0..BEFORE).map(initial_name).collect()
}

/// Checks what a killed process left, and continues with it.
fn check_and_continue(path: &Path, expected: &BTreeSet<String>) {
    assert_eq!(problems(path), [""; 0]);
    record_more(path);
    let names = check(path, expected);
    assert!(names.contains(MORE));
}

/// Records more than was recorded before.
pub fn record_more(path: &Path) {
    let (log, _) = open(path);
    record_job(&log, MORE);
    log.flush().wait().unwrap();
    log.shutdown().wait().unwrap();
}

/// Checks a log without a writer, and returns the names of its activities.
fn check(path: &Path, expected: &BTreeSet<String>) -> BTreeSet<String> {
    assert_eq!(problems(path), [""; 0]);
    check_contents(path, expected)
}

/// Checks what is in a log without a writer, and returns the names of its activities.
pub fn check_contents(path: &Path, expected: &BTreeSet<String>) -> BTreeSet<String> {
    let mut reader = ActivityReader::open(path).unwrap();
    let page = reader.page(&Filter::default(), None, 1_000).unwrap();
    drop(reader);
    let names: BTreeSet<_> = page
        .records
        .iter()
        .map(|one| one.name.to_string())
        .collect();
    let mut ids: Vec<_> = page.records.iter().map(|one| one.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), page.records.len(), "no activity twice");
    let acknowledged = work::acknowledged(path);
    let missing: Vec<_> = expected
        .union(&acknowledged)
        .filter(|name| !names.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "acknowledged, and not on record: {missing:?}"
    );

    let store = Connection::open(path).unwrap();
    let found: String = store
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(found, "ok");
    drop(store);
    let before = sums::all(path);
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    sums::rebuild(&mut *maintenance);
    drop(maintenance);
    assert!(sums::all(path) == before, "rebuilt sums differ");
    names
}

/// Returns the problems that `activity doctor` finds.
pub fn problems(path: &Path) -> Vec<String> {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_activity"));
    let output = doctor
        .args(["doctor", "--store"])
        .arg(path)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let lines = printed
        .lines()
        .filter_map(|line| line.strip_prefix("problem: "));
    let problems: Vec<_> = lines.map(str::to_owned).collect();
    assert_eq!(output.status.success(), problems.is_empty(), "{output:?}");
    problems
}

/// Opens a log that does not prune.
fn open(path: &Path) -> (ActivityLog, ManualClock) {
    let (opened, clock) = try_open(path, Mode::Fast);
    (opened.unwrap(), clock)
}

pub fn try_open(path: &Path, mode: Mode) -> (tower_activity::Result<ActivityLog>, ManualClock) {
    let clock = ManualClock::new();
    clock.set_wall("2026-02-14T09:00:00Z".parse().unwrap());
    let builder = ActivityLog::builder().clock(clock.clone()).mode(mode);
    let builder = builder
        .keep_activities(Limit::FOREVER)
        .keep_events(Limit::FOREVER)
        .keep_sums(Limit::FOREVER);
    (builder.open(path), clock)
}

pub fn record_job(log: &ActivityLog, name: impl Into<String>) {
    log.start(Describe::job(name.into()))
        .end(Outcome::success());
}
