//! Truncated and damaged WALs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    AFTERWARDS, beside, command, each, integrity_errors, is_full_form, names, open, panics,
    record_job,
};

/// Bytes of the header of a WAL, and of each frame.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = 8_192;
const FRAME: usize = FRAME_HEADER + PAGE;
/// Commits in the WAL.
const COMMITS: usize = 3;
const BEFORE: &str = "in the main file";

/// A log with commits in its WAL, as a power loss leaves it.
struct Torn {
    folder: TempDir,
    main: Vec<u8>,
    wal: Vec<u8>,
    /// The length of the WAL when each commit was acknowledged.
    acknowledged: Vec<usize>,
}

impl Torn {
    fn make() -> Torn {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = open(&path).unwrap();
        record_job(&log, BEFORE);
        log.shutdown().wait().unwrap();
        let log = open(&path).unwrap();
        let mut acknowledged = Vec::new();
        for number in 0..COMMITS {
            record_job(&log, format!("commit {number}"));
            log.event("tick")
                .summary(format!("event {number}"))
                .record();
            log.flush().wait().unwrap();
            acknowledged.push(fs::metadata(beside(&path, "-wal")).unwrap().len() as usize);
        }
        let copies = folder.path().join("copies");
        fs::create_dir(&copies).unwrap();
        // In another process: closing a descriptor in this one would drop the log's locks.
        let status = Command::new("cp")
            .arg(&path)
            .arg(beside(&path, "-wal"))
            .arg(&copies)
            .status();
        assert!(status.unwrap().success());
        log.shutdown().wait().unwrap();
        let copy = copies.join("activity.db");
        let (main, wal) = (
            fs::read(&copy).unwrap(),
            fs::read(beside(&copy, "-wal")).unwrap(),
        );
        assert_eq!((wal.len() - HEADER) % FRAME, 0);
        assert!(acknowledged.is_sorted() && acknowledged[COMMITS - 1] == wal.len());
        Torn {
            folder,
            main,
            wal,
            acknowledged,
        }
    }

    /// The names in a WAL whose first `sound` bytes are intact.
    fn expected(&self, sound: usize) -> Vec<String> {
        let commits = self.acknowledged.iter().filter(|end| **end <= sound);
        let commits = (0..commits.count()).map(|number| format!("commit {number}"));
        commits.chain([BEFORE.to_owned()]).collect()
    }

    /// Writes both files into a folder of their own.
    fn put(&self, wal: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let path = folder.path().join("activity.db");
        fs::write(&path, &self.main).unwrap();
        fs::write(beside(&path, "-wal"), wal).unwrap();
        (folder, path)
    }

    fn frames(&self) -> usize {
        (self.wal.len() - HEADER) / FRAME
    }
}

#[test]
fn a_wal_truncated_anywhere_keeps_every_complete_commit() {
    panics::watch();
    let torn = Torn::make();
    let mut cuts = vec![0, 1, HEADER - 1, HEADER];
    for frame in 0..torn.frames() {
        let start = HEADER + frame * FRAME;
        cuts.extend([start, start + FRAME / 2]);
        if is_full_form() {
            let more = [
                1,
                4,
                8,
                16,
                FRAME_HEADER - 1,
                FRAME_HEADER,
                FRAME_HEADER + 1,
                FRAME - 1,
            ];
            cuts.extend(more.map(|more| start + more));
        }
    }
    cuts.push(torn.wal.len());
    let seen = Mutex::new(vec![0; COMMITS + 1]);
    each(&cuts, |cut| {
        let what = format!("cut at {cut}");
        let commits = check(&torn, &torn.wal[..*cut], *cut, Behind::Nothing, &what);
        seen.lock().unwrap()[commits] += 1;
    });
    let seen = seen.into_inner().unwrap();
    println!(
        "{} frames, {} cuts, by commits that are left: {seen:?}",
        torn.frames(),
        cuts.len()
    );
    assert!(seen.iter().all(|cuts| *cuts > 0), "{seen:?}");
}

