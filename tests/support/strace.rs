//! Kills a process at each of its writes.
//!
//! A test runs itself again under strace, which kills the process at the first write, at the second, and so on until it
//! ends by itself.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use tempfile::TempDir;

/// Names the file that a process opens, and is what makes it that process.
const CHILD: &str = "ACTIVITY_TEST_STRACE_CHILD";

/// Every system call that changes a file or a folder, by its names on several platforms. strace counts each by itself.
const CHANGES: [&str; 20] = [
    "pwrite64",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "openat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "chown",
];
/// Every other one that is seen on files of a log.
const HARMLESS: [&str; 21] = [
    "access",
    "close",
    "faccessat",
    "faccessat2",
    "fcntl",
    "flock",
    "fstat",
    "fstatfs",
    "getcwd",
    "getdents64",
    "lseek",
    "lstat",
    "mmap",
    "munmap",
    "newfstatat",
    "pread64",
    "read",
    "readlink",
    "stat",
    "statfs",
    "statx",
];

/// The file that this process is to open, if it is one of those that are killed.
pub fn child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Kills a process at every write, has each log looked at that one leaves behind, and gives what was seen.
pub fn kill_at_every_write<T: Ord + Send>(
    test: &str,
    begin: &(dyn Fn() -> (TempDir, PathBuf) + Sync),
    look: &(dyn Fn(&Path) -> T + Sync),
) -> BTreeSet<T> {
    let changes = changes(test, begin);
    let at = |change: &str, count: usize| {
        let mut seen = BTreeSet::new();
        for number in 1.. {
            let (folder, path) = begin();
            let trace = format!("trace={change}");
            let inject = format!("inject={change}:signal=KILL:when={number}");
            let status = strace(test, &path, &["-e", &trace, "-e", &inject]);
            println!("{change} {number}: {status}");
            seen.insert(look(&path));
            drop(folder);
            if status.success() {
                // How many there are differs a little from time to time.
                assert!(number > count / 2, "{change}: {number} of {count}");
                return seen;
            }
            assert_eq!(status.signal(), Some(9), "{change} {number}: {status}");
        }
        unreachable!("a process writes without end")
    };
    // Most are of one sort.
    thread::scope(|scope| {
        let threads: Vec<_> = changes
            .iter()
            .map(|(change, count)| scope.spawn(|| at(change, *count)))
            .collect();
        let seen = threads.into_iter().map(|thread| thread.join().unwrap());
        seen.flatten().collect()
    })
}

/// Kills a process at some of its writes, spread over all of each sort, and has each log looked at that one leaves behind.
/// At no more than about `most` writes; at every one where that is `None`. Returns at how many it was killed.
pub fn kill_at_some_writes(
    test: &str,
    most: Option<usize>,
    begin: &(dyn Fn() -> (TempDir, PathBuf) + Sync),
    look: &(dyn Fn(&Path) + Sync),
) -> usize {
    let positions: BTreeSet<_> = positions(test, begin).into_iter().collect();
    let step = most.map_or(1, |most| positions.len().div_ceil(most));
    let mut chosen = Vec::new();
    for change in CHANGES {
        let of_it = positions.iter().filter(|(name, _)| *name == change);
        chosen.extend(of_it.step_by(step));
    }
    let (next, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some((change, number)) = chosen.get(next.fetch_add(1, Relaxed)) {
                    let mut number = *number;
                    let mut killed = false;
                    // Who commits more at once makes fewer of them: then an earlier one is taken.
                    while !killed && number > 0 {
                        let (folder, path) = begin();
                        let trace = format!("trace={change}");
                        let inject = format!("inject={change}:signal=KILL:when={number}");
                        let status = strace(test, &path, &["-e", &trace, "-e", &inject]);
                        println!("{change} {number}: {status}");
                        killed = status.signal() == Some(9);
                        assert!(killed || status.success(), "{change} {number}: {status}");
                        look(&path);
                        drop(folder);
                        number /= 2;
                    }
                    kills.fetch_add(usize::from(killed), Relaxed);
                }
            });
        }
    });
    let kills = kills.into_inner();
    println!(
        "{test}: {kills} kills, at {} of {} system calls that write",
        chosen.len(),
        positions.len()
    );
    assert!(kills > chosen.len() * 3 / 4, "{kills} of {}", chosen.len());
    kills
}

/// The system calls with which a process that is not killed changes a log's files, and how often.
fn changes(test: &str, begin: &dyn Fn() -> (TempDir, PathBuf)) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for (change, _) in positions(test, begin) {
        *found.entry(change).or_default() += 1;
    }
    found
}

/// Every system call with which a process that is not killed changes a log's files: its name, and which of its thread's
/// calls of that name it is, counted from 1. strace counts so.
fn positions(test: &str, begin: &dyn Fn() -> (TempDir, PathBuf)) -> Vec<(&'static str, usize)> {
    let (_folder, path) = begin();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let out = trace.path().to_str().unwrap();
    let status = strace(test, &path, &["-y", "-o", out, "-e", "trace=%file,%desc"]);
    assert!(status.success(), "{status}");
    let trace = fs::read_to_string(trace.path()).unwrap();
    let folder = path.parent().unwrap().to_str().unwrap();
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut found = Vec::new();
    // The rest of a line that another thread's stands in the middle of.
    for line in trace.lines().filter(|line| !line.contains(" resumed>")) {
        let mut words = line.split('(').next().unwrap().split_whitespace();
        let thread = words.next().unwrap();
        let name = words.next_back().unwrap_or(line);
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        // A test writes its own output with this one, and would be killed at that. A file that is yet to get its name is
        // seen by the kills around it.
        let unseen = name == "write" && line.contains("-instances/total.");
        if !line.contains(folder) || unseen {
            continue;
        }
        match CHANGES.into_iter().find(|change| *change == name) {
            Some(change) => found.push((change, *number)),
            None => assert!(HARMLESS.contains(&name), "nobody is killed at {line}"),
        }
    }
    assert!(
        found.iter().any(|(change, _)| *change == "pwrite64"),
        "{found:?}"
    );
    found
}

/// Runs the test again as the process that opens a log.
pub fn strace(test: &str, path: &Path, options: &[&str]) -> ExitStatus {
    let child = Command::new("strace")
        .args(["-f", "-qq"])
        .args(options)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, path)
        .output();
    let output = child.expect(
        "this test needs strace, and `cargo xtask test` says how to get it: it could not be started",
    );
    if output.status.code().is_some_and(|code| code != 0) {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status
}
