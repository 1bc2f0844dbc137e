//! A reading of the wall clock and the monotonic clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// One instant on two clocks: the wall clock, which dates markers and can be set, and a monotonic clock.
///
/// Functions whose result depends on the time take it as an argument, so that tests control the time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::host::ClockReading;
///
/// let now = ClockReading::now();
/// let later = now.after(Duration::from_secs(300));
/// assert_eq!((later.wall() - now.wall()).num_seconds(), 300);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    wall: DateTime<Utc>,
    monotonic: Instant,
}

impl ClockReading {
    /// Reads both clocks.
    pub fn now() -> Self {
        ClockReading {
            wall: Utc::now(),
            monotonic: Instant::now(),
        }
    }

    /// Returns the reading `elapsed` later on both clocks.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        ClockReading {
            wall: self.wall + elapsed,
            monotonic: self.monotonic + elapsed,
        }
    }

    /// Returns the same monotonic instant with the wall clock set to `wall`.
    #[must_use]
    pub fn with_wall(self, wall: DateTime<Utc>) -> Self {
        ClockReading { wall, ..self }
    }

    /// Returns the wall clock time.
    pub fn wall(self) -> DateTime<Utc> {
        self.wall
    }

    pub(super) fn since(self, earlier: ClockReading) -> Duration {
        self.monotonic.saturating_duration_since(earlier.monotonic)
    }
}
