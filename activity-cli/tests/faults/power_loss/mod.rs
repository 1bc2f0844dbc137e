//! A machine that loses power at any moment keeps what was acknowledged in mode `Durable`, and in any mode a log that is intact.
//!
//! strace writes down how a process changes the folder of a log. From that follows, for every moment, what may be on the disk
//! afterwards: what was synced, and any part of what was not.
//!
//! `ACTIVITY_TEST_POWER_LOSS=every` tries every change instead of some.

mod disk;
mod trace;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use tempfile::TempDir;
use tower_activity::Mode;

use self::{
    disk::{Disk, Survives},
    trace::Event,
};
use crate::{
    kills::{
        BEFORE, MORE, check_contents, initial_log, initial_name, initial_names, no_log, problems,
        record_more, work,
    },
    support::strace,
};

/// Moments for each kind of work in the short form.
const SOME: usize = 25;

#[test]
fn a_durable_call_that_was_answered_survives_the_loss_of_power() {
    let test = "a_durable_call_that_was_answered_survives_the_loss_of_power";
    lose_power(test, initial_log, durable, &initial_names());
}

#[test]
fn the_first_durable_calls_of_a_new_log_survive() {
    let test = "the_first_durable_calls_of_a_new_log_survive";
    lose_power(test, no_log, durable, &BTreeSet::new());
}

#[test]
fn an_import_that_has_ended_survives() {
    let test = "an_import_that_has_ended_survives";
    lose_power(test, initial_log, work::import, &initial_names());
}

#[test]
fn pruning_deletes_no_younger_records() {
    let test = "pruning_deletes_no_younger_records";
    let younger = (BEFORE / 2..BEFORE).map(initial_name).collect();
    lose_power(test, initial_log, work::prune, &younger);
}

#[test]
fn rebuilding_leaves_correct_sums() {
    let test = "rebuilding_leaves_correct_sums";
    lose_power(test, initial_log, work::rebuild, &initial_names());
}

#[test]
fn a_backup_has_its_final_name_only_if_it_is_complete() {
    let test = "a_backup_has_its_final_name_only_if_it_is_complete";
    lose_power(test, initial_log, work::back_up, &initial_names());
}

/// Answers calls after their commit.
fn durable(path: &Path) {
    work::commit_in(Mode::Durable, path);
}

/// Loses power at moments of a process that does this work; in that process, does it.
fn lose_power(
    test: &str,
    begin: fn() -> (TempDir, PathBuf),
    work: fn(&Path),
    expected: &BTreeSet<String>,
) {
    if let Some(path) = strace::child() {
        return work(&path);
    }
    let (folder, path) = begin();
    let log = path.parent().unwrap();
    let mut disk = Disk::new(log);
    let events = trace(&format!("power_loss::{test}"), &path);
    drop(folder);

    // Each moment after a change, with what was acknowledged until then.
    let acknowledgments = log.with_file_name("acknowledged");
    let mut acknowledged = Vec::new();
    let mut moments = vec![(disk.clone(), acknowledged.clone())];
    for event in &events {
        match event {
            Event::Write { path, bytes, .. } if *path == acknowledgments => {
                acknowledged.extend_from_slice(bytes);
            }
            _ if disk.apply(event) => {}
            _ => continue,
        }
        moments.push((disk.clone(), acknowledged.clone()));
    }
    let every = std::env::var_os("ACTIVITY_TEST_POWER_LOSS").is_some_and(|at| at == "every");
    let step = match every {
        true => 1,
        false => moments.len().div_ceil(SOME),
    };
    // The last one is the end.
    let chosen: Vec<_> = moments.iter().rev().step_by(step).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    let Some((disk, acknowledged)) = chosen.get(number) else {
                        return;
                    };
                    let survives = match number % 4 {
                        0 => Survives::Nothing,
                        1 => Survives::Everything,
                        _ => Survives::Some(fastrand::u64(..)),
                    };
                    println!(
                        "{number} of {}, {survives:?} of what was not synced",
                        chosen.len()
                    );
                    look(disk, acknowledged, survives, expected);
                }
            });
        }
    });
    println!("{test}: {} of {} moments", chosen.len(), moments.len());
}

/// Traces a process that opens the log.
fn trace(test: &str, path: &Path) -> Vec<Event> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut options = vec!["-o", trace.path().to_str().unwrap()];
    options.extend(trace::OPTIONS);
    let status = strace::strace(test, path, &options);
    assert!(status.success(), "{status}");
    trace::events(&fs::read_to_string(trace.path()).unwrap())
}

/// Checks what the loss of power left.
fn look(disk: &Disk, acknowledged: &[u8], survives: Survives, expected: &BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::create_dir(&log).unwrap();
    disk.restore(survives, &log);
    let path = log.join("activity.db");
    fs::write(log.with_file_name("acknowledged"), acknowledged).unwrap();
    // Only what was not acknowledged may be lost: it is in a later part of the WAL, or counted in a lock file.
    let check_losses = || {
        let is_lost = |problem: &String| {
            survives != Survives::Nothing
                && ["missing", "did not reach the disk"]
                    .iter()
                    .any(|words| problem.contains(words))
        };
        let problems = problems(&path);
        assert!(problems.iter().all(is_lost), "{problems:?}");
    };
    // A log with nothing in it was about to be created.
    if !(expected.is_empty() && acknowledged.is_empty()) {
        check_losses();
    }
    record_more(&path);
    check_losses();
    assert!(check_contents(&path, expected).contains(MORE));
}
