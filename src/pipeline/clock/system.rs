//! The system's clock: a cheap monotonic timestamp per call, and the wall clock.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::pipeline::clock::Stamp;

/// How long the offset between the wall clock and the monotonic clock is cached, in nanoseconds.
const REFRESH_NS: u64 = 1_000_000_000;

/// The system's clock, as one log reads it.
///
/// Durations come from the CPU's time stamp counter (through [`quanta`], which falls back to the system's monotonic clock
/// on CPUs without one). Wall time is the same reading plus an offset, which is refreshed once a second by the first
/// caller, so that an idle log need not wake up to keep its clock right.
#[derive(Debug)]
pub(crate) struct SystemClock {
    source: quanta::Clock,
    origin: u64,
    /// Wall time minus monotonic time, in nanoseconds.
    offset_ns: AtomicI64,
    /// Monotonic nanoseconds at which the offset was read.
    refreshed_ns: AtomicU64,
}

impl SystemClock {
    pub(super) fn new() -> Self {
        let source = quanta::Clock::new();
        let clock = SystemClock {
            origin: source.raw(),
            source,
            offset_ns: AtomicI64::new(0),
            refreshed_ns: AtomicU64::new(0),
        };
        clock.offset_ns.store(wall_ns(), Relaxed);
        clock
    }

    #[inline]
    pub(super) fn monotonic_ns(&self) -> u64 {
        self.source.delta_as_nanos(self.origin, self.source.raw())
    }

    #[inline]
    pub(super) fn stamp(&self) -> Stamp {
        let monotonic_ns = self.monotonic_ns();
        if monotonic_ns.wrapping_sub(self.refreshed_ns.load(Relaxed)) > REFRESH_NS {
            self.refresh(monotonic_ns);
        }
        let wall_ns = self.offset_ns.load(Relaxed) + monotonic_ns as i64;
        Stamp {
            monotonic_ns,
            wall_us: wall_ns / 1000,
            salt: salt(wall_ns, fastrand::u64(..)),
        }
    }

    #[cold]
    fn refresh(&self, monotonic_ns: u64) {
        self.offset_ns
            .store(wall_ns() - monotonic_ns as i64, Relaxed);
        self.refreshed_ns.store(monotonic_ns, Relaxed);
    }
}

/// Returns the nanosecond of the microsecond, followed by 54 random bits: a call and its children may start within one
/// microsecond, and still sort as they started.
#[inline]
fn salt(wall_ns: i64, random: u64) -> u64 {
    // 10 bits for 0..1000 ns.
    (wall_ns.rem_euclid(1000) as u64) << 54 | random >> 10
}

fn wall_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_follows_the_system_clock() {
        let clock = SystemClock::new();
        let before = wall_ns() / 1000;
        let stamp = clock.stamp();
        let after = wall_ns() / 1000;
        // The counter is calibrated to a few parts in a million; a millisecond is far beyond that.
        assert!(
            stamp.wall_us >= before - 1000 && stamp.wall_us <= after + 1000,
            "{before} <= {} <= {after}",
            stamp.wall_us
        );
    }

    #[test]
    fn a_stamp_a_nanosecond_later_has_a_greater_salt() {
        let check = |ns| assert!(salt(ns, u64::MAX) < salt(ns + 1, 0), "{ns}");
        (1_767_225_600_000_000_000..1_767_225_600_000_000_999).for_each(check);
    }

    #[test]
    fn monotonic_time_never_goes_back() {
        let clock = SystemClock::new();
        let readings: Vec<u64> = (0..10_000).map(|_| clock.monotonic_ns()).collect();
        assert!(readings.is_sorted());
    }
}
