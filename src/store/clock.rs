//! The store's own clock: deletions never rely on a single reading of a wall clock.

use std::time::Duration;

use chrono::TimeDelta;

/// Two clocks agree if they differ by at most this: more than NTP corrects in a day, and more than the time between two
/// readings.
pub(crate) const TOLERANCE_US: i64 = 5 * MINUTE_US;
/// A record dated more than five minutes after the [present](crate::store::Reader::present) is *ahead*.
pub const AHEAD: TimeDelta = TimeDelta::microseconds(TOLERANCE_US);
const MINUTE_US: i64 = 60_000_000;
/// The most time that is believed to have passed between two openings on the wall clock's word alone.
const START_US: i64 = 60 * MINUTE_US;
/// How long a wall clock must run without contradiction before it is believed.
const AGREED_US: i64 = 24 * 60 * MINUTE_US;

/// A store's clock, in microseconds since the Unix epoch.
///
/// It advances with the monotonic clocks of open logs. A wall clock that shows a later time, because it was set or because the
/// store was closed, is a *claim*. The clock adopts the claim after 24 hours of uptime without contradiction; a wall clock
/// that goes back behind the claim, in any process, contradicts it. The hours add up over restarts. An earlier wall clock is
/// adopted in the same way, so that the clock recovers after a wrong one was believed.
///
/// A wall clock that is far ahead after the store was closed may mean that this much time passed, or that the wall clock was
/// behind before. Both look the same, so a record ages by that time only if the wall clock agreed with this clock for 24 hours
/// of uptime after the record was committed. That holds for a store's first wall clock, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreClock {
    /// The time it shows.
    pub(crate) now_us: i64,
    /// The wall clock at the last reading.
    pub(crate) wall_us: i64,
    /// The claim: a wall clock reading plus the time that has passed since.
    pub(crate) claim_us: i64,
    /// Uptime since the claim was last contradicted.
    pub(crate) agreed_us: i64,
    /// When, by this clock, the last 24 hours of uptime began in which the wall clock agreed with it. Records committed since
    /// then do not age when the clock catches up.
    pub(crate) since_us: i64,
}

impl StoreClock {
    /// Returns a clock that starts with a reading of the wall clock.
    pub(crate) fn new(wall_us: i64) -> Self {
        StoreClock {
            now_us: wall_us,
            wall_us,
            claim_us: wall_us,
            agreed_us: 0,
            since_us: wall_us,
        }
    }

    /// Returns the present for readers: the earlier of the clock and the claim. Either may be ahead, but hardly both.
    pub(crate) fn present_us(&self) -> i64 {
        self.now_us.min(self.claim_us)
    }

    /// Takes the first reading of a log that is being opened. Up to an hour is believed on the wall clock's word.
    pub(crate) fn open(&mut self, wall_us: i64) -> Jump {
        let passed = wall_us.saturating_sub(self.wall_us).clamp(0, START_US);
        let missing = wall_us.saturating_sub(self.now_us).max(0);
        self.now_us += passed.min(missing);
        self.read(wall_us, passed)
    }

    /// Takes a later reading of an open log.
    pub(crate) fn advance(&mut self, passed: Duration, wall_us: i64) -> Jump {
        let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        self.now_us = self.now_us.saturating_add(passed);
        self.read(wall_us, passed)
    }

    fn read(&mut self, wall_us: i64, passed: i64) -> Jump {
        self.claim_us = self.claim_us.saturating_add(passed);
        self.agreed_us = self.agreed_us.saturating_add(passed);
        self.wall_us = wall_us;
        if behind(wall_us, self.claim_us) {
            // The wall clock went back: the earlier claim is dropped.
            (self.claim_us, self.agreed_us) = (wall_us, 0);
        } else if !behind(self.now_us, self.claim_us) && wall_us > self.claim_us {
            let was_behind = behind(self.claim_us, self.now_us);
            let (is_behind, is_ahead) =
                (behind(wall_us, self.now_us), behind(self.now_us, wall_us));
            if is_ahead || (was_behind && !is_behind) {
                self.agreed_us = 0;
            }
            self.claim_us = wall_us;
        }
        if self.agreed_us < AGREED_US {
            return Jump::default();
        }
        let jump = match agree(self.claim_us, self.now_us) {
            true => {
                // Since they began to agree, the clock has advanced by `agreed_us` at most.
                self.since_us = self.now_us.saturating_sub(self.agreed_us);
                Jump::default()
            }
            false => Jump {
                by_us: self.claim_us - self.now_us,
                since_us: self.since_us,
            },
        };
        self.now_us = self.claim_us;
        self.since_us = self.since_us.min(self.now_us);
        (self.claim_us, self.agreed_us) = (self.claim_us.max(wall_us), 0);
        jump
    }
}

fn behind(earlier: i64, later: i64) -> bool {
    earlier.saturating_add(TOLERANCE_US) < later
}

fn agree(a: i64, b: i64) -> bool {
    !behind(a, b) && !behind(b, a)
}

