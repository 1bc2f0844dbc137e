//! Whatever people do with files, and in whatever order: what is in a file is at the target, once.
//!
//! `ACTIVITY_TEST_SEQUENCES` is the number of sequences (default 4).

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::{Limit, Prune, Retention, Store, postgres::PostgresStore, sqlite::SqliteStore},
};

use crate::{
    compare::{assert_same, central, file, record},
    lossy::{Lossy, Lost},
    support::postgres,
};

/// Acts per sequence.
const ACTS: usize = 14;
const MOST_FILES: usize = 3;

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Act {
    Record,
    Forward,
    /// The forwarder is killed before the first batch is committed, or after.
    Kill(Lost),
    /// While it is being forwarded, this is done.
    ForwardDuring(&'static Act),
    /// The forwarder is silent while another file is forwarded, and then continues.
    ForwardLate,
    Clone,
    Backup,
    PutBack,
    Prune,
    Vacuum,
    Empty,
}

const ACTS_OF_ONE: [Act; 17] = [
    Act::Record,
    Act::Record,
    Act::Record,
    Act::Forward,
    Act::Forward,
    Act::Kill(Lost::KilledBeforeCommit),
    Act::Kill(Lost::KilledAfterCommit),
    Act::ForwardDuring(&Act::Record),
    Act::ForwardDuring(&Act::PutBack),
    Act::ForwardDuring(&Act::Clone),
    Act::ForwardLate,
    Act::Clone,
    Act::Backup,
    Act::PutBack,
    Act::Prune,
    Act::Vacuum,
    Act::Empty,
];

/// Files that came from one.
struct Files {
    folder: tempfile::TempDir,
    url: String,
    paths: Vec<PathBuf>,
    next: usize,
    /// All that was recorded, and what was deleted because it was forwarded.
    recorded: BTreeMap<String, Value>,
    pruned: BTreeMap<String, Value>,
    done: Vec<(Act, usize)>,
}

#[test]
fn what_is_in_a_file_is_at_the_target_once_whatever_was_done_to_it() {
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    let count = std::env::var("ACTIVITY_TEST_SEQUENCES").ok();
    let count = count.map_or(4, |count| count.parse().unwrap());
    for seed in (0..count).map(|number| seed.wrapping_add(number)) {
        println!("ACTIVITY_TEST_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut files = Files::new();
        for _ in 0..ACTS {
            let act = ACTS_OF_ONE[random.usize(..ACTS_OF_ONE.len())];
            let number = random.usize(..files.paths.len());
            files.act(act, number);
        }
        files.check();
    }
}

#[test]
fn of_two_clones_that_have_cut_as_much_both_are_at_the_target() {
    let mut files = Files::new();
    for (act, number) in [
        (Act::Record, 0),
        (Act::Forward, 0),
        (Act::Clone, 0),
        (Act::Record, 0),
        (Act::Record, 1),
        // Its batch is cut and not sent: as long as that of the other.
        (Act::Kill(Lost::KilledBeforeCommit), 1),
        (Act::Forward, 0),
        (Act::Forward, 1),
    ] {
        files.act(act, number);
    }
    files.check();
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = vec![folder.path().join("0.db")];
        let mut files = Files {
            folder,
            url: postgres::database(),
            paths,
            next: 0,
            recorded: BTreeMap::new(),
            pruned: BTreeMap::new(),
            done: Vec::new(),
        };
        files.act(Act::Record, 0);
        files.act(Act::Forward, 0);
        files
    }

    fn act(&mut self, act: Act, number: usize) {
        self.done.push((act, number));
        println!("{act:?} {number}");
        let path = self.paths[number].clone();
        match act {
            Act::Record => {
                let log = ActivityLog::open(&path).unwrap();
                // As many each time, so that copies have the same places.
                record(&log, self.next..self.next + 5);
                self.next += 5;
                log.shutdown().wait().unwrap();
                self.recorded.extend(file(&path));
            }
            Act::Forward => {
                self.forwarder(&path, Lost::Never)
                    .forward_all(|_| ())
                    .unwrap();
            }
            Act::Kill(lost) => {
                let mut forwarder = self.forwarder(&path, lost);
                let forward = || forwarder.forward_all(|_| ()).map(drop);
                // Without anything to send it is not killed.
                let _ = catch_unwind(AssertUnwindSafe(forward));
                drop(forwarder);
            }
            Act::ForwardDuring(act) => {
                let mut forwarder = self.forwarder(&path, Lost::Never);
                let mut is_first = true;
                let forwarded = forwarder.forward_all(|_| {
                    if std::mem::take(&mut is_first) {
                        self.act(*act, number);
                    }
                });
                forwarded.unwrap();
            }
            Act::ForwardLate => {
                let mut forwarder = self.forwarder(&path, Lost::Never);
                let other = self.paths.len() - 1;
                let mut is_first = true;
                let forwarded = forwarder.forward_all(|_| {
                    if std::mem::take(&mut is_first) && other != number {
                        self.act(Act::Record, other);
                        self.act(Act::Forward, other);
                        self.act(Act::Record, number);
                    }
                });
                forwarded.unwrap();
                drop(forwarder);
                self.act(Act::Forward, number);
            }
            Act::Clone if self.paths.len() < MOST_FILES => {
                let clone = self.folder.path().join(format!("{}.db", self.paths.len()));
                copy(&path, &clone);
                self.paths.push(clone);
            }
            Act::Clone => {}
            Act::Backup => {
                let backup = backup_of(&path);
                // An older one is replaced.
                let _ = fs::remove_file(&backup);
                copy(&path, &backup);
            }
            Act::PutBack => {
                let backup = backup_of(&path);
                if backup.exists() {
                    remove(&path);
                    fs::copy(&backup, &path).unwrap();
                }
            }
            Act::Prune => {
                let before = file(&path);
                let store = SqliteStore::new(&path).unwrap();
                let targets = store.reader().unwrap().health().unwrap().targets;
                let mut maintenance = store.maintenance().unwrap();
                let mut keep = Retention::default();
                let none = Some(Limit::age(Duration::ZERO));
                (keep.activities, keep.events) = (none, none);
                let all = Prune::ByDate(keep, Utc::now() + TimeDelta::hours(1));
                while maintenance.prune(all).unwrap().total() > 0 {}
                let after = file(&path);
                let pruned = before
                    .into_iter()
                    .filter(|(key, _)| !after.contains_key(key));
                // Of a file that was never forwarded nothing is kept for that.
                if !targets.is_empty() {
                    self.pruned.extend(pruned);
                }
            }
            Act::Vacuum => {
                let connection = rusqlite::Connection::open(&path).unwrap();
                connection.execute_batch("VACUUM").unwrap();
            }
            Act::Empty => {
                remove(&path);
                drop(ActivityLog::open(&path).unwrap());
            }
        }
    }

    /// Opens a forwarder. Those before it were silent for longer than a lease.
    fn forwarder(&self, path: &Path, lost: Lost) -> Forwarder {
        let silent = "UPDATE tower_activity.log SET heard_at = now() - interval '1 minute'";
        if self.done.len() > 2 {
            postgres::query(&self.url, silent);
        }
        let store = Lossy {
            inner: Arc::new(PostgresStore::new(&self.url).unwrap()),
            lost,
            sent: Arc::default(),
        };
        Forwarder::open(path, store).unwrap()
    }

    fn check(&mut self) {
        for number in 0..self.paths.len() {
            self.act(Act::Forward, number);
        }
        let found = central(&self.url);
        let mut expected = self.pruned.clone();
        for path in &self.paths {
            expected.extend(file(path));
        }
        for (key, one) in &expected {
            assert_eq!(found.get(key), Some(one), "{key}: {:?}", self.done);
        }
        let known = found
            .keys()
            .filter_map(|key| self.recorded.get_key_value(key));
        let known = known.map(|(key, one)| (key.clone(), one.clone())).collect();
        assert_same(&known, &found);
    }
}

fn copy(from: &Path, to: &Path) {
    SqliteStore::new(from)
        .unwrap()
        .backup(to, &mut |_| ())
        .unwrap();
}

fn backup_of(path: &Path) -> PathBuf {
    path.with_extension("backup")
}

/// Removes a file with its side files.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        // Not all exist.
        let _ = fs::remove_file(file);
    }
}
