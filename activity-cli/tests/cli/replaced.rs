//! Commands on a store whose file was just replaced.

use std::fs;

use rusqlite::Connection;
use tower_activity::{ActivityLog, Describe, Outcome};

use crate::{
    fixture::Fixture,
    support::{self, Rows},
};

#[test]
fn a_command_on_a_replaced_store_waits_until_the_writer_has_noticed() {
    let fixture = Fixture::new();
    let log = ActivityLog::open(fixture.path()).unwrap();
    commit(&log, "before");
    // Another client makes the copy.
    let copy = fixture.folder.path().join("copy.db");
    let connection = Connection::open(fixture.path()).unwrap();
    connection
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(connection);
    for _ in 0..40 {
        commit(&log, "newer");
    }
    fs::rename(&copy, fixture.path()).unwrap();
    // Before the writer checks its files again.
    let event = fixture.run(&["event", "restored", "a backup"]);
    assert_eq!(event.code, Some(0), "{}", event.stderr);
    commit(&log, "after");
    log.shutdown().wait().unwrap();
    let rows = Rows::open(&fixture.path());
    let names = rows.names();
    let newer = names.iter().filter(|name| **name == "newer");
    assert_eq!(newer.count(), 40, "{names:?}");
}

fn commit(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
    support::after_commit(|| log.flush().wait().ok());
}
