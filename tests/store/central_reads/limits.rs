//! Reads end at their deadline or when they are cancelled, and may be called on the threads of a runtime.

use std::{
    thread,
    time::{Duration, Instant},
};

use tower_activity::{
    Result,
    record::{ActivityRecord, Filter},
    store::{Cancellation, List, Reader, Source, Store, postgres::PostgresStore},
};

use super::{Log, activity};
use crate::support::postgres;

/// A reader of one activity whose table another session has locked.
fn locked() -> (Box<dyn Reader>, postgres::Session) {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(
        vec![activity("2026-03-01T12:00:00Z".parse().unwrap(), 1)],
        Vec::new(),
    );
    let reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    let mut session = postgres::session(&url);
    session.send("BEGIN; LOCK TABLE tower_activity.activity IN ACCESS EXCLUSIVE MODE;");
    (reader, session)
}

fn list(reader: &mut dyn Reader) -> Result<List<ActivityRecord>> {
    Source::<ActivityRecord>::list(reader, &Filter::default(), None, 10)
}

#[test]
fn a_read_ends_at_its_deadline() {
    let (mut reader, mut session) = locked();
    let started = Instant::now();
    reader.options().deadline = Some(started + Duration::from_millis(200));
    let error = list(&mut *reader).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    // The connection is as good as new.
    session.send("ROLLBACK;");
    reader.options().deadline = None;
    assert_eq!(list(&mut *reader).unwrap().records.len(), 1);
}

#[test]
fn a_read_ends_when_it_is_cancelled() {
    let (mut reader, mut session) = locked();
    let cancellation = Cancellation::new();
    reader.options().cancelled = Some(cancellation.clone());
    let error = thread::scope(|scope| {
        let read = scope.spawn(|| list(&mut *reader).unwrap_err());
        cancellation.cancel();
        read.join().unwrap()
    });
    assert!(error.is_timeout(), "{error}");
    session.send("ROLLBACK;");
    reader.options().cancelled = None;
    assert_eq!(list(&mut *reader).unwrap().records.len(), 1);
}

#[tokio::main(flavor = "current_thread")]
async fn read_in_a_runtime(url: &str) {
    let mut reader = PostgresStore::new(url).unwrap().reader().unwrap();
    reader.options().deadline = Some(Instant::now() + Duration::from_secs(60));
    // More often than a task may go on before it has to let others run.
    for _ in 0..300 {
        assert_eq!(list(&mut *reader).unwrap().records.len(), 1);
    }
}

#[test]
fn a_store_is_read_inside_of_a_runtime() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(
        vec![activity("2026-03-01T12:00:00Z".parse().unwrap(), 1)],
        Vec::new(),
    );
    read_in_a_runtime(&url);
}

#[test]
fn a_reader_reconnects_when_the_server_has_ended_its_session() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(
        vec![activity("2026-03-01T12:00:00Z".parse().unwrap(), 1)],
        Vec::new(),
    );
    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    assert_eq!(list(&mut *reader).unwrap().records.len(), 1);
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    postgres::query(&url, end);
    assert_eq!(list(&mut *reader).unwrap().records.len(), 1);
}
