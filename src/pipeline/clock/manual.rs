//! A clock for tests that only moves when told to.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicI64, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::pipeline::clock::Stamp;

/// The wall time at which every manual clock starts: 2026-01-01T00:00:00Z, in nanoseconds since the Unix epoch.
const START_NS: i64 = 1_767_225_600_000_000_000;

/// A clock that stands still until it is advanced. Clones share the same time.
///
/// Like every clock of a log it has a monotonic time, which durations come from, and a wall time, which records are dated
/// by. [`advance`](Self::advance) moves both; [`set_wall`](Self::set_wall) moves the wall time alone, as an administrator
/// or a time server would. It starts at 2026-01-01T00:00:00Z.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::{ActivityLog, Describe, Outcome};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (log, clock) = ActivityLog::test();
/// let import = log.start(Describe::job("import"));
/// clock.advance(Duration::from_secs(2));
/// clock.set_wall("2025-01-01T00:00:00Z".parse()?);
/// import.end(Outcome::success());
/// log.assert().wait().one("import").took(Duration::from_secs(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ManualClock {
    time: Arc<Time>,
}

struct Time {
    monotonic_ns: AtomicU64,
    /// Wall time minus monotonic time, in nanoseconds.
    offset_ns: AtomicI64,
    /// How many stamps were taken.
    stamps: AtomicU64,
}

impl ManualClock {
    /// Creates a clock that stands at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        ManualClock {
            time: Arc::new(Time {
                monotonic_ns: AtomicU64::new(0),
                offset_ns: AtomicI64::new(START_NS),
                stamps: AtomicU64::new(0),
            }),
        }
    }

    /// Advances both times, to the nanosecond.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.time.monotonic_ns.fetch_add(ns, SeqCst);
    }

    /// Sets the wall time, to the microsecond, forwards or back. Durations are not affected.
    pub fn set_wall(&self, to: DateTime<Utc>) {
        let wall_ns = to.timestamp_micros().saturating_mul(1000);
        let monotonic_ns = self.monotonic_ns() as i64;
        self.time.offset_ns.store(wall_ns - monotonic_ns, SeqCst);
    }

    /// Returns the wall time, to the microsecond.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.wall_at(self.monotonic_ns())).unwrap_or_default()
    }

    pub(super) fn monotonic_ns(&self) -> u64 {
        self.time.monotonic_ns.load(SeqCst)
    }

    pub(super) fn stamp(&self) -> Stamp {
        // A counter in the upper 32 bits, so that records started while the clock stands still sort as they started.
        let number = self.time.stamps.fetch_add(1, Relaxed);
        // Read once for both times: an advance in between would look as if the wall clock had been set.
        let monotonic_ns = self.monotonic_ns();
        Stamp {
            monotonic_ns,
            wall_us: self.wall_at(monotonic_ns),
            salt: number << 32 | u64::from(fastrand::u32(..)),
        }
    }

    fn wall_at(&self, monotonic_ns: u64) -> i64 {
        (self.time.offset_ns.load(SeqCst) + monotonic_ns as i64) / 1000
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        ManualClock::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_both_times_and_the_wall_time_can_be_set_alone() {
        let clock = ManualClock::new();
        assert_eq!(clock.now().to_rfc3339(), "2026-01-01T00:00:00+00:00");
        clock.advance(Duration::from_nanos(1_500));
        assert_eq!(clock.monotonic_ns(), 1_500);
        assert_eq!(clock.now().timestamp_subsec_nanos(), 1_000);
        clock.set_wall("2020-02-03T04:05:06Z".parse().unwrap());
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().to_rfc3339(), "2020-02-03T04:05:07+00:00");
        assert_eq!(clock.monotonic_ns(), 1_000_001_500);
    }

    #[test]
    fn stamps_of_one_instant_are_in_order() {
        let clock = ManualClock::new();
        let salts: Vec<u64> = (0..100).map(|_| clock.clone().stamp().salt).collect();
        assert!(salts.is_sorted_by(|a, b| a < b));
    }
}
