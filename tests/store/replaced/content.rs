//! Overwritten main files, and main files without the WAL that they need.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rusqlite::Connection;
use tower_activity::{ActivityLog, Mode};

use crate::replaced::{OpenLog, beside, cp, names, record};

/// Another program with an open read transaction. Dropping it ends the program.
struct ForeignReader(Child);

impl ForeignReader {
    fn open(path: &Path) -> Self {
        let mut sqlite3 = Command::new("sqlite3");
        sqlite3
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = sqlite3.spawn().unwrap();
        let input = child.stdin.as_mut().unwrap();
        writeln!(input, "BEGIN; SELECT count(*) FROM activity;").unwrap();
        let mut line = String::new();
        let output = child.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.trim().parse::<u32>().is_ok(), "{line}");
        ForeignReader(child)
    }
}

impl Drop for ForeignReader {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// No counter of SQLite or the ledger differs: the copy is as new as the last checkpoint.
#[test]
fn overwriting_the_file_with_a_copy_of_the_last_checkpoint_is_noticed() {
    let open = OpenLog::new(Mode::Fast);
    let copy = open.copy();
    let foreign = Connection::open(&open.path).unwrap();
    foreign
        .execute_batch("CREATE TABLE theirs (text); INSERT INTO theirs VALUES ('x');")
        .unwrap();
    drop(foreign);
    cp(&copy, &open.path);
    open.commit("after");
    let (names, _folder) = open.names();
    assert_eq!(names, ["before", "after"]);
}

/// The file differs from the copy only by the rows that were copied into it.
#[test]
fn overwriting_a_replaced_file_with_the_same_copy_again_is_noticed() {
    let open = OpenLog::new(Mode::Fast);
    let copy = open.copy();
    for _ in 0..30 {
        open.commit("newer");
    }
    let put = open.folder.path().join("put.db");
    cp(&copy, &put);
    fs::rename(&put, &open.path).unwrap();
    open.commit("after");
    cp(&copy, &open.path);
    open.commit("later");
    let (names, _folder) = open.names();
    assert!(names.contains(&"later".into()), "{names:?}");
}

/// The reader blocks the checkpoint: without its WAL the main file is not a consistent state of the log.
#[test]
fn a_removed_wal_that_the_main_file_needs_is_written_again() {
    for removed in [&["-wal"][..], &["-wal", "-shm"]] {
        let open = OpenLog::new(Mode::Durable);
        let reader = ForeignReader::open(&open.path);
        for _ in 0..20 {
            open.commit("more");
        }
        let foreign = Connection::open(&open.path).unwrap();
        foreign
            .execute_batch("CREATE TABLE theirs (text);")
            .unwrap();
        foreign
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
            .unwrap();
        drop(foreign);
        open.commit("last");
        for suffix in removed {
            fs::remove_file(open.file(suffix)).unwrap();
        }
        open.commit("after");
        drop(reader);
        open.commit("later");
        let path = open.path.clone();
        let (names, _folder) = open.names();
        assert_eq!(names.len(), 24, "{removed:?}: {names:?}");
        let theirs = Connection::open(path).unwrap();
        let count = theirs.query_row("SELECT count(*) FROM theirs", (), |row| {
            row.get::<_, i64>(0)
        });
        assert_eq!(count.unwrap(), 0, "commits of other programs are kept, too");
    }
}

/// The reader blocks the checkpoint: alone the main file is not a consistent state of the log.
#[test]
fn a_main_file_that_is_moved_without_the_wal_it_needs_gets_it() {
    let open = OpenLog::new(Mode::Durable);
    for _ in 0..20 {
        open.commit("more");
    }
    let reader = ForeignReader::open(&open.path);
    for _ in 0..20 {
        open.commit("more");
    }
    // Another program checkpoints as much as it can.
    let foreign = Connection::open(&open.path).unwrap();
    foreign
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
        .unwrap();
    drop(foreign);
    open.commit("last");
    let moved = open.folder.path().join("moved.db");
    fs::rename(&open.path, &moved).unwrap();
    open.commit("in the next file");
    drop(reader);
    let (found, _folder) = open.names();
    assert!(found.contains(&"in the next file".into()), "{found:?}");
    assert_eq!(names(&moved).len(), 42);
}

/// Writing beyond the end of a truncated file leaves a hole, however short the file was.
#[test]
fn a_short_wal_that_is_truncated_and_then_appended_to_is_noticed() {
    let open = OpenLog::new(Mode::Fast);
    let wal = fs::File::options().write(true).open(open.file("-wal"));
    wal.unwrap().set_len(0).unwrap();
    open.commit("after");
    open.commit("later");
    // As a kill would leave it.
    let copy = open.folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        cp(&open.file(suffix), &beside(&copy, suffix));
    }
    assert!(names(&copy).ends_with(&["later".into()]));
    open.names();
}

#[test]
fn a_file_that_replaces_the_log_together_with_its_wal_is_read_with_it() {
    let other = OpenLog::new(Mode::Fast);
    // The open read transaction keeps later commits in the WAL.
    let reader = Connection::open(&other.path).unwrap();
    let held = reader.unchecked_transaction().unwrap();
    held.query_row("SELECT count(*) FROM activity", (), |row| {
        row.get::<_, i64>(0)
    })
    .unwrap();
    other.commit("in the write-ahead log");
    let open = OpenLog::new(Mode::Fast);
    let copy = open.folder.path().join("copy");
    for suffix in ["", "-wal"] {
        cp(&other.file(suffix), &beside(&copy, suffix));
    }
    // The WAL first, which is useless alone.
    for suffix in ["-wal", ""] {
        fs::rename(beside(&copy, suffix), open.file(suffix)).unwrap();
    }
    open.commit("after");
    let (names, folder) = open.names();
    assert_eq!(
        names,
        ["before", "in the write-ahead log", "before", "after"]
    );
    let files = fs::read_dir(folder.path()).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(
        !files
            .iter()
            .any(|name| name.to_string_lossy().contains("stale")),
        "{files:?}"
    );
}

