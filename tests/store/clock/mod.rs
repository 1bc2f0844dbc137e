//! Wrong clocks: no record is deleted early, no new one is hidden, and none is missing in sums.

mod corrected;
mod schema_1;

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::{ActivityReader, DigestQuery, MetricsQuery, Window},
    record::Filter,
    store::{ClockReading, Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::support::sums;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The start of manual clocks.
fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// An open log that keeps activities for 30 days, and its clock.
struct ClockTest {
    _folder: TempDir,
    path: PathBuf,
    clock: ManualClock,
    /// How far the wall clock is ahead of the true time.
    wrong: TimeDelta,
    truth: DateTime<Utc>,
    log: Option<ActivityLog>,
    starts: i64,
}

impl ClockTest {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut test = ClockTest {
            path: folder.path().join("a.db"),
            _folder: folder,
            clock: ManualClock::new(),
            wrong: TimeDelta::zero(),
            truth: start(),
            log: None,
            starts: -1,
        };
        test.open();
        test
    }

    fn open(&mut self) {
        let log = ActivityLog::builder()
            .clock(self.clock.clone())
            .keep_activities(Limit::days(30))
            .keep_sums(Limit::FOREVER)
            .open(&self.path)
            .unwrap();
        self.log = Some(log);
        self.starts += 1;
    }

    /// Closes the log, lets time pass, and opens it again.
    fn restart(&mut self, off: Duration) {
        if let Some(log) = self.log.take() {
            log.shutdown().wait().unwrap();
        }
        self.truth += off;
        self.clock = ManualClock::new();
        self.set_wall(self.wrong);
        self.open();
    }

    /// Closes the log, and copies its file: the copy is opened next.
    fn copy(&mut self) {
        if let Some(log) = self.log.take() {
            log.shutdown().wait().unwrap();
        }
        let copy = self.path.with_file_name("copy.db");
        std::fs::copy(&self.path, &copy).unwrap();
        self.path = copy;
    }

    /// The same on a machine whose wall clock stands still while it is off.
    fn restart_without_clock(&mut self, off: Duration) {
        self.wrong -= TimeDelta::from_std(off).unwrap();
        self.restart(off);
    }

    /// Sets how far the wall clock is ahead of the true time.
    fn set_wall(&mut self, wrong: TimeDelta) {
        self.wrong = wrong;
        self.clock.set_wall(self.truth + wrong);
    }

    /// Lets time pass, with maintenance as often as usual.
    fn pass(&mut self, time: Duration) {
        let end = self.truth + time;
        while self.truth < end {
            let step = TimeDelta::minutes(10).min(end - self.truth);
            self.truth += step;
            self.clock.advance(step.to_std().unwrap());
            self.flush();
        }
    }

    /// The same, with maintenance only an hour before the end and at the end, which is faster.
    fn skip(&mut self, time: Duration) {
        for part in [time.saturating_sub(HOUR), time.min(HOUR)] {
            self.truth += part;
            self.clock.advance(part);
            self.flush();
        }
    }

    /// Wakes the writer, and waits for its maintenance.
    fn flush(&self) {
        let log = self.log.as_ref().unwrap();
        log.flush().wait().unwrap();
        log.flush().wait().unwrap();
    }

    fn record(&self, name: &str) {
        let log = self.log.as_ref().unwrap();
        log.start(Describe::job(name.to_owned()).agent("bot"))
            .end(Outcome::success());
        log.event("tick").summary(name.to_owned()).record();
        self.flush();
    }

    fn reader(&self) -> ActivityReader {
        let mut reader = ActivityReader::open(&self.path).unwrap();
        let clock = self.clock.clone();
        reader.options().clock = Some(Arc::new(move || clock.now()));
        reader
    }

    fn names(&self) -> Vec<String> {
        names(&mut self.reader())
    }
}

fn names(reader: &mut ActivityReader) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = reader.page(&Filter::default(), cursor, 2).unwrap();
        names.extend(page.records.iter().map(|one| one.name.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return names;
        }
        // Through its text, as programs pass it.
        cursor = cursor.map(|cursor| cursor.to_string().parse().unwrap());
    }
}

