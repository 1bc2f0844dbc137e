//! `activity retention`, and notes about clocks.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tower_activity::{ActivityLog, Describe, Outcome, store::Limit, testing::ManualClock};

use crate::fixture::Fixture;

#[test]
fn the_retention_of_a_store_is_shown_and_set() {
    let fixture = Fixture::with_calls();
    let said = |args: &[&str]| {
        let ran = fixture.run(&[&["retention"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let lines = ran.stdout.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(" ")
        });
        lines.collect::<Vec<_>>()
    };
    let default = [
        "KIND LIMIT",
        "activities forever default",
        "events forever default",
        "previews forever default",
        "sums 30d default",
        "recordings 30d/10GB default",
    ];
    assert_eq!(said(&[]), default);
    let set = said(&["--json"]);
    assert_eq!(set.len(), 5);
    said(&["--activities", "90d", "--recordings", "2.5gb/12h"]);
    assert_eq!(
        said(&["--events", "forever"])[1..],
        [
            "activities 90d",
            "events forever",
            "previews forever default",
            "sums 30d default",
            "recordings 12h/2500MB"
        ]
    );
    let json = said(&["--json"]);
    assert_eq!(
        json[0],
        r#"{"kind":"activities","age_s":7776000,"bytes":null,"default":false}"#
    );
    assert_eq!(json.len(), 5);
    // Setting it deletes nothing.
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    let ran = fixture.run(&["retention", "--activities", "1B"]);
    let said = "note: 5 activities exceed the limits and will be deleted by the processes that record here. Raise the limits now to keep them\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), said));
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    for limit in ["a while", "0d", "0B", "999999d", "99999999999TB"] {
        let wrong = fixture.run(&["retention", "--sums", limit]);
        assert!(
            wrong.code == Some(2)
                && wrong
                    .stderr
                    .contains(&format!("{limit:?} is not a retention limit"))
                && wrong.stderr.contains("write an age from 1s to 200000d"),
            "{wrong:?}"
        );
    }
    let wrong = fixture.run(&["retention", "--sums", "a while"]);
    assert!(wrong.stderr.contains("(90d, 12h)"), "{}", wrong.stderr);
}

#[test]
fn an_event_command_does_not_prune() {
    let fixture = Fixture::with_calls();
    fixture.run(&["retention", "--activities", "0s"]);
    fixture.run(&["event", "a", "b"]);
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
}

#[test]
fn a_wrong_clock_is_reported() {
    let fixture = Fixture::with_calls();
    assert!(!fixture.run(&["doctor"]).stdout.contains("clock"));
    let clock = ManualClock::new();
    clock.set_wall(Utc::now() + TimeDelta::days(60));
    let log = ActivityLog::builder().clock(clock.clone());
    let log = log.keep_sums(Limit::FOREVER).open(fixture.path()).unwrap();
    log.start(Describe::job("ahead")).end(Outcome::success());
    log.flush().wait().unwrap();
    clock.advance(Duration::from_secs(1));
    log.shutdown().wait().unwrap();
    let said = fixture.run(&["doctor"]).stdout;
    assert!(
        said.contains("1 record is dated in the future and listed last"),
        "{said}"
    );
    assert!(said.contains("ahead of the store's"), "{said}");
    let list = fixture.run(&["list"]).stdout;
    let last = list.lines().last().unwrap();
    assert!(
        last.contains("(ahead)") && last.contains("in 59 d"),
        "{list}"
    );
    // It is no age that is deleted by.
    let pruned = fixture.run(&["prune", "--older-than", "1d"]);
    assert_eq!(pruned.stdout, "deleted 0 activities, 0 events\n");
}
