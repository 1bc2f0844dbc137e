//! Attaching recordings to activities, and ending them.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tower_activity::{
    Activity, ActivityLog, Describe, Error, ErrorKind, InActivity, Outcome, Result, Status,
    activity::ByResult,
    log::{FlushMode, RecordingOptions},
    record::{Filter, RecordingStatus, Text},
    recording::{Chunk, Resource, Sink, Stream},
};

use crate::attachments::{
    BufferingResource, ended, linked, log, log_with, recording_when, recordings, text, wait_until,
};

#[tokio::test]
async fn appended_chunks_are_read_back_with_their_activity() {
    let log = log();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(Stream::new("frames")).await;
    assert_eq!(frames.outcome().ok(), Some(RecordingStatus::Recording));
    frames.append(Chunk::new("a1 ").track("a").events(2));
    frames.append(Chunk::new("b1 ").track("b"));
    frames.append(Chunk::new("a2 ").track("a").events(3));
    let before = recordings(&log, id);
    assert_eq!(before[0].status, RecordingStatus::Recording);
    assert_eq!(before[0].links[0].until, None);

    drop(frames);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Complete);
    assert_eq!((recording.events, recording.lost), (6, 0));
    assert_eq!(recording.format, "frames");
    assert_eq!(recording.tracks, ["a", "b"]);
    assert!(recording.bytes > 0 && recording.ended_at.unwrap() >= recording.started_at);
    assert_eq!(text(&log, &recording, "a"), "a1 a2 ");
    assert_eq!(text(&log, &recording, "b"), "b1 ");

    let mut reader = log.reader().unwrap();
    let found = |filter: &str| Filter::parse(filter, chrono::Utc::now()).unwrap();
    let with = reader.page(&found("has:recording"), None, 10).unwrap();
    assert_eq!(with.records[0].id, id.unwrap());
    assert!(with.records[0].has_recording);
    let without = reader.page(&found("-has:recording"), None, 10).unwrap();
    assert!(without.records.is_empty());
    let link = recording.links[0];
    assert_eq!(link.until, with.records[0].ended_at);
    let digits = &recording.id.to_string()[..23];
    assert_eq!(reader.find_recording(digits).unwrap(), recording.id);
}

#[tokio::test]
async fn buffered_events_are_flushed_on_every_way_a_call_ends() {
    let log = log();
    let mut ids = Vec::new();

    let call = log.start(Describe::job("returned"));
    ids.push(call.id());
    let attached = async {
        Activity::current()
            .attach(BufferingResource::new("rest"))
            .await
    };
    drop(
        call.observe_with(async { Ok::<_, ()>(attached.await) }, ByResult::default())
            .await,
    );

    let call = log.start(Describe::job("panicked"));
    ids.push(call.id());
    let panics = call.observe_with(
        async {
            let attached = Activity::current()
                .attach(BufferingResource::new("rest"))
                .await;
            assert!(attached.outcome().is_err(), "the call panics");
            Ok::<_, ()>(())
        },
        ByResult::default(),
    );
    assert!(tokio::spawn(panics).await.unwrap_err().is_panic());

    let call = log.start(Describe::job("cancelled"));
    ids.push(call.id());
    let (attached, is_attached) = oneshot::channel();
    let hangs = tokio::spawn(call.observe_with(
        async {
            Activity::current()
                .attach(BufferingResource::new("rest"))
                .await;
            attached.send(()).unwrap();
            pending::<Result<(), ()>>().await
        },
        ByResult::default(),
    ));
    is_attached.await.unwrap();
    hangs.abort();

    for (id, status) in ids
        .into_iter()
        .zip([Status::Success, Status::Failed, Status::Cancelled])
    {
        let recording = recording_when(&log, id, ended).await;
        assert_eq!(recording.status, RecordingStatus::Complete);
        assert_eq!(text(&log, &recording, ""), "begin rest");
        let activity = log
            .reader()
            .unwrap()
            .activity(id.unwrap())
            .unwrap()
            .unwrap();
        assert_eq!(activity.status, status);
        assert_eq!(recording.links[0].until, activity.ended_at);
    }
}

#[tokio::test]
async fn a_session_across_calls_is_linked_to_each_with_its_range() {
    let log = log();
    let login = log.start(Describe::job("login"));
    let (stopped, is_stopped) = oneshot::channel();
    let resource = BufferingResource {
        stopped: Some(stopped),
        ..BufferingResource::new(".")
    };
    let session = login.attach(resource).await;
    let first = login.id();
    login.end(Outcome::success());
    let recording = recording_when(&log, first, linked).await;
    assert_eq!(recording.status, RecordingStatus::Recording);

    let search = log.start(Describe::job("search"));
    let second = search.id();
    session.link(&search);
    session.append(Chunk::new("search "));
    drop(session);
    search.end(Outcome::success());
    is_stopped.await.unwrap();
    let recording = recording_when(&log, second, ended).await;
    assert_eq!(text(&log, &recording, ""), "begin .search .");
    let links: Vec<_> = recording.links.iter().map(|link| link.activity).collect();
    assert_eq!(links, [first.unwrap(), second.unwrap()]);
    assert!(recording.links[0].until.unwrap() <= recording.links[1].from);
    assert_eq!(recordings(&log, first), [recording]);
}

