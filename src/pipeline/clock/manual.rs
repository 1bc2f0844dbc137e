//! A clock that stands still until a test moves it.

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

/// Where every manual clock begins: 2026-01-01T00:00:00Z, in nanoseconds since the Unix epoch.
const BEGIN_NS: i64 = 1_767_225_600_000_000_000;

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// It has two hands, as every clock of a log: a monotonic one, which durations come from, and the wall
/// clock. [`advance`](Self::advance) moves both, [`set_wall`](Self::set_wall) the wall clock alone, as an
/// administrator or a time server would. It begins at 2026-01-01T00:00:00Z.
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
    hands: Arc<Hands>,
}

struct Hands {
    monotonic_ns: AtomicU64,
    /// Wall time minus monotonic time, in nanoseconds.
    offset_ns: AtomicI64,
    /// How often the clock was read for an id.
    readings: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        ManualClock {
            hands: Arc::new(Hands {
                monotonic_ns: AtomicU64::new(0),
                offset_ns: AtomicI64::new(BEGIN_NS),
                readings: AtomicU64::new(0),
            }),
        }
    }

    /// Moves time on, by nanoseconds if need be.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.hands.monotonic_ns.fetch_add(ns, SeqCst);
    }

    /// Sets the wall clock, to the microsecond, forwards or back. Durations do not see it.
    pub fn set_wall(&self, to: DateTime<Utc>) {
        let wall_ns = to.timestamp_micros().saturating_mul(1000);
        let monotonic_ns = self.monotonic_ns() as i64;
        self.hands.offset_ns.store(wall_ns - monotonic_ns, SeqCst);
    }

    /// What the wall clock shows, to the microsecond.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.wall_at(self.monotonic_ns())).unwrap_or_default()
    }

    pub(super) fn monotonic_ns(&self) -> u64 {
        self.hands.monotonic_ns.load(SeqCst)
    }

    pub(super) fn stamp(&self) -> Stamp {
        // 32 bits in order, so that what starts while the clock stands still sorts as it started.
        let reading = self.hands.readings.fetch_add(1, Relaxed);
        // One reading for both: a clock that is moved on in between would look like one that was set.
        let monotonic_ns = self.monotonic_ns();
        Stamp {
            monotonic_ns,
            wall_us: self.wall_at(monotonic_ns),
            salt: reading << 32 | u64::from(fastrand::u32(..)),
        }
    }

    fn wall_at(&self, monotonic_ns: u64) -> i64 {
        (self.hands.offset_ns.load(SeqCst) + monotonic_ns as i64) / 1000
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
    fn both_hands_move_and_the_wall_clock_jumps_alone() {
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
    fn readings_of_one_instant_are_in_order() {
        let clock = ManualClock::new();
        let salts: Vec<u64> = (0..100).map(|_| clock.clone().stamp().salt).collect();
        assert!(salts.is_sorted_by(|a, b| a < b));
    }
}
