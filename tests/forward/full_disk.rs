//! The disk of the server is full: calls go on, the file shows why, and everything is there once after there is room again.
//!
//! The tests run themselves again in a process that has a small disk of its own.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tower_activity::ActivityLog;

use crate::{
    compare::{assert_same, central, file, record, until_count},
    network::error,
    support::{
        poll_until,
        postgres::{self, Server},
    },
};

/// The folder with the small disk, in the process that has it.
const DISK: &str = "ACTIVITY_TEST_DISK";
/// Mounts the disk and runs a command. PostgreSQL refuses to run as root: what maps another user to root maps it back.
const MOUNT: &str = "mount -t tmpfs -o size=$SIZE,mode=777 tmpfs \"$ACTIVITY_TEST_DISK\" && exec $AS_USER \"$0\" \"$@\"";

/// Returns the folder of the small disk. `None` if the test ran in another process, which has one of this size.
fn disk(test: &str, size: &str) -> Option<PathBuf> {
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(disk.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let (namespaces, as_user): (&[_], _) = match is_root {
        true => (&["--mount"], ""),
        false => (
            &["--mount", "--user", "--map-root-user"],
            "unshare --user --map-user=1000 --map-group=1000",
        ),
    };
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", MOUNT])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("full_disk::{test}"), "--nocapture"])
        .env(DISK, folder.path())
        .env("SIZE", size)
        .env("AS_USER", as_user)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "it needs a user that may mount (kernel.apparmor_restrict_unprivileged_userns=0): {output:#?}"
    );
    None
}

/// Fills the disk up.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("ballast");
    let mut ballast = File::create(&path).unwrap();
    let full = loop {
        if let Err(error) = ballast.write_all(&[1; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    path
}

/// A log that is forwarded to a server.
struct Forwarded<'a> {
    server: &'a Server,
    url: String,
    folder: tempfile::TempDir,
    log: ActivityLog,
    count: usize,
}

impl<'a> Forwarded<'a> {
    fn new(server: &'a Server) -> Self {
        let url = server.database();
        let folder = tempfile::tempdir().unwrap();
        let log = ActivityLog::builder()
            .forward_to(&*url)
            .open(folder.path().join("activity.db"))
            .unwrap();
        let mut forwarded = Forwarded {
            server,
            url,
            folder,
            log,
            count: 0,
        };
        forwarded.record();
        until_count(&forwarded.url, 2 * forwarded.count);
        forwarded
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("activity.db")
    }

    fn record(&mut self) {
        record(&self.log, self.count..self.count + 500);
        self.count += 500;
        self.log.flush().wait().unwrap();
    }

    /// Waits for an error in the file with a text.
    fn until_error(&self, expected: &str) {
        poll_until(|| error(&self.path()).filter(|found| found.contains(expected)));
    }

    fn finish(mut self) {
        self.server.start_again();
        self.record();
        until_count(&self.url, 2 * self.count);
        poll_until(|| error(&self.path()).is_none().then_some(()));
        let report = self.log.shutdown().timeout(Duration::from_secs(30)).wait();
        assert_eq!(report.unwrap().not_forwarded, 0);
        assert_same(
            &file(&self.folder.path().join("activity.db")),
            &central(&self.url),
        );
        let logs = self
            .server
            .psql("test_0", "SELECT count(*) FROM tower_activity.log");
        assert_eq!(logs.stdout, b"1\n");
    }
}

#[test]
fn a_batch_that_does_not_fit_is_sent_again_once_there_is_room() {
    let name = "a_batch_that_does_not_fit_is_sent_again_once_there_is_room";
    let Some(disk) = disk(name, "300m") else {
        return;
    };
    let settings = "-c max_wal_size=64MB";
    let server = Server::start_on(&postgres::programs(), &disk, settings);
    let mut log = Forwarded::new(&server);
    let ballast = fill(&disk);
    // Calls go on.
    for _ in 0..4 {
        log.record();
    }
    log.until_error("is full");
    fs::remove_file(ballast).unwrap();
    log.finish();
}

/// A server that cannot write its log of changes ends all sessions, and itself.
#[test]
fn a_server_that_ended_because_its_disk_was_full_is_sent_the_rest() {
    let name = "a_server_that_ended_because_its_disk_was_full_is_sent_the_rest";
    let Some(disk) = disk(name, "100m") else {
        return;
    };
    let server = postgres::server();
    server.stop("fast");
    let wal = disk.join("wal");
    let from = server.folder().join("data/pg_wal");
    let moved = Command::new("cp").arg("-a").args([&from, &wal]).status();
    assert!(moved.unwrap().success());
    fs::remove_dir_all(&from).unwrap();
    std::os::unix::fs::symlink(&wal, &from).unwrap();
    server.start_again();
    let mut log = Forwarded::new(&server);
    let ballast = fill(&disk);
    // Each switch takes another file of 16 MiB.
    let switch = "SELECT txid_current(), pg_switch_wal()";
    poll_until(|| (!server.psql("postgres", switch).status.success()).then_some(()));
    log.record();
    poll_until(|| error(&log.path()));
    fs::remove_file(ballast).unwrap();
    log.finish();
}