#[tokio::test]
async fn a_session_is_not_linked_to_an_ended_activity_or_another_log() {
    let other_log = log();
    let log = log();
    let call = log.start(Describe::job("login"));
    let id = call.id();
    let session = call.attach(Stream::new("frames")).await;
    session.append(Chunk::new("login"));
    let earlier = log.start(Describe::job("earlier"));
    let gone = Activity::clone(&earlier);
    earlier.end(Outcome::success());
    let foreign = other_log.start(Describe::job("foreign"));
    session.link(&gone);
    session.link(&foreign);
    drop(session);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let links: Vec<_> = recording.links.iter().map(|link| link.activity).collect();
    assert_eq!(links, [id.unwrap()]);
}

#[tokio::test]
async fn the_call_continues_if_nothing_can_be_recorded() {
    struct Nothing;
    impl Resource for Nothing {
        fn format(&self) -> Text {
            "rrweb".into()
        }
        async fn start(&mut self, _sink: Sink) -> Result<()> {
            Err(Error::new(ErrorKind::NotFound, "there is no browser"))
        }
    }
    struct Panics;
    impl Resource for Panics {
        fn format(&self) -> Text {
            "rrweb".into()
        }
        async fn start(&mut self, sink: Sink) -> Result<()> {
            sink.append(Chunk::new("one"));
            panic!("call")
        }
    }
    let log = log();
    let outside = Activity::current().attach(Stream::new("frames")).await;
    outside.append(Chunk::new("nowhere"));
    assert!(outside.outcome().is_err() && outside.id().is_none());

    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let none = call.attach(Nothing).await;
    assert_eq!(
        none.outcome().unwrap_err().to_string(),
        "there is no browser"
    );
    let silent = call.attach(Stream::new("frames")).await;
    let panicked = call.attach(Panics).await;
    assert_eq!(panicked.outcome().unwrap_err().kind(), ErrorKind::Panicked);
    let handle = Activity::clone(&call);
    call.end(Outcome::success());
    drop(silent);
    let late = handle.attach(Stream::new("frames")).await;
    late.append(Chunk::new("too late"));
    assert!(late.outcome().is_err());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Crashed);
    assert!(
        ActivityLog::disabled()
            .start(Describe::job("x"))
            .attach(Stream::new("x"))
            .await
            .id()
            .is_none()
    );
    assert!(log.accounting().adds_up());
}

#[tokio::test]
async fn a_response_waits_for_the_flush_only_if_so_configured() {
    for flush_mode in [FlushMode::Background, FlushMode::BeforeResponse] {
        let log = log_with(RecordingOptions::default().flush_mode(flush_mode));
        let gate = Arc::new(Notify::new());
        let call = log.start(Describe::job("shop"));
        let id = call.id();
        let resource = BufferingResource {
            gate: Some(gate.clone()),
            ..BufferingResource::new("rest")
        };
        call.attach(resource).await;
        let mut answer = std::pin::pin!(async { 7 }.in_activity(&call));
        assert_eq!(answer.as_mut().await, 7);
        let answer = call.observe_with(async { Ok::<_, ()>(8) }, ByResult::default());
        let mut answer = tokio::spawn(answer);
        if flush_mode == FlushMode::BeforeResponse {
            // The activity has ended, and the response waits.
            wait_until(|| log.accounting().activities.ended() == 1).await;
            assert!(!answer.is_finished());
            assert_eq!(recordings(&log, id)[0].links[0].until, None);
            gate.notify_one();
        }
        assert_eq!((&mut answer).await.unwrap(), Ok(8));
        if flush_mode == FlushMode::Background {
            assert_eq!(recordings(&log, id)[0].links[0].until, None);
            gate.notify_one();
        }
        let recording = recording_when(&log, id, linked).await;
        assert_eq!(text(&log, &recording, ""), "begin rest");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_hangs_delays_the_calls_that_share_it_once() {
    let limit = Duration::from_secs(2);
    let recordings = RecordingOptions::default()
        .flush_mode(FlushMode::BeforeResponse)
        .timeout(limit);
    let log = log_with(recordings);
    let calls: Vec<_> = (0..20).map(|_| log.start(Describe::job("shop"))).collect();
    let id = calls[0].id();
    let gate = Arc::new(Notify::new());
    let session = calls[0].attach(BufferingResource {
        gate: Some(gate.clone()),
        ..BufferingResource::new("rest ")
    });
    let session = session.await;
    calls[1..].iter().for_each(|call| session.link(call));
    // The first half concurrently, the others in sequence.
    let start = Instant::now();
    let mut answers = calls
        .into_iter()
        .map(|call| call.observe_with(async { Ok::<_, ()>(()) }, ByResult::default()));
    let at_once: Vec<_> = answers.by_ref().take(10).map(tokio::spawn).collect();
    for answer in at_once {
        answer.await.unwrap().unwrap();
    }
    for answer in answers {
        answer.await.unwrap();
    }
    // Paused time advances only by timeouts.
    assert!(start.elapsed() < 2 * limit, "{:?}", start.elapsed());
    // After the late flush has finished, requests are served again.
    gate.notify_one();
    let flush = session.flush();
    gate.notify_one();
    flush.await;
    session.stop().await;
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::TimedOut);
    assert_eq!(recording.links.len(), 20);
}

#[tokio::test]
async fn a_stopped_recording_ends_for_all_handles() {
    let log = log();
    let call = log.start(Describe::job("shop"));
    let id = call.id();
    let frames = call.attach(BufferingResource::new("rest")).await;
    let other = frames.clone();
    frames.stop().await;
    assert_eq!(other.outcome().ok(), Some(RecordingStatus::Complete));
    // No task is left to wait for.
    other.append(Chunk::new("too late"));
    other.flush().await;
    other.stop().await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Complete);
    assert_eq!(text(&log, &recording, ""), "begin ");
}
