//! Retention of recordings: they are deleted, and their activities stay.

use std::{path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::ActivityId,
    recording::{Chunk, Stream},
    store::Limit,
    testing::ManualClock,
};

use crate::{attachments::incompressible, support::after_commit};

/// Writes three recordings of 200 chunks, 20 kB each.
async fn write_recordings(path: &Path) -> Vec<ActivityId> {
    let log = ActivityLog::open(path).unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let call = log.start(Describe::job("shop"));
        ids.push(call.id().unwrap());
        let frames = call.attach(Stream::new("frames")).await;
        for _ in 0..200 {
            frames.append(Chunk::new(incompressible(100)));
        }
        drop(frames);
        call.end(Outcome::success());
        let enough = || log.reader().unwrap().recordings_of(ids[ids.len() - 1]);
        crate::attachments::wait_until(|| {
            log.flush().wait().unwrap();
            enough().unwrap().iter().any(|one| one.ended_at.is_some())
        })
        .await;
    }
    log.shutdown().await.unwrap();
    ids
}

/// Returns the size of the chunks according to the store's counter, and their actual size.
fn bytes(path: &Path) -> (i64, i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sums = "SELECT (SELECT value FROM mark WHERE name = 'recording_bytes'), \
                (SELECT coalesce(sum(length(body)), 0) FROM chunk)";
    let sums = connection.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?)));
    sums.unwrap()
}

/// Returns which of the activities have a recording.
fn has_recording(path: &Path, ids: &[ActivityId]) -> Vec<bool> {
    let mut reader = ActivityReader::open(path).unwrap();
    let has = |id: &ActivityId| reader.activity(*id).unwrap().unwrap().has_recording;
    ids.iter().map(has).collect()
}

/// Triggers retention, which runs from time to time after a commit.
fn trigger_retention(log: &ActivityLog, clock: &ManualClock) {
    for _ in 0..2 {
        log.event("tick").record();
        log.flush().wait().unwrap();
        clock.advance(Duration::from_secs(600));
    }
    log.event("tick").record();
    log.flush().wait().unwrap();
}

#[tokio::test]
async fn recordings_above_the_limits_are_deleted_and_the_activities_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let ids = write_recordings(&path).await;
    assert_eq!(has_recording(&path, &ids), [true, true, true]);
    let (said, sum) = bytes(&path);
    assert!(said == sum && sum > 60_000, "{said} {sum}");

    let clock = ManualClock::new();
    clock.set_wall(Utc::now());
    let builder = ActivityLog::builder().clock(clock.clone());
    let log = builder
        .keep_recordings(Limit::bytes(30_000))
        .open(&path)
        .unwrap();
    trigger_retention(&log, &clock);
    after_commit(|| (has_recording(&path, &ids) == [false, false, true]).then_some(()));
    // Its links are deleted first.
    let (said, sum) = after_commit(|| Some(bytes(&path)).filter(|(_, sum)| *sum <= 30_000));
    assert_eq!(said, sum);
    log.shutdown().await.unwrap();

    let builder = ActivityLog::builder().clock(clock.clone());
    let log = builder.keep_recordings(Duration::ZERO).open(&path).unwrap();
    trigger_retention(&log, &clock);
    after_commit(|| (has_recording(&path, &ids) == [false, false, false]).then_some(()));
    // No chunk is left.
    let chunks = |path: &Path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        let count = "SELECT (SELECT count(*) FROM chunk) + (SELECT count(*) FROM recording)";
        connection
            .query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    after_commit(|| (chunks(&path) == 0).then_some(()));
    log.shutdown().await.unwrap();
    assert_eq!(bytes(&path), (0, 0));
}

#[tokio::test]
async fn a_log_without_limits_deletes_nothing_that_another_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let clock = ManualClock::new();
    clock.set_wall(Utc::now() - TimeDelta::days(40));
    let builder = ActivityLog::builder().clock(clock.clone());
    let log = builder
        .keep_recordings(Limit::days(365))
        .open(&path)
        .unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id().unwrap();
    let frames = call.attach(Stream::new("frames")).await;
    frames.append(Chunk::new(incompressible(100)));
    drop(frames);
    call.end(Outcome::success());
    crate::attachments::wait_until(|| {
        log.flush().wait().unwrap();
        log.reader()
            .unwrap()
            .recordings_of(id)
            .unwrap()
            .iter()
            .any(|one| one.ended_at.is_some())
    })
    .await;
    log.shutdown().await.unwrap();
    // A process that exits at once, like `activity event`, and one that stays.
    clock.advance(Duration::from_secs(40 * 24 * 3600));
    let other = ActivityLog::builder()
        .clock(clock.clone())
        .open(&path)
        .unwrap();
    trigger_retention(&other, &clock);
    other.shutdown().await.unwrap();
    assert_eq!(has_recording(&path, &[id]), [true]);
}
