//! Activities keep a host awake; a watcher stops an idle one.

mod up_again;

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use tempfile::TempDir;
use tokio::time;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Error, ErrorKind, Outcome, Result, Status,
    host::{
        ActivitySource, ClockReading, Host, HostActivity, HostProvider, HostProviderExt, HostState,
        Idle, IdleMode, StopReason, Watcher, Work,
    },
    record::Filter,
};

use crate::support;

const MINUTE: Duration = Duration::from_secs(60);

fn setup() -> (TempDir, ActivityLog) {
    let log = ActivityLog::builder().flush_interval(Duration::from_millis(1));
    (tempfile::tempdir().unwrap(), log.open(":memory:").unwrap())
}

/// A host that was last used `minutes` ago.
fn used_ago(folder: &Path, minutes: i64) -> Host {
    let activity = HostActivity::new(folder);
    let then = Utc::now() - TimeDelta::minutes(minutes);
    for source in [
        ActivitySource::Create,
        ActivitySource::Boot,
        ActivitySource::User,
    ] {
        activity.record_at(source, then).unwrap();
    }
    Host::in_directory("web", activity)
}

/// The types of a log's events, oldest first.
fn events(log: &ActivityLog) -> Vec<String> {
    log.flush().wait().unwrap();
    let page = log.reader().unwrap().events(&Filter::default(), None, 100);
    let types = page.unwrap().records.into_iter().rev();
    types.map(|event| event.event_type.to_string()).collect()
}

async fn poll(watcher: &mut Watcher, now: ClockReading) -> HostState {
    watcher.poll(now, async |_| Ok(())).await.unwrap()
}

fn is_up(state: &HostState) -> bool {
    matches!(state, HostState::Up(_))
}

fn stopped(state: &HostState) -> Option<StopReason> {
    match state {
        HostState::Stopped(decision) => Some(decision.reason),
        _ => None,
    }
}

/// A provider with a folder for each host. It records the begin and end of each start and stop.
#[derive(Default)]
struct Folders {
    root: std::path::PathBuf,
    done: Arc<Mutex<Vec<&'static str>>>,
}

impl Folders {
    fn new(folder: &Path) -> Self {
        Folders {
            root: folder.to_owned(),
            done: Arc::default(),
        }
    }

    fn note(&self, what: &'static str) {
        self.done.lock().unwrap().push(what);
    }
}

