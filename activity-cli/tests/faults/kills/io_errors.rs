//! Writes and syncs that fail temporarily or permanently: calls are not harmed, counts are exact, and recording resumes.

use std::{fs, path::Path, time::Duration};

use tower_activity::Mode;

use crate::{
    kills::{check, check_and_continue, initial_log, initial_names, record_job, try_open, work},
    support::strace,
};

/// Calls per process.
const CALLS: u64 = 10;
/// The timeout for a commit that may never succeed.
const WAIT: Duration = Duration::from_millis(50);

/// The system call that fails, and from which call of a thread on.
const FAULTS: [(&str, &str, &[usize]); 6] = [
    ("pwrite64", "EIO", &[3, 20, 40]),
    ("pwrite64", "ENOSPC", &[20, 40]),
    ("pwrite64", "EROFS", &[20]),
    ("fsync", "EIO", &[1, 2]),
    ("ftruncate", "EIO", &[1]),
    ("pread64", "EIO", &[30]),
];

#[test]
fn recording_resumes_when_writes_succeed_again() {
    let test = "kills::io_errors::recording_resumes_when_writes_succeed_again";
    if let Some(path) = strace::child() {
        return record(&path, true);
    }
    // Six in a row: each attempt meets at least one.
    try_all(test, |first| format!("{first}..{}", first + 5), true);
}

#[test]
fn counts_are_exact_when_writes_fail_forever() {
    let test = "kills::io_errors::counts_are_exact_when_writes_fail_forever";
    if let Some(path) = strace::child() {
        return record(&path, false);
    }
    try_all(test, |first| format!("{first}+"), false);
}

/// Runs a process for each fault and each first failing call, and checks what it leaves.
fn try_all(test: &str, when: fn(usize) -> String, passes: bool) {
    let (mut all, mut recorded) = (0, 0);
    for (call, error, places) in FAULTS {
        for first in places {
            let (_folder, path) = initial_log();
            let when = when(*first);
            let inject = format!("inject={call}:error={error}:when={when}");
            let trace = format!("trace={call}");
            let said = tempfile::NamedTempFile::new().unwrap();
            let out = said.path().to_str().unwrap();
            let options = ["-o", out, "-e", &trace, "-e", &inject];
            let status = strace::strace(test, &path, &options);
            let failed = fs::read_to_string(said.path()).unwrap();
            let failed = failed.matches("(INJECTED)").count();
            assert!(failed > 0, "no {call} is the {first}th of a thread");
            let acknowledged = work::acknowledged(&path).len();
            println!(
                "{call} {error} {when}: {status}, {failed} failed, {acknowledged} acknowledged"
            );
            assert!(status.success(), "{call} {error} {when}: {status}");
            check_and_continue(&path, &initial_names());
            if passes {
                work::commit(&path);
                check(&path, &initial_names());
            }
            all += 1;
            recorded += usize::from(acknowledged == CALLS as usize);
        }
    }
    println!("{test}: {all} processes, of which {recorded} recorded everything");
    // The others failed to open the log.
    assert!(!passes || recorded > all / 2, "{recorded} of {all}");
}

/// Records while calls fail. `passes`: they succeed again in the end.
fn record(path: &Path, passes: bool) {
    let log = match try_open(path, Mode::Durable).0 {
        Ok(log) => log,
        Err(error) => {
            let message = error.to_string();
            return assert!(message.contains(path.to_str().unwrap()), "{message}");
        }
    };
    for number in 0..CALLS {
        let name = format!("call {number}");
        record_job(&log, name.clone());
        if log.flush().timeout(WAIT).wait().is_ok() {
            work::acknowledge(path, &name);
        }
    }
    if passes {
        log.flush().timeout(Duration::from_secs(30)).wait().unwrap();
        let counts = log.accounting();
        assert_eq!(
            (counts.activities.committed, counts.activities.lost()),
            (CALLS, 0),
            "{counts:?}"
        );
        (0..CALLS).for_each(|number| work::acknowledge(path, &format!("call {number}")));
    }
    let shut = log.shutdown().timeout(Duration::from_secs(2)).wait();
    let counts = log.accounting();
    assert!(counts.adds_up(), "{counts:?}, {shut:?}");
    assert_eq!(
        (counts.activities.recorded, counts.activities.ended()),
        (CALLS, CALLS),
        "{counts:?}"
    );
    assert_eq!(
        counts.activities.committed
            + counts.activities.waiting
            + counts.activities.lost()
            + counts.activities.abandoned,
        CALLS,
        "{counts:?}, {shut:?}"
    );
}
