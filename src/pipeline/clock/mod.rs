//! Time: a cheap monotonic stamp a call, and the wall clock beside it.

#[cfg(feature = "testing")]
mod manual;
mod system;

#[cfg(feature = "testing")]
pub use manual::ManualClock;
use system::SystemClock;

/// The clock of one log.
#[derive(Debug)]
pub(crate) enum Clock {
    System(SystemClock),
    #[cfg(feature = "testing")]
    Manual(ManualClock),
}

/// One reading of a [`Clock`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// Nanoseconds since the clock was made.
    pub(crate) monotonic_ns: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) wall_us: i64,
    /// What tells ids of this microsecond apart, and what of it came first.
    pub(crate) salt: u64,
}

impl Clock {
    /// The system's clock.
    pub(crate) fn system() -> Self {
        Clock::System(SystemClock::new())
    }

    /// Nanoseconds since this clock was made.
    #[inline]
    pub(crate) fn monotonic_ns(&self) -> u64 {
        match self {
            Clock::System(clock) => clock.monotonic_ns(),
            #[cfg(feature = "testing")]
            Clock::Manual(clock) => clock.monotonic_ns(),
        }
    }

    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Clock::System(clock) => clock.stamp(),
            #[cfg(feature = "testing")]
            Clock::Manual(clock) => clock.stamp(),
        }
    }
}