impl HostProvider for Folders {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        fs::create_dir(self.root.join(name)).unwrap();
        Ok(Host::in_directory(
            name.to_owned(),
            HostActivity::new(self.root.join(name)),
        ))
    }

    async fn start(&self, _work: &Work, _host: &Host) -> Result<()> {
        self.note("start begins");
        time::sleep(MINUTE / 6).await;
        self.note("start ends");
        Ok(())
    }

    async fn stop(&self, _work: &Work, _host: &Host) -> Result<()> {
        self.note("stop begins");
        time::sleep(MINUTE / 6).await;
        self.note("stop ends");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_is_kept_awake_by_tool_calls_then_idle_then_stopped_then_resumed() {
    let (folder, log) = setup();
    let provider = Folders::new(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let mut tools = ServiceBuilder::new()
        .layer(ActivityLayer::new(&log).describe(|_: &u32| Describe::tool("search")))
        .service(service_fn(async |n: u32| Ok::<_, Infallible>(n)));
    let mut awake = log.keep_awake(&host, ActivitySource::Agent).unwrap();
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();

    // A call every two minutes: after ten the host has been up for twice its idle timeout.
    for minute in (2..=10).step_by(2) {
        let now = start.after(minute * MINUTE);
        tools.ready().await.unwrap().call(minute).await.unwrap();
        log.flush().await.unwrap();
        assert!(awake.poll(now).await.unwrap());
        let watched = poll(&mut watcher, now).await;
        assert!(
            matches!(watched, HostState::Up(Idle::For(Duration::ZERO))),
            "{watched:?}"
        );
    }
    let now = start.after(14 * MINUTE);
    assert!(!awake.poll(now).await.unwrap(), "no call was made");
    assert!(is_up(&poll(&mut watcher, now).await));

    let now = start.after(15 * MINUTE);
    let stop = |_| provider.stop_host(&log, &host);
    let watched = watcher.poll(now, stop).await.unwrap();
    assert_eq!(stopped(&watched), Some(StopReason::Idle));
    let expected = ["host_created", "host_idle", "host_stopped"];
    assert_eq!(events(&log), expected);
    // The stop itself does not count as use, and happens once.
    assert!(!awake.poll(now.after(MINUTE)).await.unwrap());
    let watched = poll(&mut watcher, now.after(9 * MINUTE)).await;
    assert!(matches!(watched, HostState::Down), "{watched:?}");

    provider.start_host(&log, &host).await.unwrap();
    // File times are real; the time of the test is later.
    let resumed = start.after(60 * MINUTE);
    let at = HostActivity::new(folder.path().join("web"));
    at.record_at(ActivitySource::Boot, resumed.wall()).unwrap();
    for minutes in [0, 4] {
        assert!(is_up(
            &poll(&mut watcher, resumed.after(minutes * MINUTE)).await
        ));
    }
    // Nor does a watcher that did not see the stop.
    let mut another = Watcher::new(&log, &host)
        .mode(IdleMode::Create)
        .idle_timeout(5 * MINUTE);
    assert!(is_up(&poll(&mut another, resumed.after(4 * MINUTE)).await));
    assert!(stopped(&poll(&mut another, resumed.after(5 * MINUTE)).await).is_some());
}

#[tokio::test]
async fn a_running_call_keeps_a_host_awake_even_after_its_child_has_ended() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 0);
    let mut awake = log.keep_awake(&host, ActivitySource::Process).unwrap();
    let start = ClockReading::now();
    let parent = log.start(Describe::job("build"));
    log.start(Describe::tool("compile").parent(&parent))
        .end(Outcome::success());
    support::until(&log, |rows| rows.0.len() == 2);
    for minutes in 1..4 {
        assert!(awake.poll(start.after(minutes * MINUTE)).await.unwrap());
    }
    parent.end(Outcome::success());
    log.flush().await.unwrap();
    assert!(
        awake.poll(start.after(4 * MINUTE)).await.unwrap(),
        "it has just ended"
    );
    assert!(!awake.poll(start.after(5 * MINUTE)).await.unwrap());
    let touched = host
        .markers()
        .await
        .unwrap()
        .get(ActivitySource::Process)
        .unwrap();
    let expected = start.after(4 * MINUTE).wall();
    assert!(
        (touched - expected).abs() < TimeDelta::milliseconds(1),
        "{touched} {expected}"
    );
}

#[tokio::test]
async fn a_marker_is_touched_at_most_once_an_interval_and_only_for_counted_activities() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 0);
    let only = Filter::parse("kind:tool project:acme", Utc::now()).unwrap();
    let awake = log.keep_awake(&host, ActivitySource::User).unwrap();
    let mut awake = awake.filter(only).interval(MINUTE);
    let start = ClockReading::now();
    let call = |describe: Describe| {
        log.start(describe).end(Outcome::success());
        log.flush().wait().unwrap();
    };
    call(Describe::tool("search").project("other"));
    call(Describe::job("import").project("acme"));
    assert!(!awake.poll(start).await.unwrap());
    call(Describe::tool("search").project("acme"));
    assert!(awake.poll(start).await.unwrap());
    call(Describe::tool("search").project("acme"));
    assert!(
        !awake.poll(start.after(MINUTE / 2)).await.unwrap(),
        "within the interval"
    );
    assert!(
        awake.poll(start.after(MINUTE)).await.unwrap(),
        "it was not forgotten"
    );
    assert!(!awake.poll(start.after(2 * MINUTE)).await.unwrap());
}