fn at(text: &str) -> TimeDelta {
    text.parse::<DateTime<Utc>>().unwrap() - start()
}

#[test]
fn a_temporarily_wrong_clock_deletes_nothing() {
    for wrong in [
        at("1970-01-01T00:00:00Z"),
        at("2106-01-01T00:00:00Z"),
        TimeDelta::days(60),
        TimeDelta::days(-1),
    ] {
        let mut test = ClockTest::new();
        test.record("one");
        test.record("two");
        test.skip(DAY);
        test.set_wall(wrong);
        test.record("three");
        test.pass(23 * HOUR);
        test.record("four");
        test.restart(HOUR / 4);
        test.set_wall(TimeDelta::zero());
        test.record("five");
        test.skip(DAY);
        test.record("six");
        let mut names = test.names();
        names.sort();
        assert_eq!(names.len(), 6, "{wrong}: {names:?}");
        assert_eq!(test.reader().health().unwrap().events, 6);
    }
}

#[test]
fn old_records_are_deleted_even_if_the_clock_was_wrong_when_they_were_recorded() {
    let mut test = ClockTest::new();
    test.record("first");
    test.set_wall(at("2106-01-01T00:00:00Z"));
    test.record("ahead");
    test.set_wall(at("1970-01-01T00:00:00Z"));
    test.record("behind");
    test.set_wall(TimeDelta::zero());
    test.record("right");
    test.pass(HOUR);
    test.skip(28 * DAY);
    test.record("new");
    test.skip(DAY / 2);
    assert_eq!(test.names().len(), 5);
    test.skip(2 * DAY);
    test.flush();
    assert_eq!(test.names(), ["new"]);
}

#[test]
fn after_two_months_off_new_records_are_first_and_old_ones_are_deleted_a_day_later() {
    let mut test = ClockTest::new();
    test.record("before");
    // Before two days are over, the clock might have been behind from the beginning.
    test.pass(2 * DAY);
    test.restart(60 * DAY);
    test.record("after");
    assert_eq!(test.names(), ["after", "before"]);
    assert_eq!(test.reader().health().unwrap().ahead, 0);
    let mut reader = test.reader();
    let now = reader.present().unwrap();
    let today = reader
        .metrics(&MetricsQuery::new(Window::Day, now))
        .unwrap();
    assert_eq!(today.current.count, Some(1));
    let digest = reader.digest(&DigestQuery::new(now)).unwrap();
    assert_eq!(digest.events.len(), 1);
    test.pass(22 * HOUR);
    assert_eq!(test.names().len(), 2);
    test.pass(3 * HOUR);
    assert_eq!(test.names(), ["after"]);
}

#[test]
fn records_dated_ahead_are_last_and_marked() {
    let mut test = ClockTest::new();
    test.record("one");
    test.set_wall(TimeDelta::days(60));
    (2..6).for_each(|number| test.record(&format!("ahead {number}")));
    test.set_wall(TimeDelta::zero());
    test.record("six");
    assert_eq!(
        test.names(),
        ["six", "one", "ahead 5", "ahead 4", "ahead 3", "ahead 2"]
    );
    let mut reader = test.reader();
    let page = reader.page(&Filter::default(), None, 10).unwrap();
    let marks: Vec<bool> = page.records.iter().map(|one| one.ahead).collect();
    assert_eq!(marks, [false, false, true, true, true, true]);
    let events = reader.events(&Filter::default(), None, 10).unwrap().records;
    let summary =
        |event: &tower_activity::record::EventRecord| event.summary.clone().unwrap().to_string();
    let summaries: Vec<String> = events.iter().map(summary).collect();
    assert_eq!(
        summaries,
        ["six", "one", "ahead 5", "ahead 4", "ahead 3", "ahead 2"]
    );
    assert_eq!(reader.health().unwrap().ahead, 8);
    // They are found by their words, and by their date.
    let words = Filter::parse("ahead", start()).unwrap();
    assert_eq!(reader.page(&words, None, 10).unwrap().records.len(), 4);
    let since = Filter::parse("since:2026-02-01", start()).unwrap();
    assert_eq!(reader.page(&since, None, 10).unwrap().records.len(), 4);
    let now = reader.present().unwrap();
    assert_eq!(
        reader.digest(&DigestQuery::new(now)).unwrap().events.len(),
        2
    );
}

