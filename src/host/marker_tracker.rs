//! Ages of markers that survive changes of the wall clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::host::{ActivitySource, ClockReading, Idle, IdleMode, Markers};

/// Drift of the wall clock from the monotonic clock between two polls that counts as a jump, in milliseconds.
/// Corrections by NTP are far smaller.
const JUMP_MS: u64 = 1000;

/// Ages of a host's markers, tracked on the monotonic clock.
///
/// The wall clock determines the age of a marker when it is first seen; from then on the marker ages by the monotonic
/// clock. A wall clock that is set, or a machine that sleeps, thus makes no host idle.
#[derive(Debug, Default)]
pub(super) struct MarkerTracker {
    last_update: Option<ClockReading>,
    /// When the host was last known to be down.
    last_down: Option<ClockReading>,
    tracked: [Option<TrackedMarker>; ActivitySource::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
struct TrackedMarker {
    modified: DateTime<Utc>,
    first_seen: ClockReading,
    /// Its age when it was first seen.
    age: Duration,
}

impl MarkerTracker {
    /// Updates the ages with the markers read at `now`.
    pub(super) fn update(&mut self, markers: &Markers, now: ClockReading) {
        let last_update = self.last_update.replace(now);
        // If the wall clock jumped, cap a new marker's age at the time since the last poll.
        let max_age = last_update.map_or(Duration::MAX, |last| {
            let elapsed = now.since(last);
            let by_wall = (now.wall() - last.wall()).to_std().unwrap_or_default();
            match by_wall.abs_diff(elapsed) > Duration::from_millis(JUMP_MS) {
                true => elapsed,
                false => Duration::MAX,
            }
        });
        for source in ActivitySource::ALL {
            let tracked = &mut self.tracked[source as usize];
            let (Some(modified), Some(at)) = (markers.modified(source), markers.get(source)) else {
                *tracked = None;
                continue;
            };
            if tracked.is_none_or(|tracked| tracked.modified != modified) {
                let age = (now.wall() - at).to_std().unwrap_or_default();
                *tracked = Some(TrackedMarker {
                    modified,
                    first_seen: now,
                    age: age.min(max_age),
                });
            }
        }
    }

    /// Records that the host is down at `now`.
    pub(super) fn record_down(&mut self, now: ClockReading) {
        self.last_down = Some(now);
    }

    /// Returns the time since the last boot: the age of the BOOT marker, or the time since the host was last down if
    /// that is shorter, because a boot by another program may leave no marker.
    pub(super) fn since_boot(&self, now: ClockReading) -> Option<Duration> {
        let since_down = self.last_down.map(|down| now.since(down));
        let marked = self.age(ActivitySource::Boot, now);
        marked.into_iter().chain(since_down).min()
    }

    /// Returns how long ago `source` was active; `None` without a marker.
    fn age(&self, source: ActivitySource, now: ClockReading) -> Option<Duration> {
        let tracked = self.tracked[source as usize]?;
        Some(tracked.age + now.since(tracked.first_seen))
    }

    /// Returns how long the host has been idle, capped at the time since its last boot.
    pub(super) fn idle(&self, mode: &IdleMode, now: ClockReading) -> Idle {
        if *mode == IdleMode::Disabled {
            return Idle::Never;
        }
        let counted = mode.sources().iter();
        let youngest = counted.filter_map(|source| self.age(*source, now)).min();
        match (youngest, self.since_boot(now)) {
            (Some(idle), boot) => Idle::For(boot.map_or(idle, |boot| boot.min(idle))),
            (None, _) => Idle::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn user(at: DateTime<Utc>) -> Markers {
        let mut markers = Markers::default();
        markers.set(ActivitySource::User, at);
        markers
    }

    #[test]
    fn a_clock_jump_makes_a_host_neither_idle_nor_active() {
        for jump in [TimeDelta::hours(3), TimeDelta::hours(-3)] {
            let start = ClockReading::now();
            let mut tracker = MarkerTracker::default();
            let touched = user(start.wall() - TimeDelta::minutes(1));
            tracker.update(&touched, start);
            let check = |tracker: &MarkerTracker, now, minutes: u32| {
                let idle = tracker.idle(&IdleMode::User, now);
                assert_eq!(idle, Idle::For(MINUTE * minutes), "after a jump by {jump}");
            };
            check(&tracker, start, 1);
            let later = start.after(MINUTE);
            let later = later.with_wall(later.wall() + jump);
            tracker.update(&touched, later);
            check(&tracker, later, 2);
            // Touched just before the clock was set: at the last update at the earliest.
            tracker.update(&user(start.wall()), start);
            tracker.update(&user(start.wall() + TimeDelta::seconds(1)), later);
            let Idle::For(idle) = tracker.idle(&IdleMode::User, later) else {
                panic!("there is a marker");
            };
            assert!(idle <= MINUTE, "{idle:?}");
            // Touched after it was set.
            let last = later.after(MINUTE);
            tracker.update(&user(last.wall()), last);
            check(&tracker, last, 0);
            check(&tracker, last.after(MINUTE * 5), 5);
        }
    }

    #[test]
    fn a_marker_that_is_set_back_has_the_age_of_its_time() {
        let now = ClockReading::now();
        let mut tracker = MarkerTracker::default();
        tracker.update(&user(now.wall()), now);
        tracker.update(&user(now.wall() - TimeDelta::minutes(9)), now);
        assert_eq!(tracker.idle(&IdleMode::Io, now), Idle::For(MINUTE * 9));
        tracker.update(&Markers::default(), now);
        assert_eq!(tracker.idle(&IdleMode::Io, now), Idle::Unknown);
        assert_eq!(tracker.idle(&IdleMode::Disabled, now), Idle::Never);
    }
}
