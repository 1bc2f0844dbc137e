//! Limits of recordings, and how missing events are reported.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tower_activity::{
    Activity, ActivityLog, Describe, Outcome,
    activity::ByResult,
    log::RecordingOptions,
    record::RecordingStatus,
    recording::{Chunk, Recording, Stream},
};

use crate::{
    attachments::{
        BufferingResource, ended, incompressible, log, log_with, recording_when, recordings, text,
    },
    support::{
        after_commit,
        faulty::{Fault, FaultyStore},
    },
};

/// The most bytes of a chunk.
const MAX_CHUNK: usize = 64 << 20;

#[tokio::test]
async fn a_timeout_is_reported() {
    let log = log_with(RecordingOptions::default().timeout(Duration::from_millis(10)));
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let resource = BufferingResource {
        gate: Some(Arc::default()),
        ..BufferingResource::new("rest")
    };
    call.attach(resource).await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::TimedOut);
}

#[tokio::test]
async fn a_recording_is_truncated_at_its_limit() {
    let log = log_with(RecordingOptions::default().max_bytes(1000));
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    for _ in 0..100 {
        frames.append(Chunk::new(incompressible(300)));
    }
    drop(frames);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Truncated);
    assert!(recording.bytes <= 1000 && recording.events >= 2);
    assert_eq!(recording.events + recording.lost, 100);
}

#[tokio::test]
async fn no_smaller_chunk_is_appended_after_one_that_did_not_fit() {
    let log = log_with(RecordingOptions::default().max_bytes(1000));
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    frames.append(Chunk::new("before"));
    frames.append(Chunk::new(incompressible(5000)));
    frames.append(Chunk::new("after"));
    drop(frames);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Truncated);
    assert_eq!((recording.events, recording.lost), (1, 2));
    assert_eq!(text(&log, &recording, ""), "before");
}

#[tokio::test]
async fn recordings_stay_within_their_share_of_the_memory_and_displace_no_call() {
    let store = FaultyStore::new(Fault::Fail);
    let builder = ActivityLog::builder().memory_limit(1 << 20);
    let log = builder.open_store(store.clone()).unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    for _ in 0..100 {
        frames.append(Chunk::new(incompressible(10_000)));
    }
    let accounting = log.accounting();
    assert!(accounting.recordings.rejected_memory > 70, "{accounting:?}");
    assert_eq!(log.start(Describe::job("next")).id().map(drop), Some(()));
    drop(frames);
    call.end(Outcome::success());
    store.mend();
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Lost);
    assert_eq!(recording.events + recording.lost, 100);
    assert_eq!(recording.lost, accounting.recordings.rejected_memory);
    let accounting = log.accounting();
    assert!(
        accounting.adds_up() && accounting.recordings.waiting == 0,
        "{accounting:?}"
    );
    // The memory was released.
    let call = log.start(Describe::job("again"));
    let id = call.id();
    call.attach(Stream::new("frames"))
        .await
        .append(Chunk::new(incompressible(200_000)));
    call.end(Outcome::success());
    assert_eq!(
        recording_when(&log, id, ended).await.status,
        RecordingStatus::Complete
    );
}

