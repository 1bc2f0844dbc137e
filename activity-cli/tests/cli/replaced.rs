//! Commands on a store whose file was just replaced.

use std::fs;

use rusqlite::Connection;
use tower_activity::{ActivityLog, Describe, Outcome};

use crate::{
    place::Place,
    support::{self, Rows},
};

#[test]
fn a_command_on_a_replaced_store_waits_until_the_writer_has_noticed() {
    let place = Place::new();
    let log = ActivityLog::open(place.path()).unwrap();
    commit(&log, "before");
    // Another client makes the copy.
    let copy = place.folder.path().join("copy.db");
    let connection = Connection::open(place.path()).unwrap();
    connection
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(connection);
    for _ in 0..40 {
        commit(&log, "newer");
    }
    fs::rename(&copy, place.path()).unwrap();
    // Before the writer checks its files again.
    let event = place.run(&["event", "restored", "a backup"]);
    assert_eq!(event.code, Some(0), "{}", event.stderr);
    commit(&log, "after");
    log.shutdown().wait().unwrap();
    let rows = Rows::open(&place.path());
    let names = rows.names();
    let newer = names.iter().filter(|name| **name == "newer");
    assert_eq!(newer.count(), 40, "{names:?}");
}

fn commit(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
    support::after_commit(|| log.flush().wait().ok());
}
