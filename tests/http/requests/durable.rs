//! `Mode::Durable`: the last byte of a response waits for the commit.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use http_body::Frame;
use tower::ServiceExt;
use tower_activity::{ActivityLayer, ActivityLog, Mode};

use crate::{
    requests::app::routes,
    support::{
        block_on,
        faulty::{Fault, FaultyStore},
    },
};

/// Sends a request to an application whose store hangs.
fn send(
    path: &str,
) -> (
    ActivityLog,
    Arc<FaultyStore>,
    impl Future<Output = Result<Response, Infallible>>,
) {
    let store = FaultyStore::new(Fault::Hang);
    let log = ActivityLog::builder()
        .mode(Mode::Durable)
        .durable_timeout(Duration::from_secs(60))
        .drop_timeout(Duration::ZERO)
        .open_store(store.clone())
        .unwrap();
    let app = routes().layer(ActivityLayer::http(&log));
    let request = Request::get(path).body(Body::empty()).unwrap();
    (log, store, app.oneshot(request))
}

/// Returns the frames sent while the store hangs, and those sent once it works.
fn frames_around_the_commit(path: &str) -> (Vec<String>, Vec<String>) {
    let (log, store, answer) = send(path);
    let mut body = Box::pin(block_on(answer).unwrap().into_body());

    let mut before = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(frame) = body.as_mut().poll_frame(&mut cx) {
        before.push(shown(frame.unwrap().unwrap()));
    }
    assert!(
        !body.is_end_stream(),
        "{path}: the held frame is not the end"
    );
    assert_eq!(log.accounting().activities.committed, 0);

    store.mend();
    let mut after = Vec::new();
    while let Some(frame) = block_on(poll_fn(|cx| body.as_mut().poll_frame(cx))) {
        after.push(shown(frame.unwrap()));
        assert_eq!(log.accounting().activities.committed, 1);
    }
    assert!(body.is_end_stream());
    assert_eq!(log.accounting().not_durable, 0);
    (before, after)
}

fn shown(frame: Frame<bytes::Bytes>) -> String {
    match frame.into_data() {
        Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
        Err(_) => "trailers".into(),
    }
}

#[test]
fn the_last_byte_waits_for_the_commit() {
    let check = |path: &str, before: &[&str], after: &[&str]| {
        let (seen_before, seen_after) = frames_around_the_commit(path);
        assert_eq!(seen_before, before, "{path}");
        assert_eq!(seen_after, after, "{path}");
    };
    check("/users/7", &[], &["ann"]);
    check("/stream", &["one ", "two ", "three"], &[]);
    check("/trailers", &["sum"], &["trailers"]);
}

#[test]
fn the_last_byte_of_a_content_length_waits_for_the_commit() {
    let (log, store, answer) = send("/exact");
    let mut body = Box::pin(block_on(answer).unwrap().into_body());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    assert!(body.as_mut().poll_frame(&mut cx).is_pending());
    assert_eq!(body.size_hint().exact(), Some(4));
    store.mend();
    let frame = block_on(poll_fn(|cx| body.as_mut().poll_frame(cx)));
    assert_eq!(shown(frame.unwrap().unwrap()), "two ");
    assert_eq!(log.accounting().activities.committed, 1);
}

#[test]
fn a_response_without_a_body_waits_with_its_head() {
    let (log, store, answer) = send("/empty");
    let mut answer = Box::pin(answer);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut cx).is_pending());
    store.mend();
    assert_eq!(block_on(answer).unwrap().status(), 204);
    assert_eq!(log.accounting().activities.committed, 1);
}