#[test]
fn a_damaged_replacement_does_not_stop_recording() {
    let text = b"no database".repeat(2_000);
    let sound = {
        let open = OpenLog::new(Mode::Fast);
        fs::read(open.copy()).unwrap()
    };
    let mut zeroed = sound.clone();
    zeroed[16 << 10..].fill(0);
    let mut schema = sound.clone();
    schema[100..8_000].fill(0xff);
    let short = sound[..sound.len() / 2].to_vec();
    for damaged in [text, zeroed, schema, short] {
        let open = OpenLog::new(Mode::Durable);
        let put = open.file("-put");
        fs::write(&put, &damaged).unwrap();
        fs::rename(put, &open.path).unwrap();
        open.commit("after");
        let (names, folder) = open.names();
        assert_eq!(names, ["before", "after"]);
        let kept = fs::read_dir(folder.path()).unwrap().any(|file| {
            let file = file.unwrap().path();
            file.is_file() && fs::read(file).unwrap().starts_with(&damaged[..16 << 10])
        });
        assert!(kept, "the damaged file was not kept");
    }
}

#[test]
fn a_sound_file_that_replaces_a_damaged_one_is_kept() {
    let other = OpenLog::new(Mode::Fast);
    let sound = other.copy();
    let old = Command::new("touch")
        .args(["-d", "yesterday"])
        .arg(&sound)
        .status();
    assert!(old.unwrap().success());
    let open = OpenLog::new(Mode::Fast);
    let put = open.file("-put");
    fs::write(&put, "no database".repeat(2_000)).unwrap();
    fs::rename(put, &open.path).unwrap();
    // The writer retries several times, but not long enough to set the file aside.
    for _ in 0..3 {
        record(&open.log, "between");
        std::thread::sleep(Duration::from_millis(300));
    }
    fs::rename(sound, &open.path).unwrap();
    open.commit("after");
    let (names, folder) = open.names();
    assert_eq!(names[0], "before", "{names:?}");
    let files = fs::read_dir(folder.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().file_name());
    assert!(!files.any(|name| name.to_string_lossy().contains("damaged")));
}

#[test]
fn a_wal_that_arrives_after_its_main_file_was_written_to_is_not_mixed_with_it() {
    let other = OpenLog::new(Mode::Fast);
    let reader = ForeignReader::open(&other.path);
    for _ in 0..8 {
        other.commit("in the write-ahead log");
    }
    let open = OpenLog::new(Mode::Fast);
    let copy = open.folder.path().join("copy");
    for suffix in ["", "-wal"] {
        cp(&other.file(suffix), &beside(&copy, suffix));
    }
    fs::rename(&copy, &open.path).unwrap();
    open.commit("between");
    // The commit is in the main file, whose count of commits is lower than that of the copied file with its WAL.
    crate::support::after_commit(|| {
        (fs::metadata(open.file("-wal")).unwrap().len() == 0).then_some(())
    });
    fs::rename(beside(&copy, "-wal"), open.file("-wal")).unwrap();
    open.commit("after");
    let (names, _folder) = open.names();
    for name in ["between", "after"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
    drop(reader);
}

/// The rows of so many processes take several pages. The WAL has the last of these, which the older file does not have.
#[test]
fn a_backup_that_is_put_under_the_wal_of_a_file_of_many_processes_is_not_mixed_with_it() {
    let open = OpenLog::new(Mode::Fast);
    let client = Connection::open(&open.path).unwrap();
    let processes = |count: usize| {
        let add = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO instance (uuid, host, pid, started_at, stopped_at, accounting) \
             SELECT randomblob(16), 'host', i, 0, 0, (SELECT accounting FROM instance LIMIT 1) FROM n; \
             PRAGMA wal_checkpoint(TRUNCATE)"
        );
        client.execute_batch(&add).unwrap();
    };
    processes(300);
    open.commit("in the backup");
    client
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let backup = fs::read(&open.path).unwrap();
    processes(100);
    for _ in 0..20 {
        open.commit("after the backup");
    }
    open.log.shutdown().wait().unwrap();
    let log = ActivityLog::open(&open.path).unwrap();
    record(&log, "after the backup");
    log.flush().wait().unwrap();
    client
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); BEGIN; SELECT count(*) FROM activity")
        .unwrap();
    record(&log, "in the write-ahead log");
    log.flush().wait().unwrap();
    let wal = fs::read(open.file("-wal")).unwrap();

    let restored = tempfile::tempdir().unwrap();
    let path = restored.path().join("activity.db");
    fs::write(&path, backup).unwrap();
    fs::write(beside(&path, "-wal"), wal).unwrap();
    let log = ActivityLog::open(&path).unwrap();
    log.shutdown().wait().unwrap();
    assert_eq!(names(&path), ["before", "in the backup"]);
    let mut files = fs::read_dir(restored.path()).unwrap();
    let is_stale = |name: String| name.contains("-wal.stale");
    assert!(files.any(|file| is_stale(file.unwrap().file_name().into_string().unwrap())));
}
