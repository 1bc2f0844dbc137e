//! Stopped hosts that are started again, by the provider or another program.

use std::{
    fs,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tower_activity::{
    Error, ErrorKind, Result,
    host::{
        ActivitySource, ClockReading, Host, HostActivity, HostProvider, HostProviderExt, HostState,
        StopReason, Watcher, Work,
    },
};

use crate::watch::{MINUTE, events, is_up, poll, setup, stopped, used_ago};

#[tokio::test]
async fn a_marker_written_after_the_stop_means_that_the_host_is_up() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let limits = Watcher::new(&log, &host).max_age(9 * MINUTE);
    let mut watcher = limits.idle_timeout(5 * MINUTE);
    let start = ClockReading::now();
    assert!(stopped(&poll(&mut watcher, start).await).is_some());
    let minutes = |minutes: u32| start.after(minutes * MINUTE);
    for minute in [1, 30] {
        let watched = poll(&mut watcher, minutes(minute)).await;
        assert!(matches!(watched, HostState::Down), "{watched:?}");
    }
    // Started without a BOOT marker: idle time starts when the host was last known to be down.
    let activity = HostActivity::new(folder.path());
    let touch = |now: ClockReading| {
        let touched = activity.record_at(ActivitySource::User, now.wall());
        touched.unwrap();
    };
    touch(minutes(31));
    assert!(is_up(&poll(&mut watcher, minutes(31)).await));
    touch(minutes(36));
    assert!(is_up(&poll(&mut watcher, minutes(38)).await));
    let watched = poll(&mut watcher, minutes(39)).await;
    assert_eq!(stopped(&watched), Some(StopReason::MaxAge));
}

#[tokio::test]
async fn a_marker_written_during_the_stop_does_not_mean_that_the_host_is_up() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();
    let stop = async |_| host.record(ActivitySource::Process).await;
    assert!(stopped(&watcher.poll(start, stop).await.unwrap()).is_some());
    let watched = poll(&mut watcher, start.after(MINUTE)).await;
    assert!(matches!(watched, HostState::Down), "{watched:?}");
}

#[tokio::test]
async fn a_host_that_responds_again_is_up() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();
    let (there, gone) = (folder.path().join("activity"), folder.path().join("gone"));
    let stop = async |_| {
        fs::rename(&there, &gone).unwrap();
        fs::write(&there, "").unwrap();
        Ok(())
    };
    assert!(stopped(&watcher.poll(start, stop).await.unwrap()).is_some());
    let watched = poll(&mut watcher, start.after(MINUTE)).await;
    assert!(matches!(watched, HostState::Down), "{watched:?}");
    fs::remove_file(&there).unwrap();
    fs::rename(&gone, &there).unwrap();
    assert!(is_up(&poll(&mut watcher, start.after(5 * MINUTE)).await));
    let watched = poll(&mut watcher, start.after(6 * MINUTE)).await;
    assert_eq!(stopped(&watched), Some(StopReason::Idle));
}

#[tokio::test]
async fn a_stop_and_start_by_another_program_is_noticed() {
    let (folder, log) = setup();
    let up = Arc::new(AtomicBool::new(false));
    let asked = up.clone();
    let host = used_ago(folder.path(), 10).up_when(move || ready(Ok(asked.load(Relaxed))));
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();
    for (minute, is_up, expected) in [
        (0, false, "down"),
        (1, false, "down"),
        // Without a BOOT marker.
        (2, true, "up"),
        (5, true, "up"),
        (6, true, "stopped"),
        // The stop failed.
        (7, true, "up"),
        (8, false, "down"),
    ] {
        up.store(is_up, Relaxed);
        let found = match poll(&mut watcher, start.after(minute * MINUTE)).await {
            HostState::Up(_) => "up",
            HostState::Stopped(_) => "stopped",
            _ => "down",
        };
        assert_eq!(found, expected, "minute {minute}");
    }
    assert_eq!(events(&log), ["host_idle"]);
}

#[tokio::test]
async fn a_start_that_timed_out_is_marked_as_a_boot() {
    struct Slow;

    impl HostProvider for Slow {
        async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
            Err(Error::new(ErrorKind::Host, format!("no room for {name}")))
        }

        async fn start(&self, _work: &Work, _host: &Host) -> Result<()> {
            Err(Error::new(ErrorKind::Timeout, "timed out after 300 s"))
        }

        async fn stop(&self, _work: &Work, _host: &Host) -> Result<()> {
            Ok(())
        }
    }

    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();
    assert!(stopped(&poll(&mut watcher, start).await).is_some());
    assert!(Slow.start_host(&log, &host).await.unwrap_err().is_timeout());
    assert!(is_up(&poll(&mut watcher, ClockReading::now()).await));
    let later = ClockReading::now().after(5 * MINUTE);
    assert!(stopped(&poll(&mut watcher, later).await).is_some());
}
