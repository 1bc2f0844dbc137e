//! Clocks: a cheap monotonic timestamp per call, and the wall clock.

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
    /// Nanoseconds since the clock was created.
    pub(crate) monotonic_ns: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) wall_us: i64,
    /// Makes ids of the same microsecond unique, and sorts them.
    pub(crate) salt: u64,
}

impl Clock {
    /// Creates a clock that reads the system's.
    pub(crate) fn system() -> Self {
        Clock::System(SystemClock::new())
    }

    /// Returns the nanoseconds since this clock was created.
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
