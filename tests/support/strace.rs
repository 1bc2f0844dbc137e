//! Kills a process at each of its writes.
//!
//! A test runs itself again under strace, which kills the process at its first write, at its second, and so on until it
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

/// The environment variable that makes a test the process to kill: the file that it opens.
const CHILD: &str = "ACTIVITY_TEST_STRACE_CHILD";

/// All system calls that change files or folders, with their names on several platforms. strace counts each separately.
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
/// All other system calls that are seen on files of a log.
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

/// Returns the file to open, if this process is one to be killed.
pub fn child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Kills a process at each of its writes. Calls `look` with the log that each leaves behind, and returns the results.
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
                // The number of writes varies a little between runs.
                assert!(number > count / 2, "{change}: {number} of {count}");
                return seen;
            }
            assert_eq!(status.signal(), Some(9), "{change} {number}: {status}");
        }
        unreachable!("a process writes without end")
    };
    // In parallel by system call: most writes are of one kind.
    thread::scope(|scope| {
        let threads: Vec<_> = changes
            .iter()
            .map(|(change, count)| scope.spawn(|| at(change, *count)))
            .collect();
        let seen = threads.into_iter().map(|thread| thread.join().unwrap());
        seen.flatten().collect()
    })
}

/// Kills a process at about `max` of its writes, spread evenly over those of each system call; at each if `None`. Calls `look`
/// with the log that each leaves behind. Returns the number of kills.
pub fn kill_at_some_writes(
    test: &str,
    max: Option<usize>,
    begin: &(dyn Fn() -> (TempDir, PathBuf) + Sync),
    look: &(dyn Fn(&Path) + Sync),
) -> usize {
    let positions: BTreeSet<_> = positions(test, begin).into_iter().collect();
    let step = max.map_or(1, |max| positions.len().div_ceil(max));
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
                    // A process that commits more at a time has fewer writes: then take an earlier one.
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

/// Returns the system calls by which a process changes a log's files, with their numbers.
fn changes(test: &str, begin: &dyn Fn() -> (TempDir, PathBuf)) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for (change, _) in positions(test, begin) {
        *found.entry(change).or_default() += 1;
    }
    found
}

/// Returns each system call by which a process changes a log's files: its name, and its number among the thread's calls of
/// that name, from 1, as strace counts them.
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
    // A resumed line is the rest of an earlier one.
    for line in trace.lines().filter(|line| !line.contains(" resumed>")) {
        let mut words = line.split('(').next().unwrap().split_whitespace();
        let thread = words.next().unwrap();
        let name = words.next_back().unwrap_or(line);
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        // The test writes its output with `write`, too, and would be killed there. Kills around it cover the file with a
        // temporary name.
        let unseen = name == "write" && line.contains("-instances/total.");
        if !line.contains(folder) || unseen {
            continue;
        }
        match CHANGES.into_iter().find(|change| *change == name) {
            Some(change) => found.push((change, *number)),
            None => assert!(HARMLESS.contains(&name), "unknown system call: {line}"),
        }
    }
    assert!(
        found.iter().any(|(change, _)| *change == "pwrite64"),
        "{found:?}"
    );
    found
}

/// Runs the test under strace as the process that opens a log.
pub fn strace(test: &str, path: &Path, options: &[&str]) -> ExitStatus {
    let child = Command::new("strace")
        .args(["-f", "-qq"])
        .args(options)
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, path)
        .output();
    let output = child.expect("cannot start strace · `cargo xtask test` says how to install it");
    if output.status.code().is_some_and(|code| code != 0) {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status
}
