//! Any `traceparent` and `tracestate` is a context or none. A context is the same after it was written and parsed again, and
//! a request with such headers is answered and recorded. (`baggage` is not read.)
#![no_main]

use std::{
    cell::RefCell,
    convert::Infallible,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{HeaderValue, Request, Response};
use libfuzzer_sys::fuzz_target;
use tower::{Layer, Service, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, record::TraceContext};
use tower_activity_fuzz::linear;

/// The requests that one log records, so that its memory is bounded.
const MOST: u32 = 20_000;

thread_local!(static LOG: RefCell<Option<(ActivityLog, u32)>> = const { RefCell::new(None) });

fn check(parent: &str, state: Option<&str>) {
    let Some(context) = TraceContext::parse(parent, state) else {
        return;
    };
    let written = context.to_string();
    assert!(parent.len() >= written.len(), "{parent:?} is too short");
    let again = TraceContext::parse(&written, context.state());
    assert_eq!(again, Some(context), "written as {written:?}");
}

fn request(parent: &[u8], state: Option<&[u8]>) {
    LOG.with_borrow_mut(|current| {
        if current.as_ref().is_none_or(|(_, used)| *used >= MOST) {
            let log = ActivityLog::open(":memory:").expect("a store in memory opens");
            *current = Some((log, 0));
        }
        let (log, used) = current.as_mut().expect("it was just opened");
        *used += 1;
        let mut request = Request::new(String::new());
        let values = [("traceparent", Some(parent)), ("tracestate", state)];
        for (name, value) in values {
            if let Some(Ok(value)) = value.map(HeaderValue::from_bytes) {
                request.headers_mut().insert(name, value);
            }
        }
        let answer = |_: Request<String>| ready(Ok::<_, Infallible>(Response::new(String::new())));
        let mut service = ActivityLayer::http(log).layer(service_fn(answer));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = service.poll_ready(&mut cx);
        let answered = pin!(service.call(request)).poll(&mut cx);
        assert!(matches!(answered, Poll::Ready(Ok(_))), "it is not answered");
        if *used == MOST {
            let counts = log.shutdown().wait().expect("it commits");
            let of = counts.activities;
            assert_eq!(
                (of.committed, of.rejected()),
                (u64::from(MOST), 0),
                "{counts:?}"
            );
        }
    });
}

fuzz_target!(|data: &[u8]| {
    let (parent, state) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], Some(&data[at + 1..])),
        None => (data, None),
    };
    if let Ok(text) = str::from_utf8(parent) {
        check(text, state.and_then(|state| str::from_utf8(state).ok()));
        linear("", text, 64 << 10, |long| check(long, Some(long)));
    }
    request(parent, state);
});
