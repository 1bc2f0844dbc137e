//! Committed records survive when the files of an open log are moved, removed, replaced or truncated.

mod content;
mod losses;
mod torn;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tower_activity::{ActivityLog, Describe, Mode, Outcome, Status, record::ActivityRecord};

use crate::support::{self, Rows};

const SIDE_FILES: [&str; 3] = ["", "-wal", "-shm"];

/// A folder with an open log that has committed `before`.
struct OpenLog {
    folder: tempfile::TempDir,
    path: PathBuf,
    log: ActivityLog,
}

impl OpenLog {
    fn new(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::builder().mode(mode).open(&path).unwrap();
        let open = OpenLog { folder, path, log };
        open.commit("before");
        open
    }

    fn commit(&self, name: &'static str) {
        record(&self.log, name);
        let committed = || match self.log.flush().wait() {
            Ok(()) => Some(()),
            Err(error) => {
                eprintln!("{error}: {:?}", std::error::Error::source(&error));
                None
            }
        };
        support::after_commit(committed);
    }

    fn file(&self, suffix: &str) -> PathBuf {
        beside(&self.path, suffix)
    }

    /// Copies the log's current state, as another client would.
    fn copy(&self) -> PathBuf {
        let copy = self.folder.path().join("copy.db");
        let connection = Connection::open(&self.path).unwrap();
        connection
            .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        copy
    }

    /// Shuts the log down, and returns the names in its file.
    fn names(self) -> (Vec<String>, tempfile::TempDir) {
        self.log.shutdown().wait().unwrap();
        let names = names(&self.path);
        (names, self.folder)
    }
}

fn record(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies in another process, because closing the file in this one would drop SQLite's locks.
fn cp(from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    assert!(cp.args([from, to]).status().unwrap().success());
}

fn names(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let ok: String = connection
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(ok, "ok");
    let rows = Rows::open(path);
    rows.names().into_iter().map(str::to_owned).collect()
}

#[test]
fn removing_side_files_loses_nothing() {
    for mode in [Mode::Fast, Mode::Durable] {
        for removed in [&["-wal", "-shm"][..], &["-shm"], &["-wal"]] {
            let open = OpenLog::new(mode);
            for suffix in removed {
                fs::remove_file(open.file(suffix)).unwrap();
            }
            open.commit("after");
            // Another program reads the file, and closes it as if it were the last to have it open.
            assert_eq!(names(&open.path), ["before", "after"], "{removed:?}");
            open.commit("later");
            let (names, _folder) = open.names();
            assert_eq!(names, ["before", "after", "later"], "{removed:?}");
        }
    }
}

#[test]
fn a_moved_file_and_the_new_one_together_have_everything() {
    for moved in [&[""][..], &["", "-wal", "-shm"]] {
        let open = OpenLog::new(Mode::Durable);
        let elsewhere = open.folder.path().join("moved.db");
        for suffix in moved {
            fs::rename(open.file(suffix), beside(&elsewhere, suffix)).unwrap();
        }
        open.commit("after");
        open.commit("later");
        let (found, _folder) = open.names();
        let mut both = names(&elsewhere);
        both.extend(found.iter().cloned());
        for name in ["before", "after", "later"] {
            assert!(
                both.iter().any(|found| found == name),
                "{moved:?}: {both:?}"
            );
        }
    }
}

#[test]
fn a_file_that_is_moved_away_and_back_has_everything() {
    let open = OpenLog::new(Mode::Fast);
    let elsewhere = open.folder.path().join("moved.db");
    fs::rename(&open.path, &elsewhere).unwrap();
    open.commit("between");
    fs::rename(&elsewhere, &open.path).unwrap();
    open.commit("after");
    let (mut names, _folder) = open.names();
    names.sort();
    assert_eq!(names, ["after", "before", "between"]);
}

#[test]
fn an_older_copy_that_replaces_the_file_is_completed_from_the_replaced_file() {
    let open = OpenLog::new(Mode::Fast);
    let copy = open.copy();
    open.commit("newer");
    fs::rename(&copy, &open.path).unwrap();
    open.commit("after");
    let (mut names, _folder) = open.names();
    names.sort();
    assert_eq!(names, ["after", "before", "newer"]);
}

#[test]
fn overwriting_the_file_with_an_older_copy_is_noticed_and_mixes_nothing() {
    let open = OpenLog::new(Mode::Fast);
    let copy = open.copy();
    let connection = Connection::open(&open.path).unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(connection);
    for n in 0..50 {
        open.commit(["newer", "newest"][n % 2]);
    }
    // Wait until it is checkpointed.
    support::after_commit(|| {
        let wal = fs::metadata(open.file("-wal")).unwrap();
        (wal.len() == 0).then_some(())
    });
    cp(&copy, &open.path);
    open.commit("after");
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "after"]);
}