#[test]
fn records_dated_ahead_do_not_count_for_today() {
    let mut test = ClockTest::new();
    test.record("one");
    test.set_wall(TimeDelta::hours(10));
    test.record("ahead");
    test.set_wall(TimeDelta::zero());
    test.record("two");
    let mut reader = test.reader();
    let now = reader.present().unwrap();
    let query = MetricsQuery::new(Window::Day, now);
    assert_eq!(reader.metrics(&query).unwrap().current.count, Some(2));
    let types = reader.event_types(&query).unwrap().types;
    assert_eq!(types[0].count, 2);
}

#[test]
fn a_reader_whose_clock_is_behind_lists_new_records_first() {
    for behind in [TimeDelta::hours(2), TimeDelta::days(20_000)] {
        let mut test = ClockTest::new();
        test.record("old");
        test.pass(3 * HOUR);
        test.record("new");
        let mut reader = ActivityReader::open(&test.path).unwrap();
        reader.options().clock = Some(Arc::new(move || start() + TimeDelta::hours(3) - behind));
        assert_eq!(names(&mut reader), ["new", "old"]);
        let now = reader.present().unwrap();
        assert_eq!(
            reader.digest(&DigestQuery::new(now)).unwrap().events.len(),
            2
        );
        let today = MetricsQuery::new(Window::Day, now);
        assert_eq!(reader.metrics(&today).unwrap().current.count, Some(2));
    }
}

#[test]
fn a_store_that_was_open_for_a_moment_has_advanced_its_clock() {
    let mut test = ClockTest::new();
    test.record("old");
    test.restart(3 * HOUR);
    test.record("new");
    test.log.take().unwrap().shutdown().wait().unwrap();
    let mut reader = ActivityReader::open(&test.path).unwrap();
    reader.options().clock = Some(Arc::new(move || start() + TimeDelta::hours(1)));
    // One start advances the clock by an hour at most.
    assert!(reader.present().unwrap() >= start() + TimeDelta::hours(1));
    assert_eq!(names(&mut reader).len(), 2);
}

