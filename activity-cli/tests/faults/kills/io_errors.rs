//! Writes and syncs that fail, for a while or for ever: calls are not harmed, counts are exact, and recording resumes.

use std::{fs, path::Path, time::Duration};

use tower_activity::Mode;

use crate::{
    kills::{all_before, begin, check, done, look, try_open, work},
    support::strace,
};

/// Calls of a process.
const CALLS: u64 = 10;
/// How long a commit is waited for that may not come.
const WAIT: Duration = Duration::from_millis(50);

/// What fails, and from which call of a thread on.
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
    // Six in a row, as each attempt meets one at least.
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

/// Runs a process per fault and position, and checks the log that it leaves.
fn try_all(test: &str, when: fn(usize) -> String, passes: bool) {
    let (mut all, mut recorded) = (0, 0);
    for (call, error, places) in FAULTS {
        for first in places {
            let (_folder, path) = begin();
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
            look(&path, &all_before());
            if passes {
                work::commit(&path);
                check(&path, &all_before());
            }
            all += 1;
            recorded += usize::from(acknowledged == CALLS as usize);
        }
    }
    println!("{test}: {all} processes, of which {recorded} recorded everything");
    // Others were refused when they opened the log.
    assert!(!passes || recorded > all / 2, "{recorded} of {all}");
}

/// Records despite failures. `passes`: the fault ends.
fn record(path: &Path, passes: bool) {
    let log = match try_open(path, Mode::Durable).0 {
        Ok(log) => log,
        Err(error) => {
            let told = error.to_string();
            return assert!(told.contains(path.to_str().unwrap()), "{told}");
        }
    };
    for number in 0..CALLS {
        let name = format!("call {number}");
        done(&log, name.clone());
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
