//! Hosts are kept awake by what uses them, and stopped when nothing does.

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

fn place() -> (TempDir, ActivityLog) {
    let log = ActivityLog::builder().flush_interval(Duration::from_millis(1));
    (tempfile::tempdir().unwrap(), log.open(":memory:").unwrap())
}

/// A host that was last used so many minutes ago.
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

async fn look(watcher: &mut Watcher, now: ClockReading) -> HostState {
    watcher.poll(now, async |_| Ok(())).await.unwrap()
}

fn is_up(watched: &HostState) -> bool {
    matches!(watched, HostState::Up(_))
}

fn stopped(watched: &HostState) -> Option<StopReason> {
    match watched {
        HostState::Stopped(decision) => Some(decision.reason),
        _ => None,
    }
}

/// Keeps a folder for each host, and writes down what it did and when each piece was done.
#[derive(Default)]
struct Folders {
    root: std::path::PathBuf,
    done: Arc<Mutex<Vec<&'static str>>>,
}

impl Folders {
    fn at(folder: &Path) -> Self {
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
    let (folder, log) = place();
    let provider = Folders::at(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let mut tools = ServiceBuilder::new()
        .layer(ActivityLayer::new(&log).describe(|_: &u32| Describe::tool("search")))
        .service(service_fn(async |n: u32| Ok::<_, Infallible>(n)));
    let mut awake = log.keep_awake(&host, ActivitySource::Agent).unwrap();
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let start = ClockReading::now();

    // Every two minutes a call: after ten it has been up for twice its idle time.
    for minute in (2..=10).step_by(2) {
        let now = start.after(minute * MINUTE);
        tools.ready().await.unwrap().call(minute).await.unwrap();
        log.flush().await.unwrap();
        assert!(awake.poll(now).await.unwrap());
        let watched = look(&mut watcher, now).await;
        assert!(
            matches!(watched, HostState::Up(Idle::For(Duration::ZERO))),
            "{watched:?}"
        );
    }
    let now = start.after(14 * MINUTE);
    assert!(!awake.poll(now).await.unwrap(), "nobody called");
    assert!(is_up(&look(&mut watcher, now).await));

    let now = start.after(15 * MINUTE);
    let stop = |_| provider.stop_host(&log, &host);
    let watched = watcher.poll(now, stop).await.unwrap();
    assert_eq!(stopped(&watched), Some(StopReason::Idle));
    let expected = ["host_created", "host_idle", "host_stopped"];
    assert_eq!(events(&log), expected);
    // Its own stop is no use of it, and it is stopped once.
    assert!(!awake.poll(now.after(MINUTE)).await.unwrap());
    let watched = look(&mut watcher, now.after(9 * MINUTE)).await;
    assert!(matches!(watched, HostState::Down), "{watched:?}");

    provider.start_host(&log, &host).await.unwrap();
    // What the file says is the machine's time; the story's is later.
    let resumed = start.after(60 * MINUTE);
    let at = HostActivity::new(folder.path().join("web"));
    at.record_at(ActivitySource::Boot, resumed.wall()).unwrap();
    for minutes in [0, 4] {
        assert!(is_up(
            &look(&mut watcher, resumed.after(minutes * MINUTE)).await
        ));
    }
    // Nor does one that did not see the stop.
    let mut another = Watcher::new(&log, &host)
        .mode(IdleMode::Create)
        .idle_timeout(5 * MINUTE);
    assert!(is_up(&look(&mut another, resumed.after(4 * MINUTE)).await));
    assert!(stopped(&look(&mut another, resumed.after(5 * MINUTE)).await).is_some());
}

#[tokio::test]
async fn a_call_keeps_a_host_awake_while_it_runs_also_after_a_child_has_ended() {
    let (folder, log) = place();
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
async fn a_marker_is_touched_at_most_once_an_interval_and_only_for_what_counts() {
    let (folder, log) = place();
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
async fn what_is_unknown_or_disabled_stops_no_host() {
    let (folder, log) = place();
    let empty = Host::in_directory("web", HostActivity::new(folder.path()));
    let later = ClockReading::now().after(1000 * MINUTE);
    let mut watcher = Watcher::new(&log, &empty)
        .idle_timeout(MINUTE)
        .max_age(MINUTE);
    assert!(matches!(
        look(&mut watcher, later).await,
        HostState::Up(Idle::Unknown)
    ));
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host)
        .mode(IdleMode::Disabled)
        .idle_timeout(MINUTE);
    assert!(matches!(
        look(&mut watcher, later).await,
        HostState::Up(Idle::Never)
    ));
    let mut unlimited = Watcher::new(&log, &host);
    assert!(matches!(
        look(&mut unlimited, later).await,
        HostState::Up(Idle::For(_))
    ));
    assert!(events(&log).is_empty());
}

#[tokio::test]
async fn a_host_that_has_been_up_for_too_long_is_paused_though_it_is_used() {
    let (folder, log) = place();
    let host = used_ago(folder.path(), 10);
    host.record(ActivitySource::User).await.unwrap();
    let mut watcher = Watcher::new(&log, &host)
        .idle_timeout(MINUTE)
        .max_age(11 * MINUTE);
    let now = ClockReading::now();
    assert!(is_up(&look(&mut watcher, now).await));
    host.record(ActivitySource::User).await.unwrap();
    let watched = look(&mut watcher, now.after(MINUTE)).await;
    assert_eq!(stopped(&watched), Some(StopReason::MaxAge));
    assert_eq!(events(&log), ["host_too_old"]);
}

#[tokio::test]
async fn a_host_whose_sessions_have_ended_is_stopped_after_a_grace() {
    let (folder, log) = place();
    let host = used_ago(folder.path(), 10);
    let sessions = Arc::new(AtomicUsize::new(1));
    let counted = sessions.clone();
    let count = move || std::future::ready(Ok(counted.load(Relaxed)));
    let mut watcher = Watcher::new(&log, &host).sessions(2 * MINUTE, count);
    let start = ClockReading::now();
    assert!(is_up(&look(&mut watcher, start).await));
    // One that comes back within the grace begins it anew.
    for (minute, number, up) in [
        (1, 0, true),
        (2, 1, true),
        (3, 0, true),
        (4, 0, true),
        (5, 0, false),
    ] {
        sessions.store(number, Relaxed);
        let watched = look(&mut watcher, start.after(minute * MINUTE)).await;
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
async fn a_boot_begins_the_grace_for_sessions_anew() {
    let (folder, log) = place();
    let host = used_ago(folder.path(), 10);
    let none = || std::future::ready(Ok(0));
    let mut watcher = Watcher::new(&log, &host).sessions(2 * MINUTE, none);
    let start = ClockReading::now();
    assert!(is_up(&look(&mut watcher, start).await));
    let booted = start.after(MINUTE);
    let activity = HostActivity::new(folder.path());
    activity
        .record_at(ActivitySource::Boot, booted.wall())
        .unwrap();
    assert!(is_up(&look(&mut watcher, start.after(2 * MINUTE)).await));
    assert!(!is_up(&look(&mut watcher, start.after(3 * MINUTE)).await));
}

#[tokio::test]
async fn a_clock_that_jumps_stops_no_host_and_keeps_none_up() {
    for jump in [TimeDelta::days(2), TimeDelta::days(-2)] {
        let (folder, log) = place();
        let host = used_ago(folder.path(), 1);
        let limits = Watcher::new(&log, &host).max_age(60 * MINUTE);
        let mut watcher = limits.idle_timeout(5 * MINUTE);
        let start = ClockReading::now();
        let jumped = |minutes: u32| {
            let now = start.after(minutes * MINUTE);
            now.with_wall(now.wall() + jump)
        };
        assert!(is_up(&look(&mut watcher, start).await));
        assert!(is_up(&look(&mut watcher, jumped(3)).await), "{jump}");
        assert!(!is_up(&look(&mut watcher, jumped(4)).await), "{jump}");
    }
}

#[tokio::test]
async fn busy_is_counted() {
    let (folder, log) = place();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let parent = host.busy();
    let child = host.clone().busy();
    let now = ClockReading::now();
    assert!(is_up(&look(&mut watcher, now).await));
    drop(child);
    let now = now.after(10 * MINUTE);
    assert!(is_up(&look(&mut watcher, now).await), "its parent is busy");
    drop(parent);
    assert!(is_up(&look(&mut watcher, now.after(4 * MINUTE)).await));
    assert!(!is_up(&look(&mut watcher, now.after(5 * MINUTE)).await));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_being_started_is_not_stopped() {
    let (folder, log) = place();
    let provider = Folders::at(folder.path());
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
    let (folder, log) = place();
    let provider = Folders::at(folder.path());
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let watch = watcher.poll(ClockReading::now(), |_| provider.stop_host(&log, &host));
    // Another handle of it: the lock is the host's.
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
        is_up(&look(&mut watcher, ClockReading::now()).await),
        "it was booted since"
    );
}

#[tokio::test]
async fn what_fails_is_told_once_and_tried_again() {
    let (folder, log) = place();
    let host = used_ago(folder.path(), 10);
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let now = ClockReading::now();
    let no = || Error::new(ErrorKind::Host, "the cloud is down");
    for _ in 0..3 {
        let error = watcher.poll(now, async |_| Err(no())).await.unwrap_err();
        assert_eq!(error.to_string(), "the cloud is down");
    }
    assert!(stopped(&look(&mut watcher, now).await).is_some());
    assert_eq!(events(&log), ["host_idle", "host_watch_failed"]);

    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    let user = folder.path().join("activity/user");
    fs::remove_file(&user).unwrap();
    fs::create_dir(&user).unwrap();
    for _ in 0..3 {
        assert!(watcher.poll(now, async |_| Ok(())).await.is_err());
    }
    fs::remove_dir(&user).unwrap();
    assert!(stopped(&look(&mut watcher, now).await).is_some());
    assert_eq!(events(&log)[2..], ["host_watch_failed", "host_idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_nobody_waits_for_is_a_boot_all_the_same() {
    let (folder, log) = place();
    let provider = Folders::at(folder.path());
    let host = used_ago(folder.path(), 10);
    let before = host.markers().await.unwrap().get(ActivitySource::Boot);
    let given_up = time::timeout(MINUTE / 60, provider.start_host(&log, &host)).await;
    assert!(given_up.is_err());
    assert_eq!(*provider.done.lock().unwrap(), ["start begins"]);
    // What records it holds the lock until it has: whoever gets that finds it booted.
    let mut watcher = Watcher::new(&log, &host).idle_timeout(5 * MINUTE);
    assert!(is_up(&look(&mut watcher, ClockReading::now()).await));
    assert!(host.markers().await.unwrap().get(ActivitySource::Boot) > before);
    let row = support::rows(&log).one("start_host");
    assert_eq!(row.status, Status::Cancelled);
}
