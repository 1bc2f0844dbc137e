//! Activities keep a host awake.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time;

use crate::{
    error::Result,
    host::{ActivitySource, ClockReading, Host, blocking::blocking, failure_latch::FailureLatch},
    log::ActivityLog,
    record::{ActivityRecord, Filter, Status},
    store::{Position, Reader, Record, Store},
};

/// What hosts are managed by, which is no use of them.
const OUR_OWN: [&str; 3] = ["create_host", "start_host", "stop_host"];

impl ActivityLog {
    /// Follows this log, so that its activities keep a host awake: while one runs and when one has ended, the
    /// marker of this source is touched, at most once an interval.
    ///
    /// It reads what the log has committed, on its own time: no call waits for a marker.
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
    /// When the log cannot be read.
    pub fn keep_awake(&self, host: &Host, source: ActivitySource) -> Result<KeepAwake> {
        let mut filter = Filter::default();
        filter.name.none_of = OUR_OWN.map(|name| name.into()).to_vec();
        let followed = match self.store() {
            Some(store) => {
                let mut reader = store.reader()?;
                let place = newest(&mut *reader)?;
                Some(Followed {
                    store: store.clone(),
                    reader: Some(reader),
                    place,
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
            followed,
            touched: None,
            failures: FailureLatch::default(),
        })
    }
}

/// Touches a host's marker for activities. Made by [`ActivityLog::keep_awake`].
#[must_use = "it does nothing until it is run"]
pub struct KeepAwake {
    log: ActivityLog,
    host: Host,
    source: ActivitySource,
    filter: Filter,
    interval: Duration,
    followed: Option<Followed>,
    touched: Option<ClockReading>,
    failures: FailureLatch,
}

/// A log, and how far it was followed. A disabled one has no store.
struct Followed {
    store: Arc<dyn Store>,
    /// Lent to where blocking is acceptable; one that did not come back is replaced.
    reader: Option<Box<dyn Reader>>,
    place: Position<ActivityRecord>,
}

impl KeepAwake {
    /// Sets which activities count; by default all but the creates, starts and stops of hosts.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets how often the marker is touched at most, and how often [`run`](Self::run) looks; every 10 seconds by
    /// default. Well below the idle timeout, or the host is found idle in between.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Touches the marker for as long as this is polled. The first of several failures in a row is an event,
    /// `host_mark_failed`.
    pub async fn run(mut self) {
        loop {
            let touched = self.poll(ClockReading::now()).await;
            self.failures
                .update(&touched, &self.log, "host_mark_failed", &self.host);
            time::sleep(self.interval).await;
        }
    }

    /// Touches the marker where a counted activity runs, or has ended since the last time, unless it was touched
    /// within the interval before this moment. True when it was touched.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or the marker not be written. Nothing is forgotten then: the next time tries
    /// again.
    pub async fn poll(&mut self, now: ClockReading) -> Result<bool> {
        let recently = self
            .touched
            .is_some_and(|touched| now.since(touched) < self.interval);
        let Some(followed) = self.followed.as_mut().filter(|_| !recently) else {
            return Ok(false);
        };
        let (place, active) = followed.look(&self.filter).await?;
        if active {
            self.host.record_at(self.source, now.wall()).await?;
            self.touched = Some(now);
        }
        followed.place = place;
        Ok(active)
    }
}

impl Followed {
    /// How far it has looked, and whether there was anything.
    async fn look(&mut self, filter: &Filter) -> Result<(Position<ActivityRecord>, bool)> {
        let (store, place, filter) = (self.store.clone(), self.place, filter.clone());
        let reader = self.reader.take();
        let (reader, found) = blocking(move || {
            let mut reader = match reader {
                Some(reader) => reader,
                None => store.reader()?,
            };
            let found = look(&mut *reader, place, &filter)?;
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

fn look(
    reader: &mut dyn Reader,
    place: Position<ActivityRecord>,
    filter: &Filter,
) -> Result<(Position<ActivityRecord>, bool)> {
    // Before the look, so that nothing is passed over that is committed meanwhile.
    let place_of_newest = newest(reader)?;
    let ended = ActivityRecord::source(reader).after(place, filter, 1)?;
    if !ended.records.is_empty() {
        return Ok((place_of_newest, true));
    }
    let place = ended.next;
    let mut running = filter.clone();
    let runs_may_count = running.status.allows(|status| *status == Status::Running);
    running.status.any_of = vec![Status::Running];
    let runs = ActivityRecord::source(reader).list(&running, None, 1)?;
    Ok((place, runs_may_count && !runs.records.is_empty()))
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
