//! Deliberate changes by other programs can be accepted into the ledger.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rusqlite::Connection;
use tower_activity::{Describe, Outcome};

use super::foreign::{change, fails, filled, passes};
use crate::fixture::Fixture;

#[test]
fn an_accepted_change_is_no_problem_any_more_and_stays_listed() {
    let check = |sql: &str, accepted: &str| {
        let fixture = filled();
        change(&fixture, sql);
        fails(&fixture, "problem: ");
        let ran = fixture.run(&["doctor", "--accept"]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(0), ""),
            "{sql}: {ran:?}"
        );
        let ran = passes(&fixture);
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with("note: accepted "));
        assert!(
            line.is_some_and(|line| line.contains(accepted)),
            "{sql}: {}",
            ran.stdout
        );
        // From now on the rows are compared with the new counts.
        assert_eq!(fixture.run(&["event", "note", "next"]).code, Some(0));
        passes(&fixture);
        change(
            &fixture,
            "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        );
        let ran = fails(&fixture, "problem: 1 of ");
        assert!(
            ran.stdout.contains("; none was missing at the check of "),
            "{}",
            ran.stdout
        );
    };
    check(
        "DELETE FROM activity WHERE seq % 2 = 0",
        "3 activity rows missing",
    );
    check("DELETE FROM activity", "7 activity rows missing");
    check("DELETE FROM recording", "1 recording rows missing");
    check("DELETE FROM chunk WHERE seq = 1", "1 chunk rows missing");
    check(
        "INSERT INTO event (id, at, type, status, count, instance) \
         SELECT randomblob(16), at, type, status, count, instance + number FROM event, \
         (SELECT 0 AS number UNION ALL SELECT 900) LIMIT 6",
        "6 event rows surplus",
    );
}

#[test]
fn a_change_is_accepted_while_a_log_writes() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for _ in 0..5_000 {
        log.start(Describe::tool("old").project("acme"))
            .end(Outcome::success());
    }
    log.flush().wait().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                log.start(Describe::tool("new").project("acme"))
                    .end(Outcome::success());
                log.event("note").record();
                thread::yield_now();
            }
        });
        let store = Connection::open(fixture.path()).unwrap();
        store
            .busy_timeout(std::time::Duration::from_secs(10))
            .unwrap();
        let deleted = store.execute("DELETE FROM activity WHERE seq % 5 = 0 AND seq <= 5000", ());
        assert_eq!(deleted.unwrap(), 1_000);
        drop(store);
        fails(&fixture, "problem: 1,000 of ");
        let ran = fixture.run(&["doctor", "--accept"]);
        done.store(true, Ordering::Relaxed);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.stdout.contains("1,000 activity rows missing"),
            "{}",
            ran.stdout
        );
    });
    log.shutdown().wait().unwrap();
    passes(&fixture);
}

#[test]
fn doctor_finds_every_row_beside_a_busy_log_commands_and_pruning() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let done = AtomicBool::new(false);
    let upto = |what: &dyn Fn()| {
        while !done.load(Ordering::Relaxed) {
            what();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            upto(&|| {
                log.start(Describe::tool("call").project("acme").actor("ann"))
                    .end(Outcome::failed("denied"));
                log.event("note").record();
                thread::yield_now();
            });
        });
        scope.spawn(|| {
            upto(&|| {
                let ran = fixture.run(&["event", "note", "from a script"]);
                assert_eq!(ran.code, Some(0), "{ran:?}");
                let what = "activities,events,sums";
                let ran = fixture.run(&["prune", "--larger-than", "100kB", "--what", what]);
                assert_eq!(ran.code, Some(0), "{ran:?}");
            });
        });
        for _ in 0..10 {
            let ran = fixture.run(&["doctor"]);
            if ran.code != Some(0) {
                done.store(true, Ordering::Relaxed);
                panic!("{ran:?}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    log.shutdown().wait().unwrap();
    passes(&fixture);
}
