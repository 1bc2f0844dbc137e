//! Full, read-only and forbidden disks. A test that needs its own file system runs again in a process that may mount one
//! (`unshare`); if none may, it runs again under a limit on the size of files.

use std::{
    convert::Infallible,
    fs::{self, File},
    future::Future,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tower::{Service, ServiceBuilder, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Outcome, query::ActivityReader, store::Accounting,
};

use crate::support::{Rows, after_commit, fuse, rows};

/// The folder of a test that runs again.
const PLACE: &str = "ACTIVITY_TEST_PLACE";
/// Set if the test runs under a limit instead of on its own file system.
const LIMITED: &str = "ACTIVITY_TEST_LIMITED";

fn record_job(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:#?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command whose children may mount file systems; `None` if that is not allowed here.
fn mount_command() -> Option<Command> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
    };
    let probe = unshare()
        .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .output();
    probe
        .is_ok_and(|probe| probe.status.success())
        .then(unshare)
}

/// A command that runs others as an unprivileged user.
fn unprivileged_command() -> Command {
    let mut command = Command::new("env");
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    command
}

/// Runs this test again with a command, in a folder for it.
fn rerun(mut command: Command, name: &str, place: &Path) {
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("disk::{name}"), "--nocapture"])
        .env(PLACE, place);
    let output_text = run(&mut command);
    assert!(
        output_text.contains("1 passed"),
        "no test {name:?}: {output_text}"
    );
}

fn rerun_folder() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

/// Makes calls and asserts that each is answered.
fn answered_calls(log: &ActivityLog, calls: u64) {
    let mut service = ServiceBuilder::new()
        .layer(ActivityLayer::new(log).describe(|_: &u64| Describe::job("call")))
        .service(service_fn(async |number: u64| Ok::<_, Infallible>(number)));
    for number in 0..calls {
        let call = pin!(service.call(number));
        let answer = call.poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(answer, Poll::Ready(Ok(number)));
    }
}

/// Asserts that the accounting adds up, in memory and in the store.
fn assert_accounted(path: &Path, counts: &Accounting) {
    assert!(counts.adds_up(), "{counts:?}");
    let mut reader = ActivityReader::open(path).unwrap();
    assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());
    let health = reader.health().unwrap();
    assert_eq!(health.activities, counts.activities.committed);
    assert_eq!(health.instances[0].accounting, *counts);
}

#[test]
fn a_full_disk_harms_no_call_and_recording_resumes_when_there_is_space() {
    let Some(folder) = rerun_folder() else {
        let folder = tempfile::tempdir().unwrap();
        let command = mount_command().unwrap_or_else(|| {
            // 4 MB in blocks of 512 bytes. Ignore the signal, so that writes fail with an error.
            let mut limited = Command::new("sh");
            limited.args(["-c", "trap '' XFSZ; ulimit -S -f 8192; exec \"$0\" \"$@\""]);
            limited.env(LIMITED, "1");
            limited
        });
        let name = "a_full_disk_harms_no_call_and_recording_resumes_when_there_is_space";
        return rerun(command, name, folder.path());
    };
    let limited = std::env::var_os(LIMITED).is_some();
    let ballast = folder.join("ballast");
    if !limited {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]);
        run(mount.arg(&folder));
        fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    }
    let path = folder.join("activity.db");
    let log = ActivityLog::builder()
        .memory_limit(1 << 20)
        .flush_interval(Duration::ZERO)
        .open(&path)
        .unwrap();
    let mut calls = 0;
    let stuck = after_commit(|| {
        answered_calls(&log, 1_000);
        calls += 1_000;
        let error = log.flush().timeout(Duration::from_millis(20)).wait().err();
        let why = error.and_then(|error| Some(std::error::Error::source(&error)?.to_string()));
        // A slow disk is not a full one.
        why.filter(|_| log.accounting().activities.rejected_memory > 0)
    });
    let expected = if limited {
        "cannot read or write"
    } else {
        "the disk is full"
    };
    assert!(stuck.contains(expected), "{stuck}");
    let full = log.accounting();
    assert!(
        full.activities.waiting > 0 && full.activities.committed > 0,
        "{full:?}"
    );
    assert_eq!(
        (
            full.activities.recorded,
            full.activities.open,
            full.activities.lost()
        ),
        (calls, 0, 0)
    );
    assert!(full.adds_up(), "{full:?}");
    answered_calls(&log, 1_000);
    calls += 1_000;

    if limited {
        let process = std::process::id().to_string();
        run(Command::new("prlimit").args(["--fsize=unlimited", "--pid", &process]));
    } else {
        fs::remove_file(&ballast).unwrap();
    }
    // Without a flush.
    after_commit(|| (log.accounting().activities.waiting == 0).then_some(()));
    answered_calls(&log, 1_000);
    calls += 1_000;
    let counts = log.shutdown().wait().unwrap();
    assert_eq!(
        (
            counts.activities.recorded,
            counts.activities.lost(),
            counts.late_ends
        ),
        (calls, 0, 0)
    );
    assert_eq!(
        counts.activities.committed + counts.activities.rejected_memory,
        calls
    );
    assert!(
        counts.activities.committed >= full.activities.committed + full.activities.waiting + 1_000,
        "{counts:?}"
    );
    assert_accounted(&path, &counts);
}

