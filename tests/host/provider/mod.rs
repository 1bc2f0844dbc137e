//! Every provider's hosts get markers, and every operation is recorded.

mod command;
mod local;
mod ssh;
mod sshd;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use chrono::{DateTime, Utc};
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Error, ErrorKind, Result, Status,
    host::{ActivitySource, Host, HostActivity, HostProvider, HostProviderExt, Work},
    record::{EventRecord, Filter},
};

use crate::support::{self, rows};

fn setup() -> (TempDir, ActivityLog) {
    (
        tempfile::tempdir().unwrap(),
        ActivityLog::open(":memory:").unwrap(),
    )
}

/// The events of a log, oldest first.
fn events(log: &ActivityLog) -> Vec<EventRecord> {
    log.flush().wait().unwrap();
    let page = log.reader().unwrap().events(&Filter::default(), None, 100);
    page.unwrap().records.into_iter().rev().collect()
}

fn kinds(events: &[EventRecord]) -> Vec<(&str, Status)> {
    events
        .iter()
        .map(|event| (event.event_type.as_str(), event.status))
        .collect()
}

/// The modification times of the markers CREATE and BOOT.
fn marked(directory: &Path) -> (DateTime<Utc>, DateTime<Utc>) {
    let host = HostActivity::new(directory);
    let at = |source| host.last_active(source).unwrap().unwrap();
    (at(ActivitySource::Create), at(ActivitySource::Boot))
}

/// The PID of a process, once it is in this file.
fn pid(file: &Path) -> String {
    support::poll_until(|| {
        let text = fs::read_to_string(file).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    })
}

/// Waits until a process has exited.
fn wait_for_exit(pid: &str) {
    // A zombie has no command line.
    let command = PathBuf::from(format!("/proc/{pid}/cmdline"));
    support::poll_until(|| {
        fs::read(&command)
            .map_or(true, |text| text.is_empty())
            .then_some(())
    });
}

/// A provider that knows nothing of markers: three methods, and a folder for each host.
struct Folders {
    root: PathBuf,
    fails: AtomicBool,
}

impl Folders {
    fn at(root: &Path) -> Self {
        Folders {
            root: root.to_owned(),
            fails: AtomicBool::new(false),
        }
    }

    fn work(&self) -> Result<()> {
        match self.fails.load(Relaxed) {
            true => Err(Error::new(ErrorKind::Host, "no capacity left").with_source("quota of 0")),
            false => Ok(()),
        }
    }
}

impl HostProvider for Folders {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        self.work()?;
        fs::create_dir(self.root.join(name)).unwrap();
        Ok(Host::in_directory(
            name.to_owned(),
            HostActivity::new(self.root.join(name)),
        ))
    }

    async fn start(&self, work: &Work, _host: &Host) -> Result<()> {
        work.activity().set("zone", "b");
        self.work()
    }

    async fn stop(&self, _work: &Work, _host: &Host) -> Result<()> {
        self.work()
    }
}

/// Creates a host, stops it and starts it, and checks its markers.
async fn runs_through_its_lifecycle(
    provider: &impl HostProvider,
    log: &ActivityLog,
    directory: PathBuf,
) -> Host {
    let host = provider.create_host(log, "web").await.unwrap();
    let (created, booted) = marked(&directory);
    provider.stop_host(log, &host).await.unwrap();
    assert_eq!(
        marked(&directory),
        (created, booted),
        "a stop marks nothing"
    );
    provider.start_host(log, &host).await.unwrap();
    let (created_still, booted_again) = marked(&directory);
    assert_eq!(created_still, created);
    assert!(booted_again > booted, "{booted_again} > {booted}");
    assert_eq!(host.mark_failures(), 0);

    let events = events(log);
    let expected =
        ["host_created", "host_stopped", "host_started"].map(|kind| (kind, Status::Success));
    assert_eq!(kinds(&events), expected);
    assert!(
        events
            .iter()
            .all(|event| event.reference.as_deref() == Some("web"))
    );
    let rows = rows(log);
    assert_eq!(rows.names(), ["create_host", "stop_host", "start_host"]);
    for (row, event) in rows.0.iter().zip(&events) {
        assert_eq!(
            (row.status, event.activity),
            (Status::Success, Some(row.id))
        );
        assert_eq!(row.attributes["host"], "web");
    }
    host
}

#[tokio::test]
async fn a_provider_of_three_methods_gets_all_markers() {
    let (folder, log) = setup();
    let provider = Folders::at(folder.path());
    runs_through_its_lifecycle(&provider, &log, folder.path().join("web")).await;
    assert_eq!(rows(&log).one("start_host").attributes["zone"], "b");
}

#[tokio::test]
async fn a_failure_of_the_provider_is_recorded_and_writes_no_marker() {
    let (folder, log) = setup();
    let provider = Folders::at(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let before = marked(&folder.path().join("web"));
    provider.fails.store(true, Relaxed);
    assert!(provider.create_host(&log, "db").await.is_err());
    assert!(provider.start_host(&log, &host).await.is_err());
    assert!(provider.stop_host(&log, &host).await.is_err());
    assert_eq!(marked(&folder.path().join("web")), before);
    let events = events(&log);
    let failed =
        ["host_created", "host_started", "host_stopped"].map(|kind| (kind, Status::Failed));
    assert_eq!(kinds(&events)[1..], failed);
    assert_eq!(
        events[1].summary.as_deref(),
        Some("no capacity left: quota of 0")
    );
    let row = rows(&log).one("stop_host");
    assert_eq!(row.status, Status::Failed);
    assert_eq!(row.message.as_deref(), Some("no capacity left: quota of 0"));
}

#[tokio::test]
async fn a_marker_that_cannot_be_written_is_counted_and_recorded_and_fails_no_host() {
    let (folder, log) = setup();
    let provider = Folders::at(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let boot = folder.path().join("web/activity/boot");
    fs::remove_file(&boot).unwrap();
    fs::create_dir(&boot).unwrap();
    provider.start_host(&log, &host).await.unwrap();
    assert_eq!(host.clone().mark_failures(), 1);
    let events = events(&log);
    let told = [
        ("host_mark_failed", Status::Failed),
        ("host_started", Status::Success),
    ];
    assert_eq!(kinds(&events)[1..], told);
    let summary = events[1].summary.as_deref().unwrap();
    assert!(
        summary.starts_with("cannot write the marker boot of web: cannot record boot in "),
        "{summary}"
    );
}

#[tokio::test]
async fn a_name_that_is_unsafe_in_a_path_is_refused() {
    let (folder, log) = setup();
    let provider = Folders::at(folder.path());
    for name in [
        "",
        ".",
        "..",
        "../web",
        "a/b",
        "-rf",
        ".hidden",
        "a b",
        "a\n",
        "é",
        &"x".repeat(64),
    ] {
        let error = provider.create_host(&log, name).await.unwrap_err();
        assert!(error.is_invalid(), "{name:?}: {error}");
    }
    provider.create_host(&log, "Web-1.eu_west").await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
