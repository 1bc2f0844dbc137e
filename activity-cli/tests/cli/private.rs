//! All files of a log are private to their owner, and nothing that opens them drops SQLite's locks.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use chrono::Utc;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    import::Import,
    notify::{Webhook, Webhooks},
    query::ActivityReader,
    record::{Capture, Filter},
    recording::{Chunk, Stream},
    redact::Redactor,
    store::{Prune, Retention, Store, sqlite::SqliteStore},
};

use crate::support::poll_until;

/// Marks the child process, which runs without a umask, and names its folder.
const CHILD: &str = "ACTIVITY_TEST_PRIVATE";

/// A use of a log, and its name.
type Use = (&'static str, fn(&Path));

#[test]
fn every_file_of_a_log_is_private_to_its_owner_with_any_umask() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return use_it_in_every_way(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "umask 000; exec \"$0\" --exact private::every_file_of_a_log_is_private_to_its_owner_with_any_umask";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn use_it_in_every_way(folder: &Path) {
    let uses: [Use; 12] = [
        ("recording", record),
        ("recording again", record),
        ("two handles", two_handles),
        ("reading", |path| drop(ActivityReader::open(path).unwrap())),
        ("maintenance", maintenance),
        ("importing", import),
        ("the command", command),
        ("erasing", |path| {
            let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
            maintenance.erase("ann", &mut |_| {}).unwrap();
        }),
        ("webhooks", webhooks),
        ("an empty file that was there", |path| {
            let path = path.with_file_name("empty.db");
            fs::write(&path, "").unwrap();
            record(&path);
        }),
        ("files that everybody could write", open_to_all),
        ("a link to a file that is not there", |path| {
            let link = path.with_file_name("link.db");
            std::os::unix::fs::symlink("behind.db", &link).unwrap();
            record(&link);
        }),
    ];
    let path = folder.join("activity.db");
    for (name, how) in uses {
        how(&path);
        is_private(folder, name);
    }
}

#[track_caller]
fn is_private(folder: &Path, after: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // SQLite may remove its side files at this moment.
        let Ok(found) = entry.metadata() else {
            continue;
        };
        let (path, mode) = (entry.path(), found.permissions().mode() & 0o777);
        if found.is_dir() {
            assert_eq!(mode, 0o700, "{} after {after}: {mode:o}", path.display());
            is_private(&path, after);
        } else if found.is_file() {
            assert_eq!(mode, 0o600, "{} after {after}: {mode:o}", path.display());
        }
    }
}

/// Checks also while the log is open.
fn record(path: &Path) {
    let log = ActivityLog::open(path).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = log.start(Describe::tool("search").actor("ann"));
    call.set_input(&"tea", Capture::Full);
    let frames = runtime.block_on(call.attach(Stream::new("frames")));
    frames.append(Chunk::new("one"));
    call.event("deployment").summary("v1").record();
    call.end(Outcome::success());
    log.flush().wait().unwrap();
    is_private(path.parent().unwrap(), "an opening");
    log.shutdown().wait().unwrap();
}

fn two_handles(path: &Path) {
    let (first, second) = (ActivityLog::open(path), ActivityLog::open(path));
    for log in [first.unwrap(), second.unwrap()] {
        log.event("deployment").record();
        log.flush().wait().unwrap();
        is_private(path.parent().unwrap(), "two openings");
    }
}

fn maintenance(path: &Path) {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let what = Prune::ByDate(Retention::DEFAULT, Utc::now());
    maintenance.prune(what).unwrap();
    let quarters = maintenance.rebuildable(0).unwrap();
    maintenance.rebuild(quarters).unwrap();
    is_private(path.parent().unwrap(), "maintenance");
}

fn import(path: &Path) {
    let store = SqliteStore::new(path).unwrap();
    let import = Import::new(&store, Redactor::new()).unwrap();
    is_private(path.parent().unwrap(), "an import");
    import.finish().unwrap();
}

fn webhooks(path: &Path) {
    let webhooks = Webhooks::open(path).unwrap();
    // No receiver listens there.
    let webhook = Webhook::events("ops", "http://127.0.0.1:9/").unwrap();
    webhooks.add(&webhook.allow_private()).unwrap();
    let delivery = webhooks.deliver();
    poll_until(|| beside(path, "-webhooks.lock").exists().then_some(()));
    poll_until(|| beside(path, "-webhooks-wal").exists().then_some(()));
    is_private(path.parent().unwrap(), "a delivery");
    delivery.stop();
}

/// A file that an older version or another program created.
fn open_to_all(path: &Path) {
    let other = path.with_file_name("other.db");
    record(&other);
    fs::write(beside(&other, "-webhooks"), "").unwrap();
    fs::write(beside(&other, "-webhooks.lock"), "").unwrap();
    for path in [path, &other] {
        let lock = beside(path, "-webhooks.lock");
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
        let delivery = Webhooks::open(path).unwrap().deliver();
        poll_until(|| (fs::metadata(&lock).ok()?.mode() & 0o777 == 0o600).then_some(()));
        delivery.stop();
    }
}

fn command(path: &Path) {
    let folder = path.parent().unwrap();
    let recording = {
        let mut reader = ActivityReader::open(path).unwrap();
        let filter = Filter::parse("has:recording", chrono::Utc::now()).unwrap();
        let page = reader.page(&filter, None, 1).unwrap();
        let recordings = reader.recordings_of(page.records[0].id).unwrap();
        recordings[0].id.to_string()
    };
    let commands: [&[&str]; 12] = [
        &["event", "deployment", "v2"],
        &["list"],
        &["backup", "backup.db"],
        &["retention", "--events", "90d"],
        &["doctor"],
        &["rebuild"],
        &["prune", "--older-than", "30d"],
        &["webhooks", "add", "b", "https://example.com/", "--events"],
        &["webhooks", "list"],
        &["export", "--format", "jsonl", "-o", "export.jsonl"],
        &["import", "export.jsonl"],
        &["recording", &recording, "-o", "recording.frames"],
    ];
    for arguments in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_activity"))
            .args(arguments)
            .arg("--store")
            .arg(path)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        is_private(folder, arguments[0]);
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(target_os = "linux")]
mod locks {
    use super::{
        ActivityLog, ActivityReader, Import, MetadataExt, Path, Redactor, SqliteStore, Store,
        Webhook, Webhooks, beside, fs, poll_until,
    };

    /// Whether this process holds a lock of the kind that SQLite takes (POSIX, lost when any descriptor is closed). `/proc/locks`
    /// is read in parts, between which other processes change it, so that one reading may miss a lock.
    fn is_held(path: &Path) -> bool {
        (0..5).any(|_| is_listed(path))
    }

    fn is_listed(path: &Path) -> bool {
        let inode = fs::metadata(path).unwrap().ino();
        let (process, inode) = (std::process::id().to_string(), format!(":{inode}"));
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            line.contains("POSIX") && words[4] == process && words[5].ends_with(&inode)
        })
    }

    #[test]
    fn the_lock_on_a_log_is_kept_whatever_else_opens_it_in_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).unwrap();
        log.event("deployment").record();
        log.flush().wait().unwrap();
        assert!(is_held(&path), "the log is open");
        let check = |what: &str| {
            for file in [path.clone(), beside(&path, "-shm")] {
                assert!(is_held(&file), "{what}: {}", file.display());
            }
        };
        for _ in 0..3 {
            let second = ActivityLog::open(&path).unwrap();
            check("a second log");
            second.shutdown().wait().unwrap();
            check("a second log that ended");
        }
        let store = SqliteStore::new(&path).unwrap();
        drop(store.maintenance().unwrap());
        check("maintenance");
        let import = Import::new(&store, Redactor::new()).unwrap();
        import.finish().unwrap();
        check("an import");
        drop(ActivityReader::open(&path).unwrap());
        check("a reader");
        let webhooks = Webhooks::open(&path).unwrap();
        let webhook = Webhook::events("ops", "https://example.com/").unwrap();
        webhooks.add(&webhook).unwrap();
        check("webhooks");
        log.shutdown().wait().unwrap();
    }

    #[test]
    fn the_lock_on_webhooks_is_kept_when_they_are_opened_again_in_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).unwrap();
        let webhooks = Webhooks::open(&path).unwrap();
        let webhook = Webhook::events("ops", "https://example.com/").unwrap();
        webhooks.add(&webhook).unwrap();
        let delivery = webhooks.deliver();
        let kept = beside(&path, "-webhooks");
        poll_until(|| is_held(&kept).then_some(()));
        for _ in 0..3 {
            webhooks.list().unwrap();
            assert!(is_held(&kept), "they were listed");
            webhooks.add(&webhook).unwrap();
            assert!(is_held(&kept), "one was added");
            let other = Webhooks::open(&path).unwrap();
            other.dead_letters().unwrap();
            assert!(is_held(&kept), "another handle read them");
        }
        delivery.stop();
        log.shutdown().wait().unwrap();
    }
}
