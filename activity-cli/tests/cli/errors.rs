//! `activity errors`, and the root cause of a failure in `activity show`.

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::fixture::Fixture;

/// A job that failed because of a charge inside its second attempt, and two charges by themselves.
fn failed_job() -> (Fixture, String) {
    let fixture = Fixture::new();
    let log = fixture.log();
    let job = log.start(Describe::job("nightly").project("acme"));
    let id = job.id().unwrap().to_string();
    let attempt = log.start(Describe::tool("attempt").parent(&job));
    let declined = |user: u32| {
        Outcome::failed("http_402")
            .with_message(format!("card of us{user} was declined\nat line 3"))
    };
    log.start(Describe::tool("charge").parent(&attempt))
        .end(declined(17));
    attempt.end(Outcome::failed("tool_error"));
    job.end(Outcome::failed("job_error").with_message("the job failed"));
    for user in 0..2 {
        log.start(Describe::tool("charge")).end(declined(user));
    }
    log.shutdown().wait().unwrap();
    (fixture, id)
}

#[test]
fn errors_are_listed_by_group() {
    let (fixture, _) = failed_job();
    let ran = fixture.run(&["errors", "--window", "week", "--tz", "UTC"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(
        lines[0].starts_with("5 errors in 3 groups, 20"),
        "{}",
        ran.stdout
    );
    assert!(
        lines[0].ends_with(" (UTC), 0 in the same part of the previous window"),
        "{}",
        ran.stdout
    );
    let charge: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!(charge[..2], ["3", "new"], "{}", ran.stdout);
    assert!(lines[3].contains("http_402: card of … was declined"));
    // A narrow terminal has it, too: it is how to go on.
    let narrow = fixture.command(&["errors", "--window", "week"]);
    let narrow = { narrow }.env("COLUMNS", "80").output().unwrap();
    let narrow = String::from_utf8(narrow.stdout).unwrap();
    let charge: Vec<_> = narrow.lines().nth(4).unwrap().split_whitespace().collect();
    let fingerprint = charge.iter().find(|word| word.len() == 16).unwrap();
    let fingerprint = format!("fingerprint:{fingerprint}");
    assert_eq!(fixture.json(&["list", &fingerprint]).len(), 3);

    let json = fixture.run(&["errors", "project:acme", "--window", "week", "--json"]);
    let groups: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        groups
            .iter()
            .filter(|group| group["name"] == "charge")
            .count(),
        1
    );
    assert!(groups.iter().all(|group| group["count"] == 1), "{groups:?}");

    let none = fixture.run(&["errors", "name:other"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    assert!(none.stderr.starts_with("no errors, 20"), "{}", none.stderr);
    let wrong = fixture.run(&["errors", "fingerprint:12"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("`12` is not a fingerprint"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_root_cause_of_a_failure_is_shown_with_the_path_to_it() {
    let (fixture, id) = failed_job();
    let ran = fixture.run(&["show", &id]);
    let lines: Vec<_> = ran.stdout.lines().map(str::trim_end).collect();
    let at = lines.iter().position(|line| *line == "ROOT CAUSE").unwrap();
    assert!(lines[at + 1].starts_with("  ✗ charge  "), "{}", ran.stdout);
    assert_eq!(
        lines[at + 2..at + 6],
        [
            "    http_402",
            "    card of us17 was declined",
            "    at line 3",
            "  within       attempt"
        ]
    );
    let cause = lines[at + 1].split_whitespace().last().unwrap();
    let own = fixture.run(&["show", cause]);
    assert!(!own.stdout.contains("ROOT CAUSE"), "{}", own.stdout);
}
