//! Writes a log with values in every table and column, from which a golden file is made.
//!
//! Five instances write it in turn: one that stops, one that is killed with open work, an import, one that continues, and
//! a last one that is killed and not yet reaped.

mod calls;
mod import;
mod recordings;
mod victim;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    forward::Forwarder,
    record::Capture,
    store::{AccessToken, Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use self::{
    calls::{calls, deep, events, tree, turns},
    import::import,
    recordings::recordings,
    victim::kill_one,
};

pub use self::victim::record_as_victim;
use crate::support::poll_until;

/// The actor whose content is erased.
pub const ERASED: &str = "erased@example.com";
/// A word that occurs only in erased content.
pub const ERASED_WORD: &str = "quuxington";

/// The starts of the instances.
const DAYS: [&str; 4] = [
    "2026-02-10T21:50:00Z",
    "2026-02-11T23:30:00Z",
    "2026-02-12T05:15:00Z",
    "2026-02-13T11:40:00Z",
];
/// Imported activities that started before this are pruned.
const PRUNED: &str = "2025-12-05T00:00:00Z";
/// Sums from before this are pruned.
const SUMS_PRUNED: &str = "2025-12-06T00:00:00Z";

/// A clock shortly after the newest record of golden files, by which nothing is old enough to be pruned.
pub fn clock_afterwards() -> ManualClock {
    clock_at("2026-02-14T09:00:00Z")
}

/// Writes the log. `test` is the test that records in the killed processes.
pub fn make(path: &Path, test: &str) {
    first(path);
    kill_one(path, test, 1);
    import(path);
    second(path);
    maintain(path);
    forward(path);
    kill_one(path, test, 3);
    settle(path);
}

pub fn clock_at(time: &str) -> ManualClock {
    let clock = ManualClock::new();
    clock.set_wall(time.parse().unwrap());
    clock
}

/// Opens a log that does not prune, however slowly the test runs.
pub fn open(path: &Path, clock: &ManualClock) -> ActivityLog {
    let builder = ActivityLog::builder().clock(clock.clone());
    let years = Limit::days(20 * 365);
    let builder = builder
        .keep_activities(years)
        .keep_events(years.or_bytes(1 << 30))
        .keep_previews(Limit::FOREVER)
        .keep_sums(years)
        .keep_recordings(years);
    builder.open(path).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// The instance that shuts down cleanly.
fn first(path: &Path) {
    let clock = clock_at(DAYS[0]);
    let log = open(path, &clock);
    calls(&log, &clock, 0..110);
    turns(&log, &clock);
    tree(&log, &clock);
    deep(&log, &clock);
    events(&log, &clock);
    runtime().block_on(recordings(&log, &clock));
    log.shutdown().wait().unwrap();
}

/// The instance that continues after the killed one, and marks its open work as abandoned.
fn second(path: &Path) {
    let clock = clock_at(DAYS[2]);
    let log = open(path, &clock);
    calls(&log, &clock, 110..180);
    turns(&log, &clock);
    let call = log.start(
        Describe::tool("login")
            .actor(ERASED)
            .session("erased session")
            .request("erased request")
            .project("acme"),
    );
    call.set_input(&ERASED_WORD, Capture::Full);
    call.set("note", ERASED_WORD);
    let event = call.event("deployment").actor(ERASED);
    event.summary(ERASED_WORD).reference(ERASED_WORD).record();
    clock.advance(Duration::from_millis(20));
    call.end(Outcome::failed("denied").with_message(ERASED_WORD));
    log.shutdown().wait().unwrap();
}

/// Indexes, prunes, erases, makes a token, and accepts the changes of another program.
fn maintain(path: &Path) {
    let store = SqliteStore::new(path).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let mut token = AccessToken::new(
        "grafana",
        [0xa5; 32],
        "project:=acme",
        DAYS[2].parse().unwrap(),
    );
    token.expires_at = DAYS[3].parse().ok();
    assert!(maintenance.create_token(&token).unwrap());
    let erased = maintenance.erase(ERASED, &mut |_| {}).unwrap();
    assert_eq!((erased.activities, erased.events), (1, 1));
    let at = |time: &str| time.parse::<DateTime<Utc>>().unwrap();
    let before = |time: &str| Some(Limit::age((at(DAYS[3]) - at(time)).to_std().unwrap()));
    let mut keep = Retention::default();
    keep.activities = before(PRUNED);
    keep.events = before(PRUNED);
    keep.sums = before(SUMS_PRUNED);
    let what = Prune::ByDate(keep, at(DAYS[3]));
    let mut pruned = PruneCounts::default();
    loop {
        let step = maintenance.prune(what).unwrap();
        if step == PruneCounts::default() {
            break;
        }
        pruned.add(step);
    }
    assert!(pruned.activities > 0 && pruned.events > 0 && pruned.sums > 0);
    // Another program deletes an event, which is accepted.
    let foreign = Connection::open(path).unwrap();
    let delete = "DELETE FROM event WHERE seq = (SELECT max(seq) - 3 FROM event)";
    assert_eq!(foreign.execute(delete, ()).unwrap(), 1);
    foreign.close().unwrap();
    maintenance.accept(&mut |_| {}).unwrap();
}

/// Leaves a target that cannot be reached.
fn forward(path: &Path) {
    let target = "postgres://127.0.0.1:9/ops";
    let forwarder = Forwarder::open(path, target).unwrap();
    let forwarder = forwarder.keep_forwarded(Duration::from_secs(3_600));
    let forwarding = forwarder.follow().unwrap();
    let store = SqliteStore::new(path).unwrap();
    poll_until(|| {
        let health = store.reader().unwrap().health().unwrap();
        health.targets.first()?.error.clone()
    });
    let waiting = forwarding.finish(Instant::now() + Duration::from_secs(10));
    assert!(waiting.unwrap() > 0);
    // As if it had been reached before.
    let batches = "UPDATE target SET batch = CAST('the first batch.' AS BLOB), to_batch = CAST('the next batch..' AS BLOB)";
    let file = Connection::open(path).unwrap();
    file.execute(batches, ()).unwrap();
}

/// Removes the host name from the file and checkpoints it, so that no side files are left.
fn settle(path: &Path) {
    let store = Connection::open(path).unwrap();
    store
        .execute_batch(
            "PRAGMA secure_delete = ON;
             UPDATE instance SET pid = 4200 + id;
             UPDATE instance SET host = CASE id % 2 WHEN 0 THEN 'büro-東京' ELSE 'build-7' END WHERE host <> '(import)';
             -- What `activity doctor --accept` leaves when it is killed before its first step.
             INSERT INTO ledger_uncounted (kind, instance, rows)
             SELECT 1, id, events_added - events_removed FROM instance WHERE events_added <> events_removed;
             UPDATE ledger_check SET counted = 0, accept = 1 WHERE kind = 1;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    store.close().unwrap();
}