#[test]
fn a_wal_damaged_anywhere_keeps_every_commit_before_the_damage() {
    panics::watch();
    let torn = Torn::make();
    // In a frame: the page number, the commit mark, the salt, the checksum, the page.
    let places: &[usize] = if is_full_form() {
        &[0, 5, 9, 13, 17, 21, 24, 4_000, FRAME - 1]
    } else {
        &[5, 4_000]
    };
    let mut flips = vec![0, 9, 17, 25];
    for frame in 0..torn.frames() {
        flips.extend(places.iter().map(|place| HEADER + frame * FRAME + place));
    }
    each(&flips, |flip| {
        let mut wal = torn.wal.clone();
        wal[*flip] ^= 0x5a;
        // One damaged byte loses the whole frame.
        let sound = flip.saturating_sub(HEADER) / FRAME * FRAME + HEADER;
        let sound = if *flip < HEADER { 0 } else { sound };
        // A damaged last commit looks as if it had never been made.
        let kept = torn.expected(sound).len() + 1;
        let behind = match torn.expected(wal.len()).len() > kept {
            true => Behind::Commits,
            false => Behind::Perhaps,
        };
        check(&torn, &wal, sound, behind, &format!("byte {flip}"));
    });
    println!("{} frames, {} bytes", torn.frames(), flips.len());
}

/// Whether the WAL has commits after the damaged frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    Perhaps,
    Commits,
}

/// Reads, checks and continues to record. Returns the number of commits that are left of the WAL.
fn check(torn: &Torn, wal: &[u8], sound: usize, behind: Behind, what: &str) -> usize {
    let acknowledged = torn.expected(sound);
    let (folder, path) = torn.put(wal);
    let (left, events) = by_sqlite(&path);
    drop(folder);
    // A commit may have been acknowledged after its length was measured.
    assert!(
        acknowledged.iter().all(|name| left.contains(name)) && left.len() <= acknowledged.len() + 1,
        "{what}: {left:?} of {acknowledged:?}"
    );

    let (folder, path) = torn.put(wal);
    assert_eq!(names(&path).unwrap(), left, "{what}: reading");
    drop(folder);

    let (folder, path) = torn.put(wal);
    let doctor = command(&path, &["doctor"]);
    let reported = String::from_utf8_lossy(&doctor.stdout).contains("cannot be read: a byte");
    assert_eq!(doctor.status.success(), !reported, "{what}: {doctor:?}");
    assert!(!reported || behind != Behind::Nothing, "{what}: {doctor:?}");
    assert!(reported || behind != Behind::Commits, "{what}: {doctor:?}");
    drop(folder);

    let (_folder, path) = torn.put(wal);
    let log = open(&path).unwrap();
    record_job(&log, AFTERWARDS);
    log.flush().wait().unwrap();
    log.shutdown().wait().unwrap();
    panics::assert_none(what);
    let mut names = names(&path).unwrap();
    let afterwards = names.iter().position(|name| name == AFTERWARDS);
    names.remove(afterwards.unwrap());
    assert_eq!(names, left, "{what}: writing");
    assert_eq!(by_sqlite(&path).1, events, "{what}");
    assert_eq!(integrity_errors(&path), Vec::<String>::new(), "{what}");
    if is_full_form() {
        let doctor = command(&path, &["doctor"]);
        assert!(doctor.status.success(), "{what}: afterwards {doctor:?}");
    }
    acknowledged.len() - 1
}

/// The sorted names of activities and the number of events, read with plain SQLite.
fn by_sqlite(path: &Path) -> (Vec<String>, i64) {
    let store = Connection::open(path).unwrap();
    let sql = "SELECT text.value FROM activity JOIN text ON text.id = activity.name ORDER BY 1";
    let mut names = store.prepare(sql).unwrap();
    let names = names.query_map((), |row| row.get(0)).unwrap();
    let names = names.collect::<Result<_, _>>().unwrap();
    let count = store.query_row("SELECT count(*) FROM event", (), |row| row.get(0));
    (names, count.unwrap())
}
