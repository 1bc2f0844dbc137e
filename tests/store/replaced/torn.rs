//! A loss of power during a checkpoint leaves pages in the main file of which some sectors are old and some new.

use std::{collections::BTreeMap, fs};

use rusqlite::Connection;
use tower_activity::{ActivityLog, Mode, query::ActivityReader, record::Filter};

use super::{OpenLog, beside};

const SECTOR: usize = 512;

#[test]
fn a_log_whose_checkpoint_was_interrupted_is_read_with_its_wal() {
    let open = OpenLog::new(Mode::Durable);
    let client = Connection::open(&open.path).unwrap();
    client
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let main = fs::read(&open.path).unwrap();
    // Keeps the WAL from being restarted.
    client
        .execute_batch("BEGIN; SELECT count(*) FROM activity")
        .unwrap();
    for _ in 0..40 {
        open.commit("in the write-ahead log");
    }
    let wal = fs::read(open.file("-wal")).unwrap();
    drop(client);
    let frames = frames(&wal);
    let halves: [fn(usize, usize) -> bool; 4] = [
        |sector, _| sector % 2 == 0,
        |sector, _| sector % 2 == 1,
        |sector, of| sector < of / 2,
        |sector, of| sector == of - 1,
    ];
    // All pages are torn, or one.
    let pages = frames.iter().map(|(page, _)| Some(*page));
    for torn in pages.chain([None]) {
        for (number, is_new) in halves.into_iter().enumerate() {
            let mut main = main.clone();
            for (page, bytes) in &frames {
                if torn.is_none_or(|torn| torn == *page) {
                    tear(&mut main, *page, bytes, is_new);
                }
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("activity.db");
            fs::write(&path, &main).unwrap();
            fs::write(beside(&path, "-wal"), &wal).unwrap();

            let count = |what| {
                let mut reader = ActivityReader::open(&path).unwrap();
                let found = reader.page(&Filter::default(), None, 1_000).unwrap();
                assert_eq!(found.records.len(), 41, "{what}, page {torn:?}, {number}");
            };
            count("before a writer");
            let log = ActivityLog::open(&path).unwrap();
            log.shutdown().wait().unwrap();
            count("after a writer");
        }
    }
}

#[test]
fn a_wal_of_another_state_is_set_aside_after_another_program_deleted_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let event = |actor: &str| {
        log.event("tick").actor(actor.to_owned()).record();
        log.flush().wait().unwrap();
    };
    (0..400).for_each(|_| drop(log.event("tick").actor("bob").record()));
    event("ann");
    let client = Connection::open(&path).unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let delete = format!("DELETE FROM event WHERE seq = 5; {checkpoint}");
    client.execute_batch(&delete).unwrap();
    let older = fs::read(&path).unwrap();
    event("ann");
    client.execute_batch(checkpoint).unwrap();
    // Keeps the WAL from being restarted.
    client
        .execute_batch("BEGIN; SELECT count(*) FROM event")
        .unwrap();
    event("bob");
    let wal = fs::read(beside(&path, "-wal")).unwrap();

    let restored = tempfile::tempdir().unwrap();
    let path = restored.path().join("activity.db");
    fs::write(&path, older).unwrap();
    fs::write(beside(&path, "-wal"), wal).unwrap();
    let log = ActivityLog::open(&path).unwrap();
    log.shutdown().wait().unwrap();
    let names = fs::read_dir(restored.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let is_stale = |name: &std::ffi::OsString| name.to_string_lossy().contains("-wal.stale");
    assert!(names.iter().any(is_stale), "{names:?}");
    let found: String = Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(found, "ok");
}

/// Writes some sectors of a page into the main file.
fn tear(main: &mut Vec<u8>, page: usize, bytes: &[u8], is_new: fn(usize, usize) -> bool) {
    let begin = (page - 1) * bytes.len();
    main.resize(main.len().max(begin + bytes.len()), 0);
    let sectors = bytes.len() / SECTOR;
    for sector in (0..sectors).filter(|sector| is_new(*sector, sectors)) {
        let at = sector * SECTOR;
        main[begin + at..][..SECTOR].copy_from_slice(&bytes[at..][..SECTOR]);
    }
}

/// Returns the last content of each page in a WAL, which are written in one checkpoint.
fn frames(wal: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let number = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap()) as usize;
    let size = number(8);
    let salt = |at: usize| &wal[at..at + 8];
    let mut last = BTreeMap::new();
    for at in (32..wal.len()).step_by(24 + size) {
        if salt(at + 8) == salt(16) {
            last.insert(number(at), wal[at + 24..at + 24 + size].to_vec());
        }
    }
    last.into_iter().collect()
}