#[test]
fn sums_that_a_wrong_clock_deleted_come_back() {
    let mut test = ClockTest::new();
    test.record("one");
    let path = test.path.clone();
    let mut maintenance = SqliteStore::new(&path).unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let before = sums::all(&path);
    // As after a clock that was wrong for so long that it was believed.
    test.set_wall(at("2106-01-01T00:00:00Z"));
    let what = Prune::ByDate(Retention::DEFAULT, test.clock.now());
    while maintenance.prune(what).unwrap() != PruneCounts::default() {}
    assert!(sums::buckets(&path).is_empty());
    test.set_wall(TimeDelta::zero());
    sums::rebuild(&mut *maintenance);
    assert_eq!(sums::all(&path), before);
    // The sums of agents continue.
    test.record("two");
    while maintenance.index().unwrap() > 0 {}
    let agents = "SELECT sum(count) FROM bucket WHERE scope = 4";
    let store = Connection::open(&path).unwrap();
    let count: i64 = store.query_row(agents, (), |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn quarter_hours_with_pruned_activities_keep_their_sums_and_all_others_are_recomputed() {
    let mut test = ClockTest::new();
    test.record("one");
    test.skip(20 * DAY);
    test.record("two");
    test.pass(HOUR);
    test.skip(15 * DAY);
    test.record("three");
    test.flush();
    assert_eq!(test.names(), ["three", "two"]);
    let mut maintenance = SqliteStore::new(&test.path).unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let before = sums::all(&test.path);
    sums::rebuild(&mut *maintenance);
    assert_eq!(sums::all(&test.path), before);
    let store = Connection::open(&test.path).unwrap();
    store
        .execute_batch("DELETE FROM bucket WHERE scope = 2")
        .unwrap();
    sums::rebuild(&mut *maintenance);
    let names = "SELECT count(*) FROM bucket WHERE scope = 2";
    let count: i64 = store.query_row(names, (), |row| row.get(0)).unwrap();
    assert_eq!(
        count, 2,
        "the third is pruned: its sums are kept, and were damaged"
    );
}

#[test]
fn two_processes_with_different_clocks_delete_nothing_early() {
    let mut test = ClockTest::new();
    test.record("one");
    test.record("two");
    let ahead = ManualClock::new();
    ahead.set_wall(start() + TimeDelta::days(400));
    let builder = ActivityLog::builder().clock(ahead.clone());
    let other = builder.open(&test.path).unwrap();
    for _ in 0..30 * 6 {
        ahead.advance(Duration::from_secs(600));
        other.event("tick").record();
        other.flush().wait().unwrap();
        test.pass(Duration::from_secs(600));
        test.log.as_ref().unwrap().event("tick").record();
    }
    test.record("three");
    assert_eq!(test.names(), ["three", "two", "one"]);
    other.shutdown().wait().unwrap();
}

#[test]
fn one_reading_of_the_clock_advances_it_by_an_hour_at_most() {
    let mut test = ClockTest::new();
    test.record("one");
    test.log.take().unwrap().shutdown().wait().unwrap();
    let mut last = start();
    for days in [100, 200, 300] {
        let mut maintenance = SqliteStore::new(&test.path).unwrap().maintenance().unwrap();
        let wall = start() + TimeDelta::days(days);
        let now = maintenance
            .now(ClockReading::new(wall, Duration::ZERO))
            .unwrap();
        assert_eq!(now, last + TimeDelta::hours(1));
        last = now;
    }
}

/// Runs random steps: an act, hours and days. Fails if an activity is missing before it is 30 days old.
fn check_steps(steps: Vec<(u8, i64, i64)>) -> Result<(), TestCaseError> {
    let mut test = ClockTest::new();
    // How long the wall clock has been wrong: after a day it is believed.
    let mut wrong_for = Duration::ZERO;
    let mut recorded: Vec<(String, DateTime<Utc>)> = Vec::new();
    for (number, (act, hours, days)) in steps.into_iter().enumerate() {
        let time = Duration::from_secs(hours as u64 * 3600);
        let is_wrong = test.wrong != TimeDelta::zero();
        match act {
            0 | 1 => {
                let name = number.to_string();
                test.record(&name);
                recorded.push((name, test.truth));
            }
            2 if is_wrong => {
                let left = (22 * HOUR).saturating_sub(wrong_for);
                let time = time.min(left);
                test.skip(time);
                wrong_for += time;
            }
            2 => test.skip(time),
            3 | 6 => {
                if is_wrong && wrong_for > 20 * HOUR {
                    test.set_wall(TimeDelta::zero());
                    wrong_for = Duration::ZERO;
                }
                match act {
                    3 => test.restart(time),
                    _ => test.restart_without_clock(time),
                }
                wrong_for += HOUR;
                test.record("start");
                recorded.push(("start".into(), test.truth));
            }
            4 => {
                test.set_wall(TimeDelta::days(days));
                test.flush();
            }
            _ => {
                test.set_wall(TimeDelta::zero());
                wrong_for = Duration::ZERO;
                test.flush();
            }
        }
        test.flush();
        let mut there = test.names();
        let young = test.truth - TimeDelta::days(30) + TimeDelta::hours(1 + test.starts);
        for (name, at) in recorded.iter().filter(|(_, at)| *at > young) {
            let found = there.iter().position(|one| one == name);
            prop_assert!(
                found.is_some(),
                "{} of {} at {}: {:?}",
                name,
                at,
                test.truth,
                there
            );
            there.swap_remove(found.unwrap_or_default());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_activity_is_deleted_before_its_time(
        steps in vec((0..6u8, 1..20 * 24i64, -800..800i64), 1..24),
    ) {
        check_steps(steps)?;
    }
}