#[tokio::test]
async fn an_unknown_or_disabled_idle_time_stops_no_host() {
    let (folder, log) = setup();
    let empty = Host::in_directory("web", HostActivity::new(folder.path()));
    let later = ClockReading::now().after(1000 * MINUTE);
    let mut watcher = Watcher::new(&log, &empty)
        .idle_timeout(MINUTE)
        .max_age(MINUTE);
    assert!(matches!(
        poll(&mut watcher, later).await,
        HostState::Up(Idle::Unknown)
    ));
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host)
        .mode(IdleMode::Disabled)
        .idle_timeout(MINUTE);
    assert!(matches!(
        poll(&mut watcher, later).await,
        HostState::Up(Idle::Never)
    ));
    let mut unlimited = Watcher::new(&log, &host);
    assert!(matches!(
        poll(&mut unlimited, later).await,
        HostState::Up(Idle::For(_))
    ));
    assert!(events(&log).is_empty());
}

#[tokio::test]
async fn a_host_above_its_maximum_age_is_paused_even_in_use() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    host.record(ActivitySource::User).await.unwrap();
    let mut watcher = Watcher::new(&log, &host)
        .idle_timeout(MINUTE)
        .max_age(11 * MINUTE);
    let now = ClockReading::now();
    assert!(is_up(&poll(&mut watcher, now).await));
    host.record(ActivitySource::User).await.unwrap();
    let watched = poll(&mut watcher, now.after(MINUTE)).await;
    assert_eq!(stopped(&watched), Some(StopReason::MaxAge));
    assert_eq!(events(&log), ["host_too_old"]);
}

#[tokio::test]
async fn a_host_without_sessions_is_stopped_after_a_grace_period() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let sessions = Arc::new(AtomicUsize::new(1));
    let counted = sessions.clone();
    let count = move || std::future::ready(Ok(counted.load(Relaxed)));
    let mut watcher = Watcher::new(&log, &host).sessions(2 * MINUTE, count);
    let start = ClockReading::now();
    assert!(is_up(&poll(&mut watcher, start).await));
    // A session that returns restarts the grace period.
    for (minute, number, up) in [
        (1, 0, true),
        (2, 1, true),
        (3, 0, true),
        (4, 0, true),
        (5, 0, false),
    ] {
        sessions.store(number, Relaxed);
        let watched = poll(&mut watcher, start.after(minute * MINUTE)).await;
        assert_eq!(is_up(&watched), up, "minute {minute}: {watched:?}");
    }
    log.flush().await.unwrap();
    let page = log
        .reader()
        .unwrap()
        .events(&Filter::default(), None, 10)
        .unwrap();
    let event = &page.records[0];
    assert_eq!(event.event_type, "host_sessions_gone");
    let said = event.summary.as_deref();
    assert_eq!(
        said,
        Some("web will be stopped: no session for 120 s, the limit is 120 s")
    );
    let data = event.data.as_ref().unwrap();
    assert_eq!(
        (&data["reason"], &data["state"]),
        (&"sessions_gone".into(), &"stopped".into())
    );
}

#[tokio::test]
async fn a_boot_restarts_the_grace_period_of_sessions() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let none = || std::future::ready(Ok(0));
    let mut watcher = Watcher::new(&log, &host).sessions(2 * MINUTE, none);
    let start = ClockReading::now();
    assert!(is_up(&poll(&mut watcher, start).await));
    let booted = start.after(MINUTE);
    let activity = HostActivity::new(folder.path());
    activity
        .record_at(ActivitySource::Boot, booted.wall())
        .unwrap();
    assert!(is_up(&poll(&mut watcher, start.after(2 * MINUTE)).await));
    assert!(!is_up(&poll(&mut watcher, start.after(3 * MINUTE)).await));
}

#[tokio::test]
async fn a_clock_that_jumps_stops_no_host_and_keeps_none_up() {
    for jump in [TimeDelta::days(2), TimeDelta::days(-2)] {
        let (folder, log) = setup();
        let host = used_ago(folder.path(), 1);
        let limits = Watcher::new(&log, &host).max_age(60 * MINUTE);
        let mut watcher = limits.idle_timeout(5 * MINUTE);
        let start = ClockReading::now();
        let jumped = |minutes: u32| {
            let now = start.after(minutes * MINUTE);
            now.with_wall(now.wall() + jump)
        };
        assert!(is_up(&poll(&mut watcher, start).await));
        assert!(is_up(&poll(&mut watcher, jumped(3)).await), "{jump}");
        assert!(!is_up(&poll(&mut watcher, jumped(4)).await), "{jump}");
    }
}