#[test]
fn the_file_that_replaces_a_removed_one_has_the_same_retention() {
    use tower_activity::store::{Limit, Retention, Store, sqlite::SqliteStore};
    let open = OpenLog::new(Mode::Fast);
    let mut retention = Retention::default();
    retention.recordings = Some(Limit::FOREVER);
    let store = SqliteStore::new(&open.path).unwrap();
    store
        .maintenance()
        .unwrap()
        .set_retention(&retention)
        .unwrap();
    for suffix in SIDE_FILES {
        fs::remove_file(open.file(suffix)).unwrap();
    }
    open.commit("after");
    let found = open.log.reader().unwrap().health().unwrap().retention;
    assert_eq!(found.recordings, Some(Limit::FOREVER));
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "after"]);
}

#[test]
fn a_damaged_file_is_set_aside_and_recording_continues_in_a_new_one() {
    use std::os::unix::fs::FileExt;
    let open = OpenLog::new(Mode::Fast);
    support::after_commit(|| {
        let wal = fs::metadata(open.file("-wal")).unwrap();
        (wal.len() == 0).then_some(())
    });
    open.log.shutdown().wait().unwrap();
    let connection = Connection::open(&open.path).unwrap();
    let page: u64 = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'bucket'",
            (),
            |row| row.get::<_, i64>(0).map(i64::cast_unsigned),
        )
        .unwrap();
    drop(connection);
    let file = fs::File::options().write(true).open(&open.path).unwrap();
    file.write_all_at(&[0xAB; 8192], (page - 1) * 8192).unwrap();
    drop(file);
    let damaged = fs::read(&open.path).unwrap();
    let log = ActivityLog::open(&open.path).unwrap();
    record(&log, "after");
    support::after_commit(|| log.flush().wait().ok());
    log.shutdown().wait().unwrap();
    assert_eq!(names(&open.path), ["after"]);
    let aside = fs::read_dir(open.folder.path()).unwrap();
    let aside = aside.map(|file| file.unwrap().path());
    let mut aside = aside.filter(|path| {
        let name = path.to_string_lossy();
        name.contains(".damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    let found = fs::read(aside.next().unwrap()).unwrap();
    assert_eq!(found.len(), damaged.len(), "nothing is deleted");
}

#[test]
fn a_truncated_wal_is_noticed() {
    let open = OpenLog::new(Mode::Fast);
    open.commit("newer");
    fs::File::create(open.file("-wal")).unwrap();
    open.commit("after");
    open.commit("later");
    let (names, _folder) = open.names();
    assert!(
        names.ends_with(&["after".into(), "later".into()]),
        "{names:?}"
    );
}

#[test]
fn a_running_call_survives_the_removal_of_the_lock_folder() {
    let open = OpenLog::new(Mode::Fast);
    let running = open.log.start(Describe::job("running"));
    open.commit("listed");
    fs::remove_dir_all(open.file("-instances")).unwrap();
    // Another process reaps dead instances.
    let other = ActivityLog::open(&open.path).unwrap();
    record(&other, "other");
    other.shutdown().wait().unwrap();
    running.end(Outcome::success());
    open.commit("after");
    let row = Rows::open(&open.path).one("running");
    assert_eq!(row.status, Status::Success);
    open.names();
}

#[test]
fn opening_an_open_file_by_a_hard_link_is_refused_and_an_unused_link_is_harmless() {
    let open = OpenLog::new(Mode::Fast);
    let second = open.folder.path().join("second.db");
    fs::hard_link(&open.path, &second).unwrap();
    open.commit("after");
    let error = ActivityLog::open(&second).unwrap_err().to_string();
    let first = fs::canonicalize(&open.path).unwrap();
    assert!(error.contains(first.to_str().unwrap()), "{error}");
    let (names, folder) = open.names();
    assert_eq!(names, ["before", "after"]);
    // No process has it open any more.
    let log = ActivityLog::open(folder.path().join("second.db")).unwrap();
    log.shutdown().wait().unwrap();
}

#[test]
fn the_lock_on_the_file_is_held_whatever_else_the_process_opens() {
    use std::os::unix::fs::MetadataExt;
    let open = OpenLog::new(Mode::Fast);
    let inode = fs::metadata(&open.path).unwrap().ino();
    let held = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        let own = process::id().to_string();
        locks.lines().any(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            fields.get(4) == Some(&own.as_str())
                && fields
                    .get(5)
                    .is_some_and(|file| file.ends_with(&format!(":{inode}")))
        })
    };
    assert!(held());
    let second = ActivityLog::open(&open.path).unwrap();
    assert!(held());
    second.shutdown().wait().unwrap();
    assert!(held());
    drop(open.log.reader().unwrap());
    assert!(held());
    open.commit("after");
    assert!(held());
}

