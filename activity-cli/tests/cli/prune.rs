//! `activity prune`, `activity erase` and `activity rebuild`.

use crate::fixture::Fixture;

#[test]
fn a_dry_run_counts_what_pruning_by_age_deletes() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "a", "b"]);
    fixture.run(&["event", "c", "d"]);
    let said = |args: &[&str]| {
        let ran = fixture.run(&[&["prune"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    assert_eq!(
        said(&["--older-than", "1h"]),
        "deleted 0 activities, 0 events\n"
    );
    // The newest of each stays.
    assert_eq!(
        said(&["--older-than", "now", "--dry-run"]),
        "would delete 5 activities, 1 event\n"
    );
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    assert_eq!(
        said(&["--older-than", "0s", "--what", "events"]),
        "deleted 1 event\n"
    );
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    assert_eq!(
        said(&["--older-than", "now", "--what", "activities,previews"]),
        "deleted 5 activities, 0 previews\n"
    );
    assert_eq!(fixture.json(&["list", "--all"]).len(), 1);
    let stats = fixture.run(&["stats", "--window", "week"]).stdout;
    assert!(stats.contains("activities  6 ("), "{stats}");
    assert_eq!(fixture.run(&["doctor"]).code, Some(0));
}

#[test]
fn a_dry_run_counts_what_pruning_by_size_deletes() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "a", "b"]);
    fixture.run(&["event", "c", "d"]);
    let said = |args: &[&str]| {
        let ran = fixture.run(&[&["prune"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    let events = || fixture.run(&["events", "--json"]).stdout.lines().count();
    assert_eq!(
        said(&["--larger-than", "1.5 MB"]),
        "deleted 0 activities, 0 events\n"
    );
    // An event counts as 201 bytes.
    assert_eq!(
        said(&["--larger-than", "201b", "--what", "events", "--dry-run"]),
        "would delete 1 event\n"
    );
    assert_eq!(events(), 2);
    assert_eq!(
        said(&["--larger-than", "300b", "--what", "events,recordings"]),
        "deleted 1 event, 0 recordings\n"
    );
    assert_eq!(events(), 1);
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    assert_eq!(fixture.run(&["doctor"]).code, Some(0));
}

#[test]
fn a_dry_run_counts_what_erasing_an_actor_removes() {
    let fixture = Fixture::with_calls();
    fixture.run(&["event", "a", "b", "--actor", "Ann B"]);
    let said = |args: &[&str]| {
        let ran = fixture.run(&[&["erase"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    let count = fixture.json(&["list", "--all", "actor:\"Ann B\""]).len();
    assert!(count > 0);
    let counted = said(&["--actor", "Ann B", "--dry-run"]);
    assert!(
        counted.starts_with("would erase the content of "),
        "{counted}"
    );
    assert!(counted.ends_with(", 1 event, 0 recordings\n"), "{counted}");
    assert_eq!(
        fixture.json(&["list", "--all", "actor:\"Ann B\""]).len(),
        count
    );
    let erased = said(&["--actor", "Ann B"]);
    assert_eq!(erased, counted.replace("would erase", "erased"));
    for (name, filter) in [("hers", "actor:\"ann b\""), ("all", "")] {
        fixture.run(&["webhooks", "add", name, "https://example.com", filter]);
    }
    let ran = fixture.run(&["erase", "--actor", "Ann B"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            Some(0),
            "note: the filter of webhook hers names the actor: `activity webhooks remove hers` removes it\n"
        )
    );
    assert_eq!(fixture.json(&["list", "--all", "actor:\"Ann B\""]).len(), 0);
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
    assert_eq!(fixture.run(&["doctor"]).code, Some(0));
    assert_eq!(fixture.run(&["erase"]).code, Some(2));
}

#[test]
fn damaged_sums_are_rebuilt() {
    let fixture = Fixture::with_calls();
    let stats = || fixture.run(&["stats", "--window", "week"]).stdout;
    let before = stats();
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    store
        .execute_batch("UPDATE bucket SET count = 0, failed = 7; DELETE FROM hour")
        .unwrap();
    assert_ne!(stats(), before);
    let ran = fixture.run(&["rebuild"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(
        ran.stdout
            .starts_with("recomputed the statistics of 1 hour"),
        "{}",
        ran.stdout
    );
    assert_eq!(stats(), before);
}

#[test]
fn invalid_arguments_delete_nothing() {
    let fixture = Fixture::with_calls();
    let check = |args: &[&str], code, said: &str| {
        let ran = fixture.run(args);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(code), ""),
            "{args:?}"
        );
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    check(&["prune"], 2, "--older-than");
    check(&["prune", "--larger-than", "much"], 2, "is not a size");
    for size in ["0B", "99999999999TB"] {
        let said = "is not a size from 1B to 1000000TB";
        check(&["prune", "--larger-than", size], 2, said);
    }
    check(
        &["prune", "--older-than", "9999999999d"],
        2,
        "is too long: the most is 213503d",
    );
    check(&["prune", "--older-than", "old"], 2, "`old` is not a time");
    check(
        &["prune", "--older-than", "1s status:failed"],
        2,
        "is not an age",
    );
    check(
        &["prune", "--older-than", "1s", "--what", "all"],
        2,
        "possible values: activities, events, previews, sums",
    );
    check(
        &["--store", "no.db", "prune", "--older-than", "1s"],
        1,
        "no store at",
    );
    check(&["--store", "no.db", "rebuild"], 1, "no store at");
    assert!(!fixture.folder.path().join("no.db").exists());
    assert_eq!(fixture.json(&["list", "--all"]).len(), 6);
}
