//! Keeping a host awake while activities run.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time;

use crate::{
    error::Result,
    host::{ActivitySource, ClockReading, Host, blocking::blocking, failure_latch::FailureLatch},
    log::ActivityLog,
    record::{ActivityRecord, Filter, Status},
    store::{Position, Reader, Record, Store},
};

/// The jobs of host providers: managing a host does not count as using it.
const LIFECYCLE_JOBS: [&str; 3] = ["create_host", "start_host", "stop_host"];

impl ActivityLog {
    /// Keeps a host awake while this log records activities: touches the marker of `source` while an activity runs and
    /// after one has ended, at most once per interval.
    ///
    /// It follows committed records in the background: no call waits for a marker.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{
    ///     ActivityLog, Describe, Outcome, host::{ActivitySource, ClockReading, Host, HostActivity},
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let log = ActivityLog::open(":memory:")?;
    /// let host = Host::in_directory("web", HostActivity::new(folder.path()));
    /// let mut awake = log.keep_awake(&host, ActivitySource::Agent)?;
    ///
    /// log.start(Describe::tool("search")).end(Outcome::success());
    /// log.flush().await?;
    /// // `tokio::spawn(awake.run())` does this every 10 seconds.
    /// assert!(awake.poll(ClockReading::now()).await?);
    /// assert!(host.markers().await?.get(ActivitySource::Agent).is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn keep_awake(&self, host: &Host, source: ActivitySource) -> Result<KeepAwake> {
        let mut filter = Filter::default();
        filter.name.none_of = LIFECYCLE_JOBS.map(|name| name.into()).to_vec();
        let followed_log = match self.store() {
            Some(store) => {
                let mut reader = store.reader()?;
                let position = newest(&mut *reader)?;
                Some(FollowedLog {
                    store: store.clone(),
                    reader: Some(reader),
                    position,
                })
            }
            None => None,
        };
        Ok(KeepAwake {
            log: self.clone(),
            host: host.clone(),
            source,
            filter,
            interval: Duration::from_secs(10),
            followed_log,
            last_touch: None,
            failures: FailureLatch::default(),
        })
    }
}

/// Touches a host's marker while activities run. Created by [`ActivityLog::keep_awake`].
#[must_use = "it does nothing until it is run"]
pub struct KeepAwake {
    log: ActivityLog,
    host: Host,
    source: ActivitySource,
    filter: Filter,
    interval: Duration,
    /// `None` for a disabled log, which has no store.
    followed_log: Option<FollowedLog>,
    last_touch: Option<ClockReading>,
    failures: FailureLatch,
}

/// A log, and the position up to which it was followed.
struct FollowedLog {
    store: Arc<dyn Store>,
    /// Moved to the blocking pool for each poll; replaced if it was lost there.
    reader: Option<Box<dyn Reader>>,
    position: Position<ActivityRecord>,
}

impl KeepAwake {
    /// Sets which activities count. By default, all except the jobs that create, start and stop hosts.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the minimum time between two touches, which is also the poll interval of [`run`](Self::run); 10 seconds by
    /// default. Keep it well below the idle timeout, or the host counts as idle in between.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Touches the marker until the future is dropped. Records the first of consecutive failures as an event
    /// `host_mark_failed`.
    pub async fn run(mut self) {
        loop {
            let touched = self.poll(ClockReading::now()).await;
            self.failures
                .update(&touched, &self.log, "host_mark_failed", &self.host);
            time::sleep(self.interval).await;
        }
    }

    /// Touches the marker if a counted activity is running or has ended since the last poll, unless the marker was
    /// touched less than one interval before `now`. Returns true if it was touched.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or the marker not written. The position stays where it was: the next poll retries.
    pub async fn poll(&mut self, now: ClockReading) -> Result<bool> {
        let recently = self
            .last_touch
            .is_some_and(|touched| now.since(touched) < self.interval);
        let Some(followed) = self.followed_log.as_mut().filter(|_| !recently) else {
            return Ok(false);
        };
        let (position, active) = followed.poll(&self.filter).await?;
        if active {
            self.host.record_at(self.source, now.wall()).await?;
            self.last_touch = Some(now);
        }
        followed.position = position;
        Ok(active)
    }
}

impl FollowedLog {
    /// Returns the next position, and whether there was a matching activity.
    async fn poll(&mut self, filter: &Filter) -> Result<(Position<ActivityRecord>, bool)> {
        let (store, position, filter) = (self.store.clone(), self.position, filter.clone());
        let reader = self.reader.take();
        let (reader, found) = blocking(move || {
            let mut reader = match reader {
                Some(reader) => reader,
                None => store.reader()?,
            };
            let found = find_active(&mut *reader, position, &filter)?;
            Ok((reader, found))
        })
        .await?;
        self.reader = Some(reader);
        Ok(found)
    }
}

fn newest(reader: &mut dyn Reader) -> Result<Position<ActivityRecord>> {
    ActivityRecord::source(reader).newest()
}

/// Searches for an activity that ended after `position`, or is running. Returns the position to continue from.
fn find_active(
    reader: &mut dyn Reader,
    position: Position<ActivityRecord>,
    filter: &Filter,
) -> Result<(Position<ActivityRecord>, bool)> {
    // Read before the query, so that records committed in between are not skipped.
    let newest_position = newest(reader)?;
    let ended = ActivityRecord::source(reader).after(position, filter, 1)?;
    if !ended.records.is_empty() {
        return Ok((newest_position, true));
    }
    let next_position = ended.next;
    let mut running_filter = filter.clone();
    let running_counts = running_filter
        .status
        .allows(|status| *status == Status::Running);
    running_filter.status.any_of = vec![Status::Running];
    let running = ActivityRecord::source(reader).list(&running_filter, None, 1)?;
    Ok((next_position, running_counts && !running.records.is_empty()))
}

impl fmt::Debug for KeepAwake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAwake")
            .field("host", &self.host)
            .field("source", &self.source)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
