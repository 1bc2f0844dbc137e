//! One instant by two clocks.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// One instant by the wall clock, which markers are written by and which people and networks set, and by a clock
/// that only goes forward.
///
/// What decides over time takes it as an argument, so that tests say what time it is.
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

    /// The instant so much later by both clocks.
    #[must_use]
    pub fn after(self, passed: Duration) -> Self {
        ClockReading {
            wall: self.wall + passed,
            monotonic: self.monotonic + passed,
        }
    }

    /// The same instant by a wall clock that somebody has set to this time.
    #[must_use]
    pub fn with_wall(self, wall: DateTime<Utc>) -> Self {
        ClockReading { wall, ..self }
    }

    /// The time by the wall clock.
    pub fn wall(self) -> DateTime<Utc> {
        self.wall
    }

    pub(super) fn since(self, earlier: ClockReading) -> Duration {
        self.monotonic.saturating_duration_since(earlier.monotonic)
    }
}