#[tokio::test]
async fn busy_guards_are_counted() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let parent = host.busy();
    let child = host.clone().busy();
    let now = ClockReading::now();
    assert!(is_up(&poll(&mut watcher, now).await));
    drop(child);
    let now = now.after(10 * MINUTE);
    assert!(is_up(&poll(&mut watcher, now).await), "its parent is busy");
    drop(parent);
    assert!(is_up(&poll(&mut watcher, now.after(4 * MINUTE)).await));
    assert!(!is_up(&poll(&mut watcher, now.after(5 * MINUTE)).await));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_being_started_is_not_stopped() {
    let (folder, log) = setup();
    let provider = Folders::new(folder.path());
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = provider.start_host(&log, &host);
    // Once the start has begun it holds the lock.
    let watch = async {
        while provider.done.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        watcher
            .poll(ClockReading::now(), |_| provider.stop_host(&log, &host))
            .await
    };
    let (started, watched) = tokio::join!(start, watch);
    started.unwrap();
    assert!(is_up(&watched.unwrap()));
    assert_eq!(
        *provider.done.lock().unwrap(),
        ["start begins", "start ends"]
    );
    assert_eq!(events(&log), ["host_started"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_for_a_stop_that_has_begun() {
    let (folder, log) = setup();
    let provider = Folders::new(folder.path());
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let watch = watcher.poll(ClockReading::now(), |_| provider.stop_host(&log, &host));
    // Through another handle: the lock belongs to the host.
    let other = Host::in_directory("web", HostActivity::new(folder.path()));
    let start = async {
        while provider.done.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        provider.start_host(&log, &other).await
    };
    let (watched, started) = tokio::join!(watch, start);
    assert_eq!(stopped(&watched.unwrap()), Some(StopReason::Idle));
    started.unwrap();
    let order = ["stop begins", "stop ends", "start begins", "start ends"];
    assert_eq!(*provider.done.lock().unwrap(), order);
    assert!(
        is_up(&poll(&mut watcher, ClockReading::now()).await),
        "it was booted since"
    );
}

#[tokio::test]
async fn a_failure_is_reported_once_and_retried() {
    let (folder, log) = setup();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let now = ClockReading::now();
    let no = || Error::new(ErrorKind::Host, "the cloud is down");
    for _ in 0..3 {
        let error = watcher.poll(now, async |_| Err(no())).await.unwrap_err();
        assert_eq!(error.to_string(), "the cloud is down");
    }
    assert!(stopped(&poll(&mut watcher, now).await).is_some());
    assert_eq!(events(&log), ["host_idle", "host_watch_failed"]);

    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let user = folder.path().join("activity/user");
    fs::remove_file(&user).unwrap();
    fs::create_dir(&user).unwrap();
    for _ in 0..3 {
        assert!(watcher.poll(now, async |_| Ok(())).await.is_err());
    }
    fs::remove_dir(&user).unwrap();
    assert!(stopped(&poll(&mut watcher, now).await).is_some());
    assert_eq!(events(&log)[2..], ["host_watch_failed", "host_idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_start_is_marked_as_a_boot() {
    let (folder, log) = setup();
    let provider = Folders::new(folder.path());
    let host = used_ago(folder.path(), 10);
    let before = host.markers().await.unwrap().get(ActivitySource::Boot);
    let given_up = time::timeout(MINUTE / 60, provider.start_host(&log, &host)).await;
    assert!(given_up.is_err());
    assert_eq!(*provider.done.lock().unwrap(), ["start begins"]);
    // The marker task holds the lock until BOOT is written: the next owner of the lock sees the boot.
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    assert!(is_up(&poll(&mut watcher, ClockReading::now()).await));
    assert!(host.markers().await.unwrap().get(ActivitySource::Boot) > before);
    let row = support::rows(&log).one("start_host");
    assert_eq!(row.status, Status::Cancelled);
}
