//! Committed transactions that are lost with their ledger: the lock files still count them.

use std::fs;

use rusqlite::{Connection, config::DbConfig};

use super::{
    foreign::{fails, filled, passes},
    recording_process,
};
use crate::place::Place;

/// A store whose process was killed: three ended activities and an open one, all in the WAL only, because a reader held up
/// the checkpoint.
fn killed() -> Place {
    let place = filled();
    let reader = Connection::open(place.path()).unwrap();
    let leave_it = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    reader.set_db_config(leave_it, true).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM activity")
        .unwrap();
    let mut child = recording_process(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    place
}

fn remove(place: &Place, endings: &[&str]) {
    for ending in endings {
        let mut path = place.path().into_os_string();
        path.push(ending);
        // Some may not exist.
        let _ = fs::remove_file(path);
    }
}

#[test]
fn a_wal_left_by_a_killed_process_is_part_of_the_log() {
    let place = killed();
    let ran = passes(&place);
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
    let place = killed();
    fs::remove_dir_all(format!("{}-instances", place.path().display())).unwrap();
    let wal = format!("{}-wal", place.path().display());
    let file = fs::File::options().write(true).open(&wal).unwrap();
    // In the first page of the first frame.
    file.write_all_at(&[0xAB; 1], 32 + 24 + 4_000).unwrap();
    drop(file);
    remove(&place, &["-shm"]);
    let damaged = fs::read(&wal).unwrap();
    // Reading does not change it.
    assert_eq!(place.run(&["list"]).code, Some(0));
    let ran = fails(&place, "in the write-ahead log cannot be read");
    assert!(ran.stdout.contains("Copy the -wal file"), "{}", ran.stdout);
    assert_eq!(place.run(&["event", "note", "next"]).code, Some(0));
    let files = fs::read_dir(place.folder.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let kept = files.find(|file| file.to_string_lossy().contains("-wal.damaged-"));
    assert_eq!(fs::read(kept.unwrap()).unwrap(), damaged);
}

#[test]
fn a_wal_removed_after_a_kill_is_reported_as_missing_for_good() {
    let place = killed();
    remove(&place, &["-wal", "-shm"]);
    let missing = "problem: 3 of 10 activities are missing";
    fails(&place, missing);
    // The next process removes the lock file, but keeps its counts.
    assert_eq!(place.run(&["event", "note", "next"]).code, Some(0));
    fails(&place, missing);
    assert_eq!(place.run(&["doctor", "--accept"]).code, Some(0));
    passes(&place);
}

#[test]
fn accepted_losses_of_a_wal_stay_accepted() {
    let place = killed();
    remove(&place, &["-wal", "-shm"]);
    assert_eq!(place.run(&["doctor", "--accept"]).code, Some(0));
    passes(&place);
    assert_eq!(place.run(&["event", "note", "next"]).code, Some(0));
    passes(&place);
}

#[test]
fn a_file_removed_under_its_process_is_reported_even_after_it_is_recreated() {
    let place = killed();
    remove(&place, &["", "-wal", "-shm"]);
    let ran = fails(&place, "problem: 3 of 3 activities are missing");
    assert!(ran.stderr.contains("no store"), "{}", ran.stderr);
    assert_eq!(place.run(&["event", "note", "new"]).code, Some(0));
    fails(&place, "problem: 3 of 3 activities are missing");
}

#[test]
fn an_older_copy_in_place_of_the_log_is_reported() {
    let place = filled();
    let copy = place.folder.path().join("copy");
    // After a clean exit the main file alone has everything.
    Connection::open(place.path())
        .unwrap()
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    assert_eq!(place.run(&["event", "note", "later"]).code, Some(0));
    passes(&place);
    remove(&place, &["-wal", "-shm"]);
    fs::rename(copy, place.path()).unwrap();
    fails(&place, "problem: the file lacks ");
    assert_eq!(place.run(&["doctor", "--accept"]).code, Some(0));
    passes(&place);
    // In another folder it is an ordinary log.
    let other = Place::new();
    fs::copy(place.path(), other.path()).unwrap();
    passes(&other);
}
