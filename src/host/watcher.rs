//! Finds hosts that nobody uses, and has them stopped.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use serde_json::json;
use tokio::time;

use crate::{
    error::Result,
    host::{
        ClockReading, Host, Idle, IdleMode, Markers, StopDecision, StopReason,
        failure_latch::FailureLatch, marker_tracker::MarkerTracker,
    },
    log::ActivityLog,
    record::Text,
};

/// How long a host may take to answer just after it was stopped. A start waits for that.
const ANSWER: Duration = Duration::from_secs(10);

type Counting = Pin<Box<dyn Future<Output = Result<usize>> + Send>>;

/// Looks after one host, and has it stopped once a limit is reached. Without a limit it never is.
///
/// Before each stop it locks the host against a start, and looks again; a host that was started since is left alone.
/// Afterwards it waits until the host is up again. Idle time counts from the last boot at the earliest, marked or not:
/// what happened before a host was stopped does not stop it again. It ages by a clock that nobody sets, so that a wall
/// clock that jumps, or a machine that sleeps, makes no host idle.
///
/// Whether the host is up it asks [`Host::is_up`], and leaves one that is down alone, whoever stopped it. Where that
/// cannot be asked, a host is down from the watcher's own stop until one of its markers is written, or it answers
/// again; one that somebody else has stopped is stopped once more.
///
/// Reaching a limit is an event (`host_idle`, `host_too_old`, `host_sessions_gone`), and so is the first of several
/// failures in a row (`host_watch_failed`).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::{
///     ActivityLog, host::{ClockReading, HostProviderExt, HostState, LocalProvider, StopReason, Watcher},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let log = ActivityLog::open(":memory:")?;
/// let provider = LocalProvider::new(folder.path(), "sleep").arg("1000");
/// let host = provider.create_host(&log, "web").await?;
/// let mut watcher = Watcher::new(&log, &host).idle_timeout(Duration::from_secs(300));
///
/// // `watcher.run(..)` does this every 10 seconds, until the host is stopped.
/// let later = ClockReading::now().after(Duration::from_secs(301));
/// let watched = watcher.poll(later, |_| provider.stop_host(&log, &host)).await?;
/// assert!(matches!(watched, HostState::Stopped(decision) if decision.reason == StopReason::Idle));
/// assert_eq!(host.is_up().await?, Some(false));
/// # Ok(())
/// # }
/// ```
#[must_use = "a watcher does nothing until it is run"]
pub struct Watcher {
    log: ActivityLog,
    host: Host,
    mode: IdleMode,
    idle_timeout: Option<Duration>,
    max_age: Option<Duration>,
    sessions: Option<Sessions>,
    interval: Duration,
    tracker: MarkerTracker,
    busy_until: Option<ClockReading>,
    /// The markers just after a stop, none where it does not answer, until the host is up again.
    stopped: Option<Markers>,
    /// True once it was told why the host is stopped, until it is up again.
    told: bool,
    failures: FailureLatch,
}

/// How sessions are counted.
struct Sessions {
    grace: Duration,
    count: Box<dyn FnMut() -> Counting + Send>,
    none_since: Option<ClockReading>,
}

/// How a host was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostState {
    /// Within its limits; idle for so long.
    Up(Idle),
    /// Stopped just now.
    Stopped(StopDecision),
    /// Stopped before, by whomever, and not up again.
    Down,
}

impl Watcher {
    /// Watches this host, by the mode [`Io`](IdleMode::Io).
    pub fn new(log: &ActivityLog, host: &Host) -> Self {
        Watcher {
            log: log.clone(),
            host: host.clone(),
            mode: IdleMode::default(),
            idle_timeout: None,
            max_age: None,
            sessions: None,
            interval: Duration::from_secs(10),
            tracker: MarkerTracker::default(),
            busy_until: None,
            stopped: None,
            told: false,
            failures: FailureLatch::default(),
        }
    }

    /// Sets what counts as activity.
    pub fn mode(mut self, mode: IdleMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how long a host may be idle; for ever by default. One of which that is unknown is not stopped for it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets how long a host may be up after its last boot; for ever by default.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets how its sessions are counted, and how long there may be none, after its last boot too.
    pub fn sessions<F, Fut>(mut self, grace: Duration, mut count: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<usize>> + Send + 'static,
    {
        self.sessions = Some(Sessions {
            grace,
            count: Box::new(move || Box::pin(count())),
            none_since: None,
        });
        self
    }

    /// Sets how often [`run`](Self::run) looks; every 10 seconds by default.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Looks at the host until it is stopped, which is what the given function has to do. Run it again to go on with
    /// the next boot. What fails is told, and tried again.
    ///
    /// # Cancel safety
    ///
    /// Between two looks nothing is lost. A stop that has begun is dropped where it is.
    pub async fn run<F, Fut>(&mut self, mut stop: F) -> StopDecision
    where
        F: FnMut(StopDecision) -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        loop {
            if let Ok(HostState::Stopped(decision)) =
                self.poll(ClockReading::now(), &mut stop).await
            {
                return decision;
            }
            time::sleep(self.interval).await;
        }
    }

    /// Looks at the host once, as it is at this moment, and has it stopped where a limit is reached.
    ///
    /// # Errors
    ///
    /// When its markers cannot be read or its sessions not counted, and when it could not be stopped. The next look
    /// tries again.
    pub async fn poll<F, Fut>(&mut self, now: ClockReading, stop: F) -> Result<HostState>
    where
        F: FnOnce(StopDecision) -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let watched = self.look_and_stop(now, stop).await;
        self.failures
            .update(&watched, &self.log, "host_watch_failed", &self.host);
        watched
    }