#[test]
fn recording_resumes_after_the_folder_was_read_only() {
    let Some(folder) = rerun_folder() else {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let command = mount_command().unwrap_or_else(|| {
            let mut limited = unprivileged_command();
            limited.env(LIMITED, "1");
            limited
        });
        let name = "recording_resumes_after_the_folder_was_read_only";
        return rerun(command, name, folder.path());
    };
    if std::env::var_os(LIMITED).is_some() {
        return becomes_unwritable(&folder.join("own"));
    }
    let path = folder.join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record_job(&log, "before");
    log.flush().wait().unwrap();

    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", "ro", "tmpfs"])
        .arg(&folder));
    record_job(&log, "meanwhile");
    let why = after_commit(|| {
        let error = log
            .flush()
            .timeout(Duration::from_millis(20))
            .wait()
            .unwrap_err();
        let why = std::error::Error::source(&error)?.to_string();
        why.contains("mounted read-only").then_some(why)
    });
    assert!(why.contains("choose another path"), "{why}");
    let error = ActivityLog::open(&path).unwrap_err();
    assert!(error.to_string().contains("mounted read-only"), "{error}");
    assert_eq!(log.accounting().activities.waiting, 1);

    run(Command::new("umount").arg(&folder));
    after_commit(|| (log.accounting().activities.waiting == 0).then_some(()));
    assert_eq!(rows(&log).names(), ["before", "meanwhile"]);
    let counts = log.shutdown().wait().unwrap();
    assert_accounted(&path, &counts);
}

/// The same by permissions: the file is gone, and its folder is not writable.
fn becomes_unwritable(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let path = folder.join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    for file in ["activity.db", "activity.db-wal", "activity.db-shm"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    fs::set_permissions(folder, PermissionsExt::from_mode(0o500)).unwrap();
    record_job(&log, "meanwhile");
    after_commit(|| {
        let error = log
            .flush()
            .timeout(Duration::from_millis(20))
            .wait()
            .unwrap_err();
        let why = std::error::Error::source(&error)?.to_string();
        why.contains("may not write").then_some(())
    });
    assert_eq!(log.accounting().activities.waiting, 1);
    fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    after_commit(|| (log.accounting().activities.waiting == 0).then_some(()));
    assert_eq!(rows(&log).names(), ["meanwhile"]);
}

#[test]
fn a_path_without_permission_is_refused_with_a_fix() {
    let Some(folder) = rerun_folder() else {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let name = "a_path_without_permission_is_refused_with_a_fix";
        return rerun(unprivileged_command(), name, folder.path());
    };
    let check = |path: &Path, expected: &str| {
        let error = ActivityLog::open(path).unwrap_err();
        let output_text = error.to_string();
        assert!(
            output_text.contains(path.to_str().unwrap()),
            "{output_text}"
        );
        assert!(output_text.contains(expected), "{output_text}");
    };
    let forbidden = folder.join("forbidden");
    fs::create_dir(&forbidden).unwrap();
    fs::set_permissions(&forbidden, PermissionsExt::from_mode(0o500)).unwrap();
    check(
        &forbidden.join("activity.db"),
        "this user may not write the file",
    );
    check(&folder.join("no/activity.db"), "its folder does not exist");

    let path = folder.join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record_job(&log, "one");
    log.shutdown().wait().unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    check(&path, "this user may not write the file");
    // The file is writable, but no file can be created beside it.
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let beside = forbidden.join("activity.db");
    fs::set_permissions(&forbidden, PermissionsExt::from_mode(0o700)).unwrap();
    fs::rename(&path, &beside).unwrap();
    fs::set_permissions(&forbidden, PermissionsExt::from_mode(0o500)).unwrap();
    check(&beside, "its folder");
}

#[test]
fn the_lock_files_of_a_log_are_private_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let _log = ActivityLog::open(folder.path().join("activity.db")).unwrap();
    let locks = fs::metadata(folder.path().join("activity.db-instances")).unwrap();
    assert_eq!(locks.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_network_file_system_is_refused_by_name() {
    let Some(folder) = rerun_folder() else {
        let folder = tempfile::tempdir().unwrap();
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let Some(command) = mount_command().filter(|_| device.is_ok()) else {
            // If mounting is not allowed, only the unit tests cover this, with a list of mounts.
            return a_local_disk_is_not_a_network_file_system();
        };
        let name = "a_network_file_system_is_refused_by_name";
        return rerun(command, name, folder.path());
    };
    let device = File::options()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .unwrap();
    let mut mount = Command::new("mount");
    // The mounted file system talks through this process's descriptor.
    mount.stdin(device.try_clone().unwrap());
    mount.args([
        "-i",
        "-t",
        "fuse.sshfs",
        "-o",
        "fd=0,rootmode=40755,user_id=0,group_id=0",
        "ann@server:",
    ]);
    run(mount.arg(&folder));
    fuse::serve(device);
    let path = folder.join("activity.db");
    // Also through a symlink from a local disk.
    let here = tempfile::tempdir().unwrap();
    let link = here.path().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    for path in [path, link.join("activity.db")] {
        let output_text = ActivityLog::open(&path).unwrap_err().to_string();
        assert!(
            output_text.contains("network file system (fuse.sshfs)"),
            "{output_text}"
        );
        assert!(
            output_text.contains("keep it on a disk of this machine"),
            "{output_text}"
        );
    }
}

#[test]
fn a_local_disk_is_not_a_network_file_system() {
    for folder in ["/dev/shm", env!("CARGO_TARGET_TMPDIR")] {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).unwrap();
        record_job(&log, "one");
        log.shutdown().wait().unwrap();
        assert_eq!(Rows::open(&path).names(), ["one"]);
    }
}
