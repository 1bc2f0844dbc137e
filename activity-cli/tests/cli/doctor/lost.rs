//! Committed transactions that are lost with their ledger: the lock files still count them.

use std::fs;

use rusqlite::{Connection, config::DbConfig};

use super::{
    foreign::{fails, filled, passes},
    recording_process,
};
use crate::fixture::Fixture;

/// A store whose process was killed: three ended activities and an open one, all in the WAL only, because a reader held up
/// the checkpoint.
fn killed() -> Fixture {
    let fixture = filled();
    let reader = Connection::open(fixture.path()).unwrap();
    let leave_it = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    reader.set_db_config(leave_it, true).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM activity")
        .unwrap();
    let mut child = recording_process(&fixture);
    child.kill().unwrap();
    child.wait().unwrap();
    fixture
}

fn remove(fixture: &Fixture, endings: &[&str]) {
    for ending in endings {
        let mut path = fixture.path().into_os_string();
        path.push(ending);
        // Some may not exist.
        let _ = fs::remove_file(path);
    }
}

#[test]
fn a_wal_left_by_a_killed_process_is_part_of_the_log() {
    let fixture = killed();
    let ran = passes(&fixture);
    assert!(ran.stdout.contains("do not remove it"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("1 lock file of dead processes"),
        "{}",
        ran.stdout
    );
}

/// Damages a frame: SQLite takes it for the end of the WAL, without an error.
#[test]
fn a_damaged_byte_in_a_wal_is_reported_and_the_frames_behind_it_are_kept() {
    use std::os::unix::fs::FileExt;
    let fixture = killed();
    fs::remove_dir_all(format!("{}-instances", fixture.path().display())).unwrap();
    let wal = format!("{}-wal", fixture.path().display());
    let file = fs::File::options().write(true).open(&wal).unwrap();
    // In the first page of the first frame.
    file.write_all_at(&[0xAB; 1], 32 + 24 + 4_000).unwrap();
    drop(file);
    remove(&fixture, &["-shm"]);
    let damaged = fs::read(&wal).unwrap();
    // Reading does not change it.
    assert_eq!(fixture.run(&["list"]).code, Some(0));
    let ran = fails(&fixture, "in the write-ahead log cannot be read");
    assert!(ran.stdout.contains("Copy the -wal file"), "{}", ran.stdout);
    assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
    let files = fs::read_dir(fixture.folder.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let kept = files.find(|file| file.to_string_lossy().contains("-wal.damaged-"));
    assert_eq!(fs::read(kept.unwrap()).unwrap(), damaged);
}

#[test]
fn a_wal_removed_after_a_kill_is_reported_as_missing_for_good() {
    let fixture = killed();
    remove(&fixture, &["-wal", "-shm"]);
    let missing = "problem: 3 of 10 activities are missing";
    fails(&fixture, missing);
    // The next process removes the lock file, but keeps its counts.
    assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
    fails(&fixture, missing);
    assert_eq!(fixture.run(&["doctor", "--accept"]).code, Some(0));
    passes(&fixture);
}

#[test]
fn accepted_losses_of_a_wal_stay_accepted() {
    let fixture = killed();
    remove(&fixture, &["-wal", "-shm"]);
    assert_eq!(fixture.run(&["doctor", "--accept"]).code, Some(0));
    passes(&fixture);
    assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
    passes(&fixture);
}

#[test]
fn a_file_removed_under_its_process_is_reported_even_after_it_is_recreated() {
    let fixture = killed();
    remove(&fixture, &["", "-wal", "-shm"]);
    let ran = fails(&fixture, "problem: 3 of 3 activities are missing");
    assert!(ran.stderr.contains("no store"), "{}", ran.stderr);
    assert_eq!(fixture.run(&["event", "note", "new"]).code, Some(0));
    fails(&fixture, "problem: 3 of 3 activities are missing");
}

#[test]
fn an_older_copy_in_place_of_the_log_is_reported() {
    let fixture = filled();
    let copy = fixture.folder.path().join("copy");
    // After a clean exit the main file alone has everything.
    Connection::open(fixture.path())
        .unwrap()
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    assert_eq!(fixture.run(&["event", "note", "later"]).code, Some(0));
    passes(&fixture);
    remove(&fixture, &["-wal", "-shm"]);
    fs::rename(copy, fixture.path()).unwrap();
    fails(&fixture, "problem: the file lacks ");
    assert_eq!(fixture.run(&["doctor", "--accept"]).code, Some(0));
    passes(&fixture);
    // In another folder it is an ordinary log.
    let other = Fixture::new();
    fs::copy(fixture.path(), other.path()).unwrap();
    passes(&other);
}