    async fn look_and_stop<F, Fut>(&mut self, now: ClockReading, stop: F) -> Result<HostState>
    where
        F: FnOnce(StopDecision) -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let watched = self.look(now).await?;
        if !matches!(watched, HostState::Stopped(_)) {
            self.told = false;
            return Ok(watched);
        }
        let _gate = self.host.gate().await?;
        // Whoever had the gate before may have started it.
        let watched = self.look(now).await?;
        if let HostState::Stopped(decision) = &watched {
            // A stop that failed is tried again, for the same reason.
            if !std::mem::replace(&mut self.told, true) {
                self.tell(decision);
            }
            stop(decision.clone()).await?;
            self.tracker.record_down(now);
            let left = time::timeout(ANSWER, self.host.markers()).await;
            self.stopped = Some(left.unwrap_or(Ok(Markers::default())).unwrap_or_default());
        }
        Ok(watched)
    }

    async fn look(&mut self, now: ClockReading) -> Result<HostState> {
        let Some(markers) = self.markers().await? else {
            self.tracker.record_down(now);
            return Ok(HostState::Down);
        };
        self.stopped = None;
        self.tracker.update(&markers, now);
        let none_for = match &mut self.sessions {
            Some(sessions) => sessions.none_for(now).await?,
            None => None,
        };
        Ok(self.decide(none_for, now))
    }

    /// The host's markers; `None` where it is down.
    async fn markers(&mut self) -> Result<Option<Markers>> {
        let found = match self.host.is_up().await {
            Ok(Some(false)) => return Ok(None),
            Ok(Some(true)) => return self.host.markers().await.map(Some),
            Ok(None) => self.host.markers().await,
            Err(error) => Err(error),
        };
        match (found, &mut self.stopped) {
            (Ok(markers), Some(stopped)) if markers.is_unchanged_since(stopped) => Ok(None),
            (Err(_), Some(stopped)) => {
                // A host that is down may not answer. Once it does, it is up.
                *stopped = Markers::default();
                Ok(None)
            }
            (found, _) => found.map(Some),
        }
    }

    fn decide(&mut self, none_for: Option<Duration>, now: ClockReading) -> HostState {
        if self.host.is_busy() {
            self.busy_until = Some(now);
        }
        let busy = self.busy_until.map(|until| now.since(until));
        let since_boot = self.tracker.since_boot(now);
        let idle = match (self.tracker.idle(&self.mode, now), busy) {
            (Idle::For(idle), Some(busy)) => Idle::For(idle.min(busy)),
            (Idle::Unknown, Some(busy)) => Idle::For(busy),
            (idle, _) => idle,
        };
        let within_boot = |passed: Duration| since_boot.map_or(passed, |boot| boot.min(passed));
        let grace = self.sessions.as_ref().map(|sessions| sessions.grace);
        let idle_for = match idle {
            Idle::For(idle) => Some(idle),
            _ => None,
        };
        let reached = [
            (StopReason::SessionsGone, none_for.map(within_boot), grace),
            (StopReason::MaxAge, since_boot, self.max_age),
            (StopReason::Idle, idle_for, self.idle_timeout),
        ];
        for (reason, after, limit) in reached {
            if let (Some(after), Some(limit)) = (after, limit)
                && after >= limit
            {
                return HostState::Stopped(StopDecision {
                    host: self.host.clone(),
                    reason,
                    after,
                    limit,
                });
            }
        }
        HostState::Up(idle)
    }

    fn tell(&self, decision: &StopDecision) {
        let event = match decision.reason {
            StopReason::Idle => "host_idle",
            StopReason::MaxAge => "host_too_old",
            StopReason::SessionsGone => "host_sessions_gone",
        };
        self.log
            .event(event)
            .reference(Text::from(self.host.name().to_owned()))
            .summary(decision.to_string())
            .data(json!({
                "reason": decision.reason.as_str(),
                "state": decision.reason.state(),
                "mode": self.mode.to_string(),
                "after_s": decision.after.as_secs(),
                "limit_s": decision.limit.as_secs(),
            }))
            .record();
    }
}

impl Sessions {
    /// How long there has been none; `None` where there is one.
    async fn none_for(&mut self, now: ClockReading) -> Result<Option<Duration>> {
        if (self.count)().await? > 0 {
            self.none_since = None;
            return Ok(None);
        }
        let since = *self.none_since.get_or_insert(now);
        Ok(Some(now.since(since)))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("host", &self.host)
            .field("mode", &self.mode)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}