#[tokio::test]
async fn a_retried_batch_adds_nothing() {
    let store = FaultyStore::new(Fault::Late);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    frames.append(Chunk::new("one "));
    frames.append(Chunk::new("two "));
    assert!(
        log.flush()
            .timeout(Duration::from_millis(100))
            .wait()
            .is_err()
    );
    drop(frames);
    call.end(Outcome::success());
    store.mend();
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(text(&log, &recording, ""), "one two ");
    assert_eq!((recording.events, recording.lost), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_never_mix_their_recordings() {
    let log = log();
    let attached = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let call = log.start(Describe::job("shop"));
            let id = call.id();
            let attached = attached.clone();
            let task = tokio::spawn(call.observe_with(
                async move {
                    let frames: Recording = Activity::current().attach(Stream::new("frames")).await;
                    attached.fetch_add(1, SeqCst);
                    // All of them run concurrently.
                    while attached.load(SeqCst) < 20 {
                        tokio::task::yield_now().await;
                    }
                    for _ in 0..50 {
                        frames.append(Chunk::new(format!("{n};")));
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, ()>(())
                },
                ByResult::default(),
            ));
            (n, id, task)
        })
        .collect();
    for (n, id, task) in calls {
        task.await.unwrap().unwrap();
        let recording = recording_when(&log, id, ended).await;
        assert_eq!(text(&log, &recording, ""), format!("{n};").repeat(50));
    }
}

#[test]
fn a_recording_whose_runtime_or_log_ends_is_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    };
    let first_runtime = runtime();
    let (call, other) = (log.start(Describe::job("a")), log.start(Describe::job("b")));
    let ids = (call.id(), other.id());
    let kept = first_runtime.block_on(call.attach(Stream::new("frames")));
    kept.append(Chunk::new("one"));
    drop(first_runtime);
    call.end(Outcome::success());
    let first = after_commit(|| {
        recordings(&log, ids.0)
            .pop()
            .filter(|one| one.status != RecordingStatus::Recording)
    });
    assert_eq!(first.status, RecordingStatus::Abandoned);

    let runtime = runtime();
    let kept = runtime.block_on(other.attach(Stream::new("frames")));
    assert!(kept.outcome().is_ok());
    kept.append(Chunk::new("one"));
    log.shutdown().wait().unwrap();
    let mut reader = tower_activity::query::ActivityReader::open(&path).unwrap();
    let second = reader.recordings_of(ids.1.unwrap()).unwrap().pop().unwrap();
    assert_eq!(second.status, RecordingStatus::Abandoned);
}

#[tokio::test]
async fn a_chunk_rejected_by_the_store_is_lost_alone() {
    let store = FaultyStore::new(Fault::Fail);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    frames.append(Chunk::new("one "));
    frames.append(Chunk::new("no").track("poison").events(3));
    frames.append(Chunk::new("two "));
    drop(frames);
    call.end(Outcome::success());
    store.set(Fault::Refuse("poison"));
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.tracks, [""]);
    assert_eq!(recording.status, RecordingStatus::Lost);
    assert_eq!((recording.events, recording.lost), (2, 3));
    assert_eq!(text(&log, &recording, ""), "one two ");
    let accounting = log.accounting();
    assert_eq!(
        (
            accounting.activities.lost_refused,
            accounting.activities.committed
        ),
        (0, 1)
    );
    assert_eq!(accounting.recordings.lost_refused, 1, "{accounting:?}");
    assert!(accounting.adds_up(), "{accounting:?}");
}

#[tokio::test]
async fn a_chunk_that_decodes_to_more_than_a_chunk_may_have_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    frames.append(Chunk::new("first"));
    frames.append(Chunk::new(vec![0; MAX_CHUNK]));
    frames.append(Chunk::new(vec![0; MAX_CHUNK + 1]).events(7));
    drop(frames);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!((recording.events, recording.lost), (2, 7));

    // Another program writes a frame of some kilobytes that decodes to twice as much.
    let frame = zstd::encode_all(std::io::repeat(0).take(2 * MAX_CHUNK as u64), 3).unwrap();
    assert!(frame.len() < 100_000);
    let store = rusqlite::Connection::open(&path).unwrap();
    let change = "UPDATE chunk SET body = ?1 WHERE rowid = (SELECT min(rowid) FROM chunk)";
    assert_eq!(store.execute(change, [frame]).unwrap(), 1);

    let mut out = Vec::new();
    let damaged = log
        .reader()
        .unwrap()
        .export(recording.id, "", &mut out)
        .unwrap();
    assert_eq!((damaged, out.len()), (1, MAX_CHUNK));
}
