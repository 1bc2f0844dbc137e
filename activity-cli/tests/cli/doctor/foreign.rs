//! Changes to the file by other programs are reported, and nothing else is.

use rusqlite::Connection;
use tower_activity::{
    Describe, Outcome,
    recording::{Chunk, Stream},
    store::{Store, sqlite::SqliteStore},
};

use crate::fixture::{CommandResult, Fixture};

/// A store with six activities, three events, and a recording of three chunks that belongs to ann.
pub(super) fn filled() -> Fixture {
    let fixture = Fixture::with_calls();
    let log = fixture.log();
    for number in 0..3 {
        log.event("note").count(number).record();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = log.start(Describe::job("shop").actor("ann"));
    let recording = runtime.block_on(call.attach(Stream::new("rrweb")));
    for track in ["a", "b", "c"] {
        recording.append(Chunk::new("{\"type\":4}\n").track(track));
    }
    call.end(Outcome::success());
    drop(recording);
    drop(runtime);
    log.shutdown().wait().unwrap();
    fixture
}

/// Changes the file as another program would.
pub(super) fn change(fixture: &Fixture, sql: &str) {
    let store = Connection::open(fixture.path()).unwrap();
    store.execute_batch(sql).unwrap();
    // Removes its locks and its WAL.
    store.close().unwrap();
}

/// Asserts that doctor fails with this problem.
#[track_caller]
pub(super) fn fails(fixture: &Fixture, problem: &str) -> CommandResult {
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{problem}: {ran:?}");
    let found = ran.stdout.contains(problem) && !ran.stdout.contains('✓');
    assert!(found, "{problem}: {}", ran.stdout);
    let json = fixture.run(&["doctor", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["ok"], false);
    ran
}

/// Asserts that doctor finds no problem.
#[track_caller]
pub(super) fn passes(fixture: &Fixture) -> CommandResult {
    let ran = fixture.run(&["doctor"]);
    assert!(ran.code == Some(0) && ran.stdout.contains('✓'), "{ran:?}");
    ran
}

#[test]
fn rows_that_another_program_deletes_are_missing() {
    let check = |sql: &str, problem: &str| {
        let fixture = filled();
        passes(&fixture);
        change(&fixture, sql);
        fails(&fixture, problem);
        // The next writer does not hide it.
        assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
        fails(&fixture, problem);
    };
    check(
        "DELETE FROM activity WHERE seq % 2 = 0",
        "problem: 3 of 7 activities are missing",
    );
    check(
        "DELETE FROM activity",
        "problem: 7 of 7 activities are missing",
    );
    check(
        "DELETE FROM chunk WHERE seq = 2",
        "problem: 1 of 3 chunks is missing",
    );
    check(
        "DELETE FROM recording",
        "problem: 1 of 1 recording and 3 of 3 chunks are missing",
    );
    let fixture = filled();
    change(&fixture, "DELETE FROM event WHERE seq = 2");
    let ran = fails(&fixture, "problem: 1 of 3 events is missing");
    assert!(ran.stdout.contains("problem: process "), "{}", ran.stdout);
    assert!(ran.stdout.contains("doctor --accept"), "{}", ran.stdout);
}

#[test]
fn rows_that_another_program_inserts_are_reported() {
    let check = |sql: &str, problem: &str| {
        let fixture = filled();
        change(&fixture, sql);
        fails(&fixture, problem);
    };
    let one = "problem: 1 event is surplus: inserted by another program";
    check(
        "INSERT INTO event (id, at, type, status, count, instance) \
         SELECT randomblob(16), at, type, status, count, instance FROM event LIMIT 1",
        one,
    );
    check(
        "INSERT INTO event (id, at, type, status, count, instance) \
         SELECT randomblob(16), at, type, status, count, 999 FROM event LIMIT 1",
        one,
    );
    check(
        "DELETE FROM instance",
        "problem: 7 activities, 3 events, 1 recording and 3 chunks are surplus:",
    );
}

#[test]
fn activities_and_sums_that_another_program_changes_differ() {
    let check = |sql: &str| {
        let fixture = filled();
        change(&fixture, sql);
        fails(&fixture, "problem: the statistics of ");
        assert_eq!(fixture.run(&["rebuild"]).code, Some(0));
        passes(&fixture);
    };
    check("UPDATE activity SET status = 1 WHERE status = 2");
    check("UPDATE activity SET duration_ns = duration_ns + 1 WHERE seq = 3");
    check("UPDATE bucket SET count = count + 1");
    check("DELETE FROM bucket WHERE scope = 1");
}

#[test]
fn any_sum_that_another_program_changes_differs() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for number in 0..12 {
        let call = match number % 3 {
            0 => Describe::turn("turn"),
            _ => Describe::tool("call"),
        };
        let agent = format!("agent {}", number % 2);
        let call = log.start(call.agent(agent).project("acme"));
        call.end(match number % 4 {
            0 => Outcome::failed("timeout"),
            _ => Outcome::success(),
        });
    }
    log.shutdown().wait().unwrap();
    let store = SqliteStore::new(fixture.path()).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    drop(maintenance);
    passes(&fixture);
    for sql in [
        "UPDATE bucket SET sketch = x'0101' WHERE scope = 0",
        "UPDATE bucket SET sketch = NULL WHERE scope = 1",
        "UPDATE hour SET count = count + 1",
        "UPDATE hour SET sketch = x'0101'",
        "UPDATE hour SET turns = turns + 1",
        "DELETE FROM hour",
        "UPDATE agent_stretch SET active = active + 1 WHERE scope_id <> 0",
        "UPDATE agent_stretch SET last_turn = last_turn + 1",
        "DELETE FROM agent_stretch",
        "DELETE FROM turning_agent",
        "UPDATE pace SET within_us = within_us + 1 WHERE scope_id <> 0",
        "UPDATE pace SET after = x''",
        "DELETE FROM pace",
        "UPDATE failure SET count = count + 1",
        "UPDATE failure SET error_type = 'another'",
        "UPDATE failure SET example = first",
        "UPDATE failure SET fingerprint = fingerprint + 1",
        "DELETE FROM failure",
        "INSERT INTO failure SELECT quarter, 77, name, error_type, 1, first, example FROM failure LIMIT 1",
    ] {
        change(&fixture, sql);
        fails(&fixture, "problem: the statistics of ");
        assert_eq!(fixture.run(&["rebuild"]).code, Some(0));
        passes(&fixture);
    }
}

#[test]
fn missing_parts_of_the_schema_are_reported_and_restored() {
    let check = |sql: &str, problem: &str| {
        let fixture = filled();
        change(&fixture, sql);
        fails(&fixture, problem);
        let ran = fixture.run(&["rebuild"]);
        assert!(ran.stdout.starts_with("restored: "), "{ran:?}");
        passes(&fixture);
    };
    check(
        "DROP INDEX event_actor",
        "problem: the index event_actor is missing",
    );
    check(
        "DROP VIEW activities",
        "problem: the view activities is missing",
    );
    check(
        "DROP TRIGGER chunk_added",
        "problem: the trigger chunk_added is missing",
    );
    check(
        "DROP VIEW activity_log; CREATE VIEW activity_log AS SELECT id FROM event",
        "problem: the view activity_log was altered",
    );
    check(
        "DROP VIEW activity_log; CREATE TABLE gone (id); CREATE VIEW activity_log AS SELECT id FROM gone; DROP TABLE gone",
        "problem: the view activity_log cannot be read: no such table",
    );
}

#[test]
fn a_damaged_search_index_is_found() {
    let fixture = filled();
    change(
        &fixture,
        "INSERT INTO activity_search (rowid, terms) VALUES (1, 'some words'); \
         UPDATE activity_search_data SET block = zeroblob(40) WHERE id > 10",
    );
    fails(&fixture, "problem: ");
}

#[test]
fn tables_of_other_programs_are_no_problem() {
    let fixture = filled();
    change(&fixture, "CREATE INDEX mine ON activity (name); VACUUM");
    let ran = passes(&fixture);
    let note = "note: added to the schema by another program: index mine on activity\n";
    assert!(ran.stdout.contains(note), "{}", ran.stdout);
}

#[test]
fn pruning_erasing_importing_and_rebuilding_are_accounted_for() {
    let check = |commands: &[&[&str]]| {
        let fixture = filled();
        let lines = fixture.run(&["export"]).stdout;
        std::fs::write(fixture.folder.path().join("lines"), lines).unwrap();
        for command in commands {
            let ran = fixture.run(command);
            assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
            passes(&fixture);
        }
    };
    let everything = "activities,events,previews,sums,recordings";
    check(&[&["prune", "--older-than", "now", "--what", everything]]);
    check(&[&["prune", "--larger-than", "1b", "--what", everything]]);
    check(&[&["erase", "--actor", "ann"], &["erase", "--actor", "Ann B"]]);
    check(&[&["import", "lines"], &["import", "lines"], &["rebuild"]]);
    check(&[
        &["event", "a", "b", "--dedup-key", "k"],
        &["event", "a", "b", "--dedup-key", "k"],
    ]);
}

#[test]
fn a_file_of_schema_1_is_not_called_complete() {
    let fixture = Fixture::new();
    let store = Connection::open(fixture.path()).unwrap();
    let schema = include_str!("../../../../src/store/sqlite/schema.sql");
    store.execute_batch(schema).unwrap();
    store
        .pragma_update(None, "application_id", 0x5477_4163)
        .unwrap();
    store.pragma_update(None, "user_version", 1).unwrap();
    drop(store);
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains('✓'), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("note: a file of schema 1 has no ledger"),
        "{}",
        ran.stdout
    );
    // The next log that writes begins one.
    assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
    passes(&fixture);
}