/// An adjustment of the store's clock beyond the time that passed; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The adjustment; negative if the clock was set back.
    pub(crate) by_us: i64,
    /// Records committed since then do not age by the adjustment.
    pub(crate) since_us: i64,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const HOUR: i64 = 60 * MINUTE_US;
    const DAY: i64 = 24 * HOUR;
    /// 2026-01-01.
    const BEGIN: i64 = 1_767_225_600_000_000;

    /// A store's clock and an open log, in a world with a true time.
    struct World {
        clock: StoreClock,
        truth: i64,
        /// The error of the wall clock.
        wrong: i64,
        starts: i64,
    }

    impl World {
        fn new() -> Self {
            World {
                clock: StoreClock::new(BEGIN),
                truth: BEGIN,
                wrong: 0,
                starts: 0,
            }
        }

        fn run(&mut self, us: i64) {
            let end = self.truth + us;
            while self.truth < end {
                let step = (10 * MINUTE_US).min(end - self.truth);
                self.truth += step;
                let passed = Duration::from_micros(step as u64);
                self.clock.advance(passed, self.truth + self.wrong);
            }
        }

        fn set_wall(&mut self, wrong: i64) {
            self.wrong = wrong;
            self.clock.advance(Duration::ZERO, self.truth + self.wrong);
        }

        fn restart(&mut self, off: i64) {
            self.truth += off;
            self.starts += 1;
            self.clock.open(self.truth + self.wrong);
        }

        fn ahead(&self) -> i64 {
            self.clock.now_us - self.truth
        }
    }

    #[test]
    fn a_clock_that_is_right_is_followed() {
        let mut world = World::new();
        world.run(3 * DAY);
        assert_eq!(world.ahead(), 0);
        world.restart(30 * MINUTE_US);
        assert_eq!(world.ahead(), 0);
    }

    #[test]
    fn a_clock_that_jumps_is_believed_after_a_day() {
        for wrong in [-DAY, 60 * DAY, 80 * 365 * DAY, -56 * 365 * DAY] {
            let mut world = World::new();
            world.run(3 * DAY);
            world.set_wall(wrong);
            world.run(23 * HOUR);
            assert_eq!(world.ahead(), 0, "{wrong}");
            world.run(HOUR);
            assert_eq!(world.ahead(), wrong);
            // It is corrected again in the same way.
            world.set_wall(0);
            assert_eq!(world.ahead(), wrong);
            world.run(DAY);
            assert_eq!(world.ahead(), 0, "{wrong}");
        }
    }

    #[test]
    fn a_machine_that_was_off_catches_up_after_a_day() {
        let mut world = World::new();
        world.restart(60 * DAY);
        assert_eq!(world.ahead(), HOUR - 60 * DAY);
        world.run(23 * HOUR - 10 * MINUTE_US);
        assert_eq!(world.ahead(), HOUR - 60 * DAY);
        world.run(HOUR + 10 * MINUTE_US);
        assert_eq!(world.ahead(), 0);
    }

    #[test]
    fn a_machine_that_runs_an_hour_a_day_stays_weeks_behind_at_most() {
        let mut world = World::new();
        for _ in 0..200 {
            world.restart(23 * HOUR);
            world.run(HOUR);
            assert!(world.ahead() > -40 * DAY, "{}", world.ahead() / DAY);
        }
    }

    #[test]
    fn a_loop_of_starts_gives_a_wrong_clock_one_hour() {
        let mut world = World::new();
        world.run(DAY);
        world.wrong = 80 * 365 * DAY;
        (0..1_000).for_each(|_| world.restart(1_000_000));
        assert!(world.ahead() <= HOUR, "{}", world.ahead());
    }

    #[test]
    fn two_processes_with_different_clocks_contradict_each_other() {
        let mut world = World::new();
        for _ in 0..3 * 24 * 6 {
            world.set_wall(60 * DAY);
            world.run(5 * MINUTE_US);
            world.set_wall(0);
            world.run(5 * MINUTE_US);
        }
        assert_eq!(world.ahead(), 0);
    }

    #[test]
    fn a_machine_that_sleeps_every_night_is_a_day_or_two_behind() {
        let mut world = World::new();
        for _ in 0..100 {
            world.run(16 * HOUR);
            // The monotonic clock stands still.
            world.truth += 8 * HOUR;
            assert!(world.ahead() >= -2 * DAY, "{}", world.ahead() / HOUR);
        }
    }

    proptest! {
        #[test]
        fn it_is_never_ahead_of_the_truth_by_more_than_an_hour_a_start(
            steps in vec((0..4u8, 1..24 * 60i64, -100 * 365..100 * 365i64), 1..60),
        ) {
            let mut world = World::new();
            // For how long the wall clock has been wrong: it is believed after a day.
            let mut wrong_for = 0;
            for (act, minutes, days) in steps {
                let us = minutes * MINUTE_US;
                match act {
                    0 => {
                        let us = if world.wrong > 0 { us.min(DAY - MINUTE_US - wrong_for).max(0) } else { us };
                        if world.wrong > 0 { wrong_for += us }
                        world.run(us);
                    }
                    1 => {
                        if world.wrong > 0 {
                            wrong_for += HOUR;
                            if wrong_for >= DAY - HOUR { world.set_wall(0); wrong_for = 0; }
                        }
                        world.restart(us);
                    }
                    2 => {
                        world.set_wall(days * DAY);
                        if world.wrong <= 0 { wrong_for = 0 }
                    }
                    _ => {
                        world.set_wall(0);
                        wrong_for = 0;
                    }
                }
                prop_assert!(world.ahead() <= HOUR * world.starts, "{} {}", world.ahead(), world.starts);
            }
        }
    }
}
