//! A wall clock that is wrong while records are committed, and right later: their ages do not include the correction.

use super::*;
use crate::support::after_commit;

/// A wall clock that is wrong for less than a day. What is recorded as "wrong" meanwhile must stay.
type Case = (&'static str, fn(&mut ClockTest));

const OFF: Duration = Duration::from_secs(60 * 24 * 3600);
const RIGHT: TimeDelta = TimeDelta::zero();

const CASES: [Case; 11] = [
    ("behind at first, corrected while closed", |test| {
        test.set_wall(TimeDelta::days(-60));
        test.record("wrong");
        test.wrong = RIGHT;
        test.restart(HOUR);
    }),
    ("at 1970 at first, corrected while closed", |test| {
        test.set_wall(at("1970-01-01T00:00:00Z"));
        test.record("wrong");
        test.wrong = RIGHT;
        test.restart(Duration::from_secs(1));
    }),
    ("behind at first, corrected after a restart", |test| {
        test.set_wall(TimeDelta::days(-60));
        test.record("wrong");
        test.pass(HOUR);
        test.restart(HOUR);
        test.record("wrong again");
        test.set_wall(RIGHT);
    }),
    ("ahead at first, corrected while closed", |test| {
        test.set_wall(TimeDelta::days(60));
        test.record("wrong");
        test.wrong = RIGHT;
        test.restart(HOUR);
        test.record("wrong before");
    }),
    ("without a battery, corrected while open", |test| {
        test.skip(3 * DAY);
        test.restart_without_clock(OFF);
        test.record("wrong");
        test.set_wall(RIGHT);
    }),
    ("without a battery, corrected while closed", |test| {
        test.skip(3 * DAY);
        test.restart_without_clock(OFF);
        test.record("wrong");
        test.pass(HOUR);
        test.wrong = RIGHT;
        test.restart(HOUR);
    }),
    ("without a battery, corrected after restarts", |test| {
        test.skip(3 * DAY);
        test.restart_without_clock(OFF);
        test.record("wrong");
        test.restart(HOUR / 2);
        test.restart(HOUR / 2);
        test.set_wall(RIGHT);
    }),
    (
        "without a battery, after some hours that were right",
        |test| {
            // Together they are more than the 24 hours after which a clock is believed.
            test.skip(20 * HOUR);
            test.restart_without_clock(OFF);
            test.record("wrong");
            test.skip(8 * HOUR);
            test.wrong = RIGHT;
            test.restart(HOUR);
        },
    ),
    ("copied to a machine that is behind", |test| {
        test.record("wrong before");
        test.copy();
        test.wrong = TimeDelta::days(-60);
        test.restart(HOUR);
        test.record("wrong");
        test.wrong = RIGHT;
        test.restart(HOUR);
    }),
    ("copied from a machine that is behind", |test| {
        test.set_wall(TimeDelta::days(-60));
        test.record("wrong");
        test.skip(20 * HOUR);
        test.copy();
        test.wrong = RIGHT;
        test.restart(HOUR);
    }),
    ("behind at first, beside a process that is right", |test| {
        test.set_wall(TimeDelta::days(-60));
        test.record("wrong");
        let right = ManualClock::new();
        let other = ActivityLog::builder().clock(right.clone());
        let other = other.open(&test.path).unwrap();
        for _ in 0..30 * 6 {
            right.advance(Duration::from_secs(600));
            other.event("tick").record();
            other.flush().wait().unwrap();
            test.pass(Duration::from_secs(600));
        }
        other.shutdown().wait().unwrap();
        test.record("wrong again");
        test.wrong = RIGHT;
        test.restart(HOUR);
    }),
];

#[test]
fn a_correction_makes_no_record_older() {
    for (case, run) in CASES {
        let mut test = ClockTest::new();
        run(&mut test);
        let wrong = |test: &ClockTest| {
            let names = test.names();
            names
                .iter()
                .filter(|name| name.starts_with("wrong"))
                .count()
        };
        let expected = wrong(&test);
        assert!(expected > 0, "{case}");
        test.record("right");
        for days in [2, 5, 20] {
            test.skip(days * DAY);
            assert_eq!(wrong(&test), expected, "{case}: {:?}", test.names());
        }
        // They are not kept for ever.
        test.skip(100 * DAY);
        test.record("new");
        test.skip(HOUR);
        after_commit(|| (test.names() == ["new"]).then_some(()));
    }
}

#[test]
fn an_activity_of_a_log_that_began_five_days_behind_is_kept_for_thirty() {
    let mut test = ClockTest::new();
    test.set_wall(TimeDelta::days(-5));
    test.record("one");
    test.skip(22 * HOUR);
    test.set_wall(RIGHT);
    test.restart(459 * HOUR);
    test.record("two");
    test.skip(153 * HOUR);
    // The first is 26 days old.
    assert_eq!(test.names(), ["two", "one"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Most steps restart, or set the clock right.
    #[test]
    fn no_activity_is_deleted_before_its_time_where_clocks_stand_still(
        steps in vec((prop::sample::select(vec![0u8, 2, 2, 3, 5, 6, 6]), 1..20 * 24i64, Just(0)), 1..24),
    ) {
        check_steps(steps)?;
    }
}
