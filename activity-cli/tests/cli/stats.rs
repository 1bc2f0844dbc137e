//! `activity stats`: sums, histories, lists.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tower_activity::store::{Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore};

use crate::fixture::{CommandResult, Fixture};

fn json(ran: &CommandResult) -> Vec<Value> {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_history_is_drawn_under_its_sums() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["stats", "--window", "week", "--tz", "Asia/Kathmandu"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("overall, 20") && lines[0].ends_with(" (Asia/Kathmandu)"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[2], "activities  6 (1 failed, 1 cancelled)");
    assert!(lines[3].starts_with("durations   mean "), "{}", lines[3]);
    assert!(lines[5].starts_with("DAY         CALLS"), "{}", lines[5]);
    assert_eq!(lines.len(), 6 + 7);
    // All of it is in the last of the seven days, which may have begun while the test ran.
    let most = lines[6..]
        .iter()
        .filter(|line| line.contains(&"█".repeat(32)))
        .count();
    assert_eq!(most, 1, "{}", ran.stdout);
}

#[test]
fn one_project_is_counted_by_itself() {
    let fixture = Fixture::with_calls();
    let [acme] =
        &json(&fixture.run(&["stats", "--json", "--window", "week", "--project", "acme"]))[..]
    else {
        panic!("not one object")
    };
    assert_eq!(acme["current"]["count"], 3);
    // By hour: six complete days, and today so far.
    assert!((145..=168).contains(&acme["history"].as_array().unwrap().len()));
    let ran = fixture.run(&["stats", "--project", "zoo"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "error: no activity of the project \"zoo\"\n");
}

#[test]
fn a_ranking_is_in_descending_order() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "deployment", "v3", "--count", "2"]);
    let check = |by: &str, expected: &[(&str, u64)]| {
        let found = json(&fixture.run(&["stats", "--json", "--window", "week", "--by", by]));
        let found: Vec<_> = found
            .iter()
            .map(|one| match by {
                "type" => (
                    one["type"].as_str().unwrap(),
                    one["count"].as_u64().unwrap(),
                ),
                _ => (one["id"].as_str().unwrap(), one["count"].as_u64().unwrap()),
            })
            .collect();
        assert_eq!(found, expected, "{by}");
    };
    check("project", &[("acme", 3)]);
    check("brand", &[("netflix", 2), ("amazon", 1)]);
    check("agent", &[]);
    check("type", &[("deployment", 2)]);
    let ran = fixture.run(&["stats", "--window", "week", "--by", "brand"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[2].starts_with("BRAND    CALLS"), "{}", ran.stdout);
    assert!(
        lines[3].starts_with(&format!("netflix      2  {}", "█".repeat(32))),
        "{}",
        ran.stdout
    );
    assert!(
        lines[4].starts_with(&format!("amazon       1  {}  ", "█".repeat(16))),
        "{}",
        ran.stdout
    );
    let ran = fixture.run(&["stats", "--by", "agent", "--at", "2020-02-18"]);
    assert_eq!(
        ran.stderr,
        "no activity with a known agent, 2020-02-18 (UTC)\n"
    );
}

#[test]
fn invalid_arguments_are_usage_errors() {
    let fixture = Fixture::with_calls();
    let check = |args: &[&str], said: &str| {
        let ran = fixture.run(&[&["stats"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    check(
        &["--window", "year"],
        "\"year\" is not a window · use `day`, `week` or `month`",
    );
    check(&["--tz", "Mars"], "unknown time zone \"Mars\"");
    check(
        &["--by", "weather"],
        "possible values: project, agent, name, brand, type",
    );
    check(&["--project", "a", "--agent", "b"], "cannot be used with");
    check(&["--by", "name", "--agent", "b"], "cannot be used with");
    check(&["--at", "yesterday"], "invalid value 'yesterday'");
}

#[test]
fn what_retention_deleted_is_unknown_and_not_0() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "deployment", "v3"]);
    fixture.run(&["event", "deployment", "v4"]);
    let mut keep = Retention::default();
    let nothing = Some(Limit::age(Duration::ZERO));
    (keep.activities, keep.events, keep.sums) = (nothing, nothing, nothing);
    let store = SqliteStore::new(fixture.path()).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    let prune = Prune::ByDate(keep, Utc::now() + TimeDelta::hours(1));
    while maintenance.prune(prune).unwrap() != PruneCounts::default() {}

    let week = ["stats", "--window", "week", "--tz", "UTC"];
    let ran = fixture.run(&week);
    let why = ": records were deleted by retention";
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let unknown = ran.stdout.lines().nth(2).unwrap();
    assert!(
        unknown.starts_with("unknown before 20") && unknown.ends_with(why),
        "{}",
        ran.stdout
    );
    let days = ran.stdout.lines().skip(5);
    // Midnight may have passed between the calls.
    let unknown = days.filter(|day| day.contains("  –")).count();
    assert!((1..=2).contains(&unknown), "{}", ran.stdout);
    let [answer] = &json(&fixture.run(&[&week[..], &["--json"]].concat()))[..] else {
        panic!("not one object")
    };
    assert_eq!(answer["current"]["count"], Value::Null);
    assert_eq!(answer["unknown"]["reason"], "deleted");
    for by in ["project", "type"] {
        let ran = fixture.run(&[&week[..], &["--by", by]].concat());
        assert!(ran.stderr.contains(why), "{by}: {}", ran.stderr);
    }
}