#[test]
fn the_main_file_of_an_idle_log_is_complete() {
    let open = OpenLog::new(Mode::Fast);
    open.commit("after");
    // After some idle seconds, a copy of the main file alone is complete.
    let copy = open.folder.path().join("copy.db");
    support::after_commit(|| {
        cp(&open.path, &copy);
        (Rows::open(&copy).names().len() == 2).then_some(())
    });
    let (_, folder) = open.names();
    let path = folder.path().join("activity.db");
    for suffix in &SIDE_FILES[1..] {
        assert!(!beside(&path, suffix).exists(), "{suffix}");
    }
}

#[test]
fn a_truncated_wal_index_kills_nobody() {
    let open = OpenLog::new(Mode::Fast);
    let mut reader = open.log.reader().unwrap();
    assert_eq!(reader.newest::<ActivityRecord>().unwrap().seq(), 1);
    // A process that is using the WAL index at this moment is killed: wait until the writer is idle.
    support::after_commit(|| (fs::metadata(open.file("-wal")).unwrap().len() == 0).then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    fs::File::create(open.file("-shm")).unwrap();
    assert_eq!(reader.newest::<ActivityRecord>().unwrap().seq(), 1);
    fs::File::create(open.file("-shm")).unwrap();
    open.commit("after");
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "after"]);
}

#[test]
fn opening_a_dangling_symlink_creates_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("behind.db", &link).unwrap();
    let log = ActivityLog::open(&link).unwrap();
    let open = OpenLog {
        path: folder.path().join("behind.db"),
        folder,
        log,
    };
    open.commit("before");
    // A second handle of this process, and a reader, by either name.
    let second = ActivityLog::open(&open.path).unwrap();
    second.shutdown().wait().unwrap();
    fs::remove_file(open.file("-wal")).unwrap();
    open.commit("after");
    assert_eq!(Rows::open(&link).names(), ["before", "after"]);
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "after"]);
}

#[test]
fn overwriting_the_file_with_a_log_of_an_older_version_is_noticed_and_mixes_nothing() {
    let open = OpenLog::new(Mode::Fast);
    open.commit("newer");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db");
    cp(&golden, &open.path);
    open.commit("after");
    let (names, _folder) = open.names();
    assert!(names.len() > 3, "{names:?}");
    assert!(!names.iter().any(|name| name == "newer"), "{names:?}");
    assert!(names.iter().any(|name| name == "after"), "{names:?}");
}

#[test]
fn maintenance_of_an_idle_log_does_not_stay_in_the_wal() {
    let open = OpenLog::new(Mode::Fast);
    let wal = || fs::metadata(open.file("-wal")).unwrap().len();
    // Ten seconds after its start it prunes, and writes the store's clock.
    let deadline = Instant::now() + Duration::from_secs(20);
    support::after_commit(|| (wal() == 0).then_some(()));
    while wal() == 0 {
        assert!(Instant::now() < deadline, "no maintenance was done");
        std::thread::sleep(Duration::from_millis(20));
    }
    support::after_commit(|| (wal() == 0).then_some(()));
}

#[test]
fn a_checkpointed_wal_is_filled_again_before_the_next_checkpoint() {
    let open = OpenLog::new(Mode::Durable);
    let wal = || fs::metadata(open.file("-wal")).unwrap().len();
    while wal() < 8 << 20 {
        open.commit("one of many");
    }
    let mut times = Vec::new();
    for _ in 0..40 {
        open.commit("one more");
        times.push(fs::metadata(&open.path).unwrap().modified().unwrap());
    }
    times.dedup();
    assert!(
        times.len() < 8,
        "the main file was written {} times",
        times.len()
    );
}

#[test]
fn a_log_that_is_closed_while_the_file_is_locked_leaves_nothing_running() {
    let open = OpenLog::new(Mode::Fast);
    let running = open.log.start(Describe::job("running"));
    open.commit("listed");
    let other = Connection::open(&open.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let log = open.log.clone();
    let closing = std::thread::spawn(move || log.shutdown().wait());
    // Longer than the busy timeout.
    std::thread::sleep(Duration::from_millis(1_500));
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let _ = closing.join().unwrap();
    drop(running);
    let path = open.path.clone();
    let log = ActivityLog::open(&path).unwrap();
    record(&log, "later");
    log.flush().wait().unwrap();
    let row = Rows::open(&path).one("running");
    assert_eq!(row.status, Status::Abandoned);
}
