//! `activity doctor`: intact and damaged stores, losses, running processes.

mod accepted;
mod foreign;
mod lost;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use chrono::Utc;
use tower_activity::{ActivityLog, Describe, Outcome, query::ActivityReader};

use crate::fixture::{Fixture, until};

#[test]
fn doctor_passes_on_a_healthy_store() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["doctor"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("6 ended, 0 running, 0 abandoned"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .ends_with("✓ the store is intact, every activity and event is accounted for\n")
    );
    let json: serde_json::Value =
        serde_json::from_str(&fixture.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["ok"], &json["activities"]),
        (&true.into(), &6.into())
    );
    assert_eq!(json["instances"][0]["accounting"]["committed"], 6);
}

#[test]
fn doctor_finds_damage() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for _ in 0..2000 {
        log.start(Describe::tool("many").project("acme"))
            .end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    let leaf = "SELECT pgoffset FROM dbstat WHERE name = 'activity' AND pagetype = 'leaf' LIMIT 1";
    let leaf = store.query_row(leaf, (), |row| row.get::<_, isize>(0));
    let leaf = leaf.unwrap().unsigned_abs();
    drop(store);
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    bytes[leaf..leaf + 8192].fill(0xab);
    std::fs::write(fixture.path(), bytes).unwrap();
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("\nproblem: ") && !ran.stdout.contains('✓'),
        "{ran:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&fixture.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}

#[test]
fn doctor_finds_an_accounting_that_does_not_add_up() {
    let fixture = Fixture::with_calls();
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    let wrong = "UPDATE instance SET accounting = json_set(accounting, '$.committed', 5)";
    assert_eq!(store.execute(wrong, ()).unwrap(), 1);
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("problem: the accounting of instance 0"),
        "{}",
        ran.stdout
    );
}

#[test]
fn losses_are_reported_and_are_no_problem_of_the_store() {
    let fixture = Fixture::with_calls();
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    let lost = "UPDATE instance SET accounting = json_set(accounting, '$.started', 9, '$.rejected_memory', 3, \
                '$.recordings.recorded', 2, '$.recordings.lost_refused', 2)";
    assert_eq!(store.execute(lost, ()).unwrap(), 1);
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(0));
    for note in [
        "note: 3 activities rejected: the memory limit was reached",
        "note: 2 recording steps lost: the store refused them",
    ] {
        assert!(ran.stdout.contains(note), "{}", ran.stdout);
    }
}

#[test]
fn running_processes_are_listed_with_their_uptime() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let _slow = log.start(Describe::tool("slow"));
    let ran = until(|| Some(fixture.run(&["list"])).filter(|ran| !ran.stdout.is_empty()));
    assert!(
        ran.stdout.contains("● running") && ran.stdout.contains("s …"),
        "{}",
        ran.stdout
    );
    let doctor = fixture.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("0 ended, 1 running, 0 abandoned"),
        "{}",
        doctor.stdout
    );
    assert_eq!(doctor.code, Some(0));
}

/// Starts a process that records into this file until it is killed; its records are committed.
fn recording_process(fixture: &Fixture) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "doctor::killed", "--nocapture"])
        .env("ACTIVITY_TEST_KILLED", fixture.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
    child
}

/// Body of that process: records into the file `ACTIVITY_TEST_KILLED`, if set, until it is killed.
#[test]
fn killed() {
    let Ok(path) = std::env::var("ACTIVITY_TEST_KILLED") else {
        return;
    };
    let log = ActivityLog::open(path).unwrap();
    for _ in 0..3 {
        log.start(Describe::job("ended")).end(Outcome::success());
    }
    let _open = log.start(Describe::job("open"));
    log.flush().wait().unwrap();
    println!("ready");
    thread::park_timeout(Duration::from_secs(60));
}

#[test]
fn the_counts_of_a_killed_process_are_exact_up_to_its_last_commit() {
    let fixture = Fixture::new();
    let before = Utc::now();
    let mut child = recording_process(&fixture);
    let alive = fixture.run(&["doctor"]);
    assert!(!alive.stdout.contains("unknown"), "{}", alive.stdout);
    child.kill().unwrap();
    child.wait().unwrap();
    let after = Utc::now();

    let check = || {
        let health = ActivityReader::open(fixture.path())
            .unwrap()
            .health()
            .unwrap();
        let dead = health.instances.last().unwrap();
        assert!(!dead.alive && dead.stopped_at.is_none());
        assert_eq!(
            (dead.accounting.activities.committed, health.abandoned),
            (3, 1)
        );
        assert_eq!(
            (
                dead.accounting.activities.recorded,
                dead.accounting.activities.waiting
            ),
            (4, 0)
        );
        assert!(dead.accounting.adds_up(), "{dead:?}");
        let saved = dead.saved_at.unwrap();
        assert!(before <= saved && saved <= after, "{saved}");
        let note = format!(
            "note: process {} crashed: its counts are as of its last commit ({}); what followed is unknown\n",
            dead.pid,
            saved.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        );
        let doctor = fixture.run(&["doctor"]);
        assert!(doctor.stdout.contains(&note), "{}", doctor.stdout);
        assert_eq!(doctor.code, Some(0));
        saved
    };
    let saved = check();
    // The next writer reaps the dead instance, which stays reported as before.
    fixture.log().shutdown().wait().unwrap();
    assert_eq!(check(), saved);
}
