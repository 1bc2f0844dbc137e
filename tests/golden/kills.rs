//! A process that is killed at any write while it opens a log leaves the old or the new log.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tempfile::TempDir;
use tower_activity::query::ActivityReader;

use crate::{
    golden::{
        Golden, answers, beside, messy_log, migration, newest_version, open_and_close, tables,
    },
    support::strace::{child, kill_at_every_write},
};

#[test]
fn a_migration_killed_at_any_write_leaves_the_old_or_the_new_log() {
    if let Some(path) = child() {
        return open_and_close(&path);
    }
    let test = "golden::kills::a_migration_killed_at_any_write_leaves_the_old_or_the_new_log";
    let newest = newest_version();
    // Most kills leave the same rows, which are checked only once.
    let checked = Mutex::new(HashSet::new());
    for golden in Golden::all() {
        let (_folder, untouched) = golden.copy();
        let before = tables::fingerprints(&untouched);
        let seen = kill_at_every_write(test, &|| golden.copy(), &|path| {
            // Reading cleans up side files: on a copy.
            let (folder, left) = copy(path);
            let version = tables::version(&left);
            if version == golden.version && version < newest {
                let now = tables::fingerprints(&left);
                let differing: Vec<_> = now
                    .iter()
                    .filter(|(name, now)| before.get(*name) != Some(now))
                    .collect();
                assert!(
                    differing.is_empty() && now.len() == before.len(),
                    "{differing:?}"
                );
            } else {
                assert_eq!(version, newest);
            }
            drop(folder);
            open_and_close(path);
            let mut rows = tables::fingerprints(path);
            // Each process opens it as another instance.
            rows.remove("instance");
            if checked.lock().unwrap().insert((golden.version, rows)) {
                migration::check(&golden, path);
            }
            version
        });
        // There must have been kills before and after the commit.
        assert_eq!(seen, BTreeSet::from([golden.version, newest]));
    }
}

#[test]
fn creating_a_log_and_being_killed_at_any_write_leaves_nothing_or_a_log() {
    if let Some(path) = child() {
        let log = messy_log::open(&path, &messy_log::clock_afterwards());
        log.event("deployment").summary("v1").record();
        log.flush().wait().unwrap();
        fs::write(beside(&path, ".acknowledged"), "").unwrap();
        return log.shutdown().wait().map(drop).unwrap();
    }
    let test =
        "golden::kills::creating_a_log_and_being_killed_at_any_write_leaves_nothing_or_a_log";
    let empty = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        (folder, path)
    };
    let newest = newest_version();
    let seen = kill_at_every_write(test, &empty, &|path| {
        let acknowledged = beside(path, ".acknowledged").exists();
        open_and_close(path);
        assert_eq!(tables::version(path), newest);
        assert_eq!(tables::integrity_errors(path), Vec::<String>::new());
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = [
                "activity.db",
                "activity.db-instances",
                "activity.db.acknowledged",
            ];
            assert!(known.contains(&name.as_str()), "{name} was left behind");
        }
        let mut reader = ActivityReader::open(path).unwrap();
        let events = answers::events(&mut reader).len();
        assert!(
            events == 1 || (events == 0 && !acknowledged),
            "{events}, {acknowledged}"
        );
        events
    });
    assert_eq!(seen, BTreeSet::from([0, 1]));
}

/// A copy of what a killed process left.
fn copy(path: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("activity.db");
    fs::copy(path, &to).unwrap();
    if beside(path, "-wal").exists() {
        fs::copy(beside(path, "-wal"), beside(&to, "-wal")).unwrap();
    }
    (folder, to)
}
