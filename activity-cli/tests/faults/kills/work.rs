//! The work during which a process is killed.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Mode, Outcome,
    import::Import,
    query::{ActivityReader, Export, Format},
    record::Filter,
    redact::Redactor,
    store::{Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
};

use crate::{
    kills::{record_job, try_open},
    support::sums,
};

/// Logs that one process opens in turn, each of which is checkpointed when it is closed.
const LOGS: usize = 3;
/// Commits of each log.
const COMMITS: usize = 8;

/// Notes that an activity is committed; outside of the log's folder, whose writes are counted.
pub fn acknowledge(path: &Path, name: &str) {
    let file = path.parent().unwrap().with_file_name("acknowledged");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    file.write_all(format!("{name}\n").as_bytes()).unwrap();
}

/// The activities that were noted as committed.
pub fn acknowledged(path: &Path) -> BTreeSet<String> {
    let file = path.parent().unwrap().with_file_name("acknowledged");
    let lines = fs::read_to_string(file).unwrap_or_default();
    lines.lines().map(str::to_owned).collect()
}

/// Commits, with checkpoints in between.
pub fn commit(path: &Path) {
    commit_in(Mode::Fast, path);
}

/// The same in this mode.
pub fn commit_in(mode: Mode, path: &Path) {
    for one in 0..LOGS {
        let log = try_open(path, mode).0.unwrap();
        for number in 0..COMMITS {
            let name = format!("committed {one} {number}");
            let activity =
                log.start(Describe::job(name.clone()).attribute("text", "x".repeat(3_000)));
            log.event("tick").summary(name.clone()).record();
            activity.end(Outcome::success());
            log.flush().wait().unwrap();
            acknowledge(path, &name);
        }
        log.shutdown().wait().unwrap();
    }
}

/// Deletes the older half.
pub fn prune(path: &Path) {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (Some(Duration::ZERO.into()), Some(Duration::ZERO.into()));
    // 24 activities, each 400 seconds after the last.
    let what = Prune::ByDate(keep, "2026-02-13T11:40:00Z".parse().unwrap());
    while maintenance.prune(what).unwrap() != PruneCounts::default() {}
    assert_eq!(maintenance.prunable(what).unwrap(), PruneCounts::default());
    while maintenance.reclaim().unwrap() > 0 {}
}

/// Rebuilds all sums.
pub fn rebuild(path: &Path) {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    sums::rebuild(&mut *maintenance);
}

/// Imports another log's export.
pub fn import(path: &Path) {
    let (lines, names) = exported(path);
    let store = SqliteStore::new(path).unwrap();
    let mut import = Import::new(&store, Redactor::new()).unwrap();
    for line in &lines {
        import.line(line).unwrap();
    }
    import.finish().unwrap();
    for name in names {
        acknowledge(path, &name);
    }
}

/// The lines of a deterministic export, and the names of its activities.
fn exported(path: &Path) -> (Vec<String>, Vec<String>) {
    let kept = path.parent().unwrap().with_file_name("exported");
    let names = (0..40)
        .map(|number| format!("imported {number}"))
        .collect::<Vec<_>>();
    if !kept.exists() {
        let (log, clock) = ActivityLog::test();
        clock.set_wall("2026-02-13T10:00:00Z".parse().unwrap());
        for name in &names {
            record_job(&log, name.clone());
            log.event("tick").summary(name.clone()).record();
        }
        log.flush().wait().unwrap();
        let mut reader: ActivityReader = log.reader().unwrap();
        let mut bytes = Vec::new();
        let mut activities = Export::activities(Filter::default(), Format::JsonLines);
        while activities.page(&mut reader, &mut bytes).unwrap() {}
        let mut events = Export::events(Filter::default(), Format::JsonLines);
        while events.page(&mut reader, &mut bytes).unwrap() {}
        fs::write(&kept, bytes).unwrap();
    }
    let lines = fs::read_to_string(kept).unwrap();
    (lines.lines().map(str::to_owned).collect(), names)
}

/// Backs the log up. A copy under its final name must be complete.
pub fn back_up(path: &Path) {
    let copy = path.with_file_name("copy.db");
    if copy.exists() {
        let store = Connection::open(&copy).unwrap();
        let found: String = store
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .unwrap();
        let rows: usize = store
            .query_row("SELECT count(*) FROM activity", (), |row| row.get(0))
            .map(|count: i64| count as usize)
            .unwrap();
        assert_eq!((found.as_str(), rows), ("ok", crate::kills::BEFORE));
    }
    let store = SqliteStore::new(path).unwrap();
    match store.backup(&copy, &mut |_| ()) {
        Ok(bytes) => assert_eq!(fs::metadata(&copy).unwrap().len(), bytes),
        Err(error) => assert!(error.is_invalid() && copy.exists(), "{error}"),
    }
    let parts = fs::read_dir(copy.parent().unwrap()).unwrap();
    let mut parts = parts.map(|file| file.unwrap().file_name().into_string().unwrap());
    let part = parts.find(|name| name.contains(".part-"));
    assert_eq!(part, None, "what the killed one left");
}
