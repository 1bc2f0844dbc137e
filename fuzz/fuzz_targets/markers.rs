//! Any content of a marker file is a time or none, and any output of a host's shell is markers or an error. A time is the
//! same after it was written and read again.
#![no_main]

use std::{
    fs,
    future::ready,
    pin::pin,
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll, Waker},
};

use chrono::{DateTime, SubsecRound, Utc};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tower_activity::host::{
    ActivitySource, HostActivity, HostShell, Idle, IdleMode, MarkerFormat, ScriptFuture,
    ShellActivity,
};
use tower_activity_fuzz::linear;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// A host whose shell prints a text.
struct Printing(Mutex<String>);

impl HostShell for Printing {
    fn run<'a>(&'a self, _: &'a str) -> ScriptFuture<'a> {
        let text = self.0.lock().map(|text| text.clone()).unwrap_or_default();
        Box::pin(ready(Ok(text)))
    }
}

fn line(data: &[u8]) {
    let host = HostActivity::new(FOLDER.path());
    let source = ActivitySource::User;
    host.record(source).expect("a marker is written");
    fs::write(FOLDER.path().join("activity/user"), data).expect("it is written");
    let Some(at) = host.line_time(source).expect("it is read") else {
        return;
    };
    for format in [MarkerFormat::Iso, MarkerFormat::Json] {
        let host = HostActivity::new(FOLDER.path()).format(format);
        // A file system has no modification time so far from now.
        let recorded = host.record_at(source, at);
        if recorded.is_ok() {
            let again = host.line_time(source).expect("it is read");
            assert_eq!(again, Some(at.trunc_subsecs(6)), "written as {format:?}");
        }
    }
}

fn shell(text: &str, now: DateTime<Utc>) {
    let activity = ShellActivity::new("/srv", Arc::new(Printing(Mutex::new(text.to_owned()))));
    let read = pin!(activity.markers()).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(markers)) = read else {
        return;
    };
    let named = ActivitySource::ALL
        .into_iter()
        .filter(|source| markers.get(*source).is_some());
    let lines = text.lines().skip(1).count();
    assert!(named.count() <= lines, "markers that no line names");
    let mode = IdleMode::User;
    if let Idle::For(_) = markers.idle_for(&mode, now) {
        let mut counted = mode.sources().iter();
        assert!(counted.any(|source| markers.get(*source).is_some()));
    }
}

fuzz_target!(|data: &[u8]| {
    line(data);
    if let Ok(text) = str::from_utf8(data) {
        let now = Utc::now();
        shell(text, now);
        linear("1772366400\n", text, 64 << 10, |long| shell(long, now));
    }
});
