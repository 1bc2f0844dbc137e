//! Stopping hosts that are idle, too old, or without a session.

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

/// Timeout for reading the markers just after a stop. A start waits for the lock meanwhile.
const MARKERS_TIMEOUT: Duration = Duration::from_secs(10);

type SessionCount = Pin<Box<dyn Future<Output = Result<usize>> + Send>>;

/// Watches one host, and stops it when a limit is reached. Without a limit it is never stopped.
///
/// Before a stop the watcher locks the host against a start and checks again; a host that was started meanwhile is left
/// running. After the stop it waits until the host is up again. Idle time starts at the last boot at the earliest, with
/// or without a BOOT marker: activity before a stop does not stop the host again. It is measured on the monotonic clock:
/// a wall clock that jumps, or a machine that sleeps, makes no host idle.
///
/// [`Host::is_up`] decides whether the host is up; a host that is down is left alone. If the provider has no check for
/// it, the host counts as down from the watcher's own stop until a marker is written or the host responds again. A host
/// stopped by another program is then stopped once more.
///
/// Reaching a limit is recorded as an event (`host_idle`, `host_too_old`, `host_sessions_gone`), and so is the first of
/// consecutive failures (`host_watch_failed`).
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
    /// The markers just after a stop (empty if they could not be read); `None` once the host is up again.
    stopped: Option<Markers>,
    /// True once the event of the stop was recorded, until the host is up again.
    announced: bool,
    failures: FailureLatch,
}

/// The session limit, and the function that counts the sessions.
struct Sessions {
    grace: Duration,
    count: Box<dyn FnMut() -> SessionCount + Send>,
    none_since: Option<ClockReading>,
}

/// The state of a host after a poll.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostState {
    /// Up and below its limits, with its idle time.
    Up(Idle),
    /// Stopped by this poll.
    Stopped(StopDecision),
    /// Down since before this poll, stopped by this watcher or another program.
    Down,
}

impl Watcher {
    /// Creates a watcher in the mode [`Io`](IdleMode::Io), without limits.
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
            announced: false,
            failures: FailureLatch::default(),
        }
    }

    /// Sets which sources count as activity.
    pub fn mode(mut self, mode: IdleMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how long the host may be idle; unlimited by default. A host whose idle time is unknown is not stopped.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets how long the host may be up after its last boot; unlimited by default.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets the function that counts the host's sessions, and how long there may be none, at least `grace` after the
    /// last boot.
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

    /// Sets the poll interval of [`run`](Self::run); 10 seconds by default.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Polls the host until a limit is reached and `stop` has stopped it. Call it again to watch the next boot.
    ///
    /// Failures are recorded as events, and retried at the next poll.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future between two polls loses nothing. A call of `stop` in progress is dropped.
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

    /// Checks the host once, and calls `stop` if a limit is reached at `now`.
    ///
    /// # Errors
    ///
    /// If the markers cannot be read, the sessions not be counted, or the host not be stopped. The next poll retries.
    pub async fn poll<F, Fut>(&mut self, now: ClockReading, stop: F) -> Result<HostState>
    where
        F: FnOnce(StopDecision) -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let state = self.check_and_stop(now, stop).await;
        self.failures
            .update(&state, &self.log, "host_watch_failed", &self.host);
        state
    }

    async fn check_and_stop<F, Fut>(&mut self, now: ClockReading, stop: F) -> Result<HostState>
    where
        F: FnOnce(StopDecision) -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let state = self.check(now).await?;
        if !matches!(state, HostState::Stopped(_)) {
            self.announced = false;
            return Ok(state);
        }
        let _lock = self.host.lock().await?;
        // Check again: the previous owner of the lock may have started the host.
        let state = self.check(now).await?;
        if let HostState::Stopped(decision) = &state {
            // Once per stop: a failed one is retried for the same reason.
            if !std::mem::replace(&mut self.announced, true) {
                self.announce(decision);
            }
            stop(decision.clone()).await?;
            self.tracker.record_down(now);
            let markers = time::timeout(MARKERS_TIMEOUT, self.host.markers()).await;
            self.stopped = Some(
                markers
                    .unwrap_or(Ok(Markers::default()))
                    .unwrap_or_default(),
            );
        }
        Ok(state)
    }

    /// Determines the state. `Stopped` means that the host has to be stopped.
    async fn check(&mut self, now: ClockReading) -> Result<HostState> {
        let Some(markers) = self.markers().await? else {
            self.tracker.record_down(now);
            return Ok(HostState::Down);
        };
        self.stopped = None;
        self.tracker.update(&markers, now);
        let no_session_for = match &mut self.sessions {
            Some(sessions) => sessions.none_for(now).await?,
            None => None,
        };
        Ok(self.decide(no_session_for, now))
    }

    /// Reads the host's markers; `None` if it is down.
    async fn markers(&mut self) -> Result<Option<Markers>> {
        let markers = match self.host.is_up().await {
            Ok(Some(false)) => return Ok(None),
            Ok(Some(true)) => return self.host.markers().await.map(Some),
            Ok(None) => self.host.markers().await,
            Err(error) => Err(error),
        };
        match (markers, &mut self.stopped) {
            (Ok(markers), Some(stopped)) if markers.is_unchanged_since(stopped) => Ok(None),
            (Err(_), Some(stopped)) => {
                // A host that is down may not respond. Once it does, it is up.
                *stopped = Markers::default();
                Ok(None)
            }
            (markers, _) => markers.map(Some),
        }
    }

    fn decide(&mut self, no_session_for: Option<Duration>, now: ClockReading) -> HostState {
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
        let cap_at_boot = |elapsed: Duration| since_boot.map_or(elapsed, |boot| boot.min(elapsed));
        let grace = self.sessions.as_ref().map(|sessions| sessions.grace);
        let idle_for = match idle {
            Idle::For(idle) => Some(idle),
            _ => None,
        };
        let reached = [
            (
                StopReason::SessionsGone,
                no_session_for.map(cap_at_boot),
                grace,
            ),
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

    /// Records the event of a stop.
    fn announce(&self, decision: &StopDecision) {
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
    /// Returns how long there has been no session; `None` if there is one.
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
