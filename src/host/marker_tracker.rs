//! The age of markers, whatever happens to the wall clock after they were first seen.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::host::{ActivitySource, ClockReading, Idle, IdleMode, Markers};

/// How far the wall clock may move away from the monotonic one between two looks before it was set, in
/// milliseconds. Corrections by a network are far smaller.
const JUMP_MS: u64 = 1000;

/// What has been seen of a host's markers.
///
/// The wall clock says how old a marker is when it is first seen; from then on it ages by the monotonic clock. A
/// wall clock that is set, and a machine that slept, thus make nobody idle.
#[derive(Debug, Default)]
pub(super) struct MarkerTracker {
    last: Option<ClockReading>,
    /// When the host was last known to be down.
    down: Option<ClockReading>,
    seen: [Option<Seen>; ActivitySource::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    written: DateTime<Utc>,
    /// When it was first seen, and how old it was.
    first: ClockReading,
    age: Duration,
}

impl MarkerTracker {
    /// Looks at the markers as they are now.
    pub(super) fn look(&mut self, markers: &Markers, now: ClockReading) {
        let last = self.last.replace(now);
        // What is new since the last look has happened since, whatever a clock says that was set in between.
        let most = last.map_or(Duration::MAX, |last| {
            let passed = now.since(last);
            let by_wall = (now.wall() - last.wall()).to_std().unwrap_or_default();
            match by_wall.abs_diff(passed) > Duration::from_millis(JUMP_MS) {
                true => passed,
                false => Duration::MAX,
            }
        });
        for source in ActivitySource::ALL {
            let seen = &mut self.seen[source as usize];
            let (Some(written), Some(at)) = (markers.written(source), markers.get(source)) else {
                *seen = None;
                continue;
            };
            if seen.is_none_or(|seen| seen.written != written) {
                let age = (now.wall() - at).to_std().unwrap_or_default();
                *seen = Some(Seen {
                    written,
                    first: now,
                    age: age.min(most),
                });
            }
        }
    }

    /// Takes note that the host is down now.
    pub(super) fn was_down(&mut self, now: ClockReading) {
        self.down = Some(now);
    }

    /// How long ago it was booted: as its marker says, or since it was last down where somebody has booted it who
    /// marked nothing.
    pub(super) fn since_boot(&self, now: ClockReading) -> Option<Duration> {
        let down = self.down.map(|down| now.since(down));
        let marked = self.age(ActivitySource::Boot, now);
        marked.into_iter().chain(down).min()
    }

    /// How long ago this source was active; `None` where it has no marker.
    fn age(&self, source: ActivitySource, now: ClockReading) -> Option<Duration> {
        let seen = self.seen[source as usize]?;
        Some(seen.age + now.since(seen.first))
    }

    /// How long nothing that counts has happened; since the host's last boot at the most.
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
    fn a_clock_that_is_set_makes_nobody_idle_and_nobody_busy() {
        for jump in [TimeDelta::hours(3), TimeDelta::hours(-3)] {
            let start = ClockReading::now();
            let mut tracker = MarkerTracker::default();
            let touched = user(start.wall() - TimeDelta::minutes(1));
            tracker.look(&touched, start);
            let check = |tracker: &MarkerTracker, now, minutes: u32| {
                let idle = tracker.idle(&IdleMode::User, now);
                assert_eq!(idle, Idle::For(MINUTE * minutes), "after a jump by {jump}");
            };
            check(&tracker, start, 1);
            let later = start.after(MINUTE);
            let later = later.with_wall(later.wall() + jump);
            tracker.look(&touched, later);
            check(&tracker, later, 2);
            // Touched just before the clock was set: at the last look at the earliest.
            tracker.look(&user(start.wall()), start);
            tracker.look(&user(start.wall() + TimeDelta::seconds(1)), later);
            let Idle::For(idle) = tracker.idle(&IdleMode::User, later) else {
                panic!("there is a marker");
            };
            assert!(idle <= MINUTE, "{idle:?}");
            // Touched after it was set.
            let last = later.after(MINUTE);
            tracker.look(&user(last.wall()), last);
            check(&tracker, last, 0);
            check(&tracker, last.after(MINUTE * 5), 5);
        }
    }

    #[test]
    fn a_marker_that_is_set_back_is_as_old_as_it_says() {
        let now = ClockReading::now();
        let mut tracker = MarkerTracker::default();
        tracker.look(&user(now.wall()), now);
        tracker.look(&user(now.wall() - TimeDelta::minutes(9)), now);
        assert_eq!(tracker.idle(&IdleMode::Io, now), Idle::For(MINUTE * 9));
        tracker.look(&Markers::default(), now);
        assert_eq!(tracker.idle(&IdleMode::Io, now), Idle::Unknown);
        assert_eq!(tracker.idle(&IdleMode::Disabled, now), Idle::Never);
    }
}
