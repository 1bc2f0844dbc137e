//! `activity doctor`: what is whole, damaged, lost or running.

use tower_activity::{Describe, Outcome};

use crate::place::{Place, until};

#[test]
fn a_doctor_finds_a_healthy_store_healthy() {
    let place = Place::with_calls();
    let ran = place.run(&["doctor"]);
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
            .ends_with("✓ the store is whole, every activity and event is accounted for\n")
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["ok"], &json["activities"]),
        (&true.into(), &6.into())
    );
    assert_eq!(json["instances"][0]["accounting"]["committed"], 6);
}

#[test]
fn a_doctor_finds_damage() {
    let place = Place::new();
    let log = place.log();
    for _ in 0..2000 {
        log.start(Describe::tool("many").project("acme"))
            .end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    let mut bytes = std::fs::read(place.path()).unwrap();
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].fill(0xab);
    std::fs::write(place.path(), bytes).unwrap();
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("\nproblem: ") && !ran.stdout.contains('✓'),
        "{ran:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}

#[test]
fn a_doctor_finds_numbers_that_do_not_add_up() {
    let place = Place::with_calls();
    let store = rusqlite::Connection::open(place.path()).unwrap();
    let wrong = "UPDATE instance SET accounting = json_set(accounting, '$.committed', 5)";
    assert_eq!(store.execute(wrong, ()).unwrap(), 1);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("problem: the accounting of instance 0"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_was_lost_is_told_and_no_fault_of_the_store() {
    let place = Place::with_calls();
    let store = rusqlite::Connection::open(place.path()).unwrap();
    let lost = "UPDATE instance SET accounting = json_set(accounting, '$.started', 9, '$.rejected_memory', 3)";
    assert_eq!(store.execute(lost, ()).unwrap(), 1);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout
            .contains("note: 3 activities not recorded: the memory bound was reached"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_runs_is_listed_with_how_long_it_has_been_running() {
    let place = Place::new();
    let log = place.log();
    let _slow = log.start(Describe::tool("slow"));
    let ran = until(|| Some(place.run(&["list"])).filter(|ran| !ran.stdout.is_empty()));
    assert!(
        ran.stdout.contains("● running") && ran.stdout.contains("s …"),
        "{}",
        ran.stdout
    );
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("0 ended, 1 running, 0 abandoned"),
        "{}",
        doctor.stdout
    );
    assert_eq!(doctor.code, Some(0));
}
