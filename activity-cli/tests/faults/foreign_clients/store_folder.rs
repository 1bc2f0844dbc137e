//! A folder with a log, and the checks of its files.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::foreign_clients::client::Client;

/// A row by kind and id: `activity 0199e5a2-…`, `event …`, `recording …`, `note …`.
pub type Row = String;

/// Keeps the folders of failed tests.
const KEEP: &str = "ACTIVITY_TEST_KEEP";

/// How often the kernel's list of locks is read until it has a lock.
const READINGS: usize = 20;

/// The rows that acknowledgements are compared with.
const ROWS: [&str; 3] = [
    "SELECT 'activity ' || id FROM activities WHERE status = 'success';",
    "SELECT 'event ' || id FROM activity_log;",
    "SELECT DISTINCT 'recording ' || id FROM recordings WHERE bytes > 0;",
];
/// The table of foreign clients, if it exists.
const HAS_NOTES: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'foreign_note';";
const NOTES: &str = "SELECT 'note ' || text FROM foreign_note;";

#[derive(Debug)]
pub struct StoreFolder {
    folder: TempDir,
}

/// The output of the command `activity`.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl StoreFolder {
    pub fn new() -> Self {
        let mut folder = tempfile::tempdir().unwrap();
        folder.disable_cleanup(std::env::var_os(KEEP).is_some());
        StoreFolder { folder }
    }

    pub fn store(&self) -> PathBuf {
        self.file("activity.db")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn activity(&self, args: &[&str]) -> CommandOutput {
        activity(&self.store(), args)
    }
}

/// Runs the command on a store.
pub fn activity(store: &Path, args: &[&str]) -> CommandOutput {
    let output = Command::new(env!("CARGO_BIN_EXE_activity"))
        .arg("--store")
        .arg(store)
        .args(args)
        .env_remove("ACTIVITY_STORE")
        .output()
        .unwrap();
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A file beside a store: `-wal`, `-shm` or `-instances`.
pub fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The size of a file; 0 if it does not exist.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Device and inode of a file.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// All rows of a store, as a foreign client reads them.
pub fn rows(store: &Path) -> Result<BTreeSet<Row>, String> {
    if !store.exists() {
        return Ok(BTreeSet::new());
    }
    let mut statements = ROWS.to_vec();
    if Client::Shell.run(store, &[HAS_NOTES])?.trim() != "0" {
        statements.push(NOTES);
    }
    let printed = Client::Shell.run(store, &statements)?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// The errors of `PRAGMA integrity_check`.
pub fn integrity_errors(client: Client, store: &Path) -> Vec<String> {
    match client.run(store, &["PRAGMA integrity_check;"]) {
        Ok(said) if said.trim() == "ok" => Vec::new(),
        Ok(said) => said.lines().map(str::to_owned).collect(),
        Err(error) => vec![error],
    }
}

/// True while a process holds a lock on a file, by the kernel's list of locks.
pub fn is_locked_by(process: u32, file: &Path) -> bool {
    let Some((device, inode)) = identity(file) else {
        return false;
    };
    // As in `1: POSIX  ADVISORY  READ 4711 fe:00:1234 1073741826 1073742335`.
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    let device_inode = format!("{major:02x}:{minor:02x}:{inode}");
    let process = process.to_string();
    // The list is not read atomically: lines may be missing while other processes lock and unlock.
    (0..READINGS).any(|_| {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            words.next() == Some("POSIX")
                && words.nth(2) == Some(&process)
                && words.next() == Some(&device_inode)
        })
    })
}
