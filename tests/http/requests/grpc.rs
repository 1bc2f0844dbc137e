//! gRPC responses that no gRPC library sends, but proxies do.

use std::{
    convert::Infallible,
    future::{Future, pending},
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Status, record::ActivityRecord};

use crate::support::rows;

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn call(path: &str, media: &str) -> Request<Empty<Bytes>> {
    let request = Request::post(path).header(header::CONTENT_TYPE, media);
    request.body(Empty::new()).unwrap()
}

/// Returns the record of a call with this response.
async fn recorded(status: u16, headers: &[(&'static str, &str)], body: Body) -> ActivityRecord {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    let mut response = Some(response);
    let service = ActivityLayer::http(&log).layer(service_fn(move |_| {
        let response = response.take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    }));
    let request = call("/greeter.Greeter/SayHello", "application/grpc+proto");
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    rows(&log).one("greeter.Greeter/SayHello")
}

fn trailers(status: &'static str) -> Option<Result<HeaderMap, Infallible>> {
    Some(Ok([(
        "grpc-status".parse().unwrap(),
        status.parse().unwrap(),
    )]
    .into_iter()
    .collect()))
}

fn message() -> Full<Bytes> {
    Full::new(Bytes::from_static(b"\0\0\0\0\0"))
}

#[tokio::test]
async fn a_response_without_a_grpc_status_is_a_failure() {
    let check = |row: ActivityRecord, expected: Option<&str>| {
        assert_eq!(row.error_type.as_deref(), expected, "{row:?}");
    };
    let none = || Empty::new().boxed_unsync();
    check(recorded(200, &[("grpc-status", "0")], none()).await, None);
    check(
        recorded(200, &[("grpc-status", "14")], none()).await,
        Some("unavailable"),
    );
    check(
        recorded(200, &[("grpc-status", "99")], none()).await,
        Some("unknown"),
    );
    check(
        recorded(200, &[("grpc-status", "ok")], none()).await,
        Some("unknown"),
    );
    check(recorded(200, &[], none()).await, Some("missing_status"));
    check(
        recorded(200, &[], message().boxed_unsync()).await,
        Some("missing_status"),
    );
    check(
        recorded(404, &[], message().boxed_unsync()).await,
        Some("404"),
    );

    // A known length does not exclude trailers.
    let length = [("content-length", "5")];
    let whole = || {
        message()
            .with_trailers(async { trailers("5") })
            .boxed_unsync()
    };
    check(recorded(200, &length, whole()).await, Some("not_found"));
    check(recorded(200, &[], whole()).await, Some("not_found"));
}

#[tokio::test]
async fn an_unimplemented_method_is_not_used_as_a_name() {
    let log = ActivityLog::open(":memory:").unwrap();
    let service = ActivityLayer::http(&log).layer(service_fn(async |_| {
        let response = Response::builder().header("grpc-status", "12");
        Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
    }));
    let request = call("/a.B/Guessed7", "application/grpc");
    drop(service.oneshot(request).await.unwrap());
    let row = rows(&log).one("POST");
    assert_eq!(row.error_type.as_deref(), Some("unimplemented"));
    assert_eq!(row.attributes["url.path"], "/a.B/Guessed7");
}

#[tokio::test]
async fn only_valid_method_paths_become_names() {
    let log = ActivityLog::open(":memory:").unwrap();
    let service = ActivityLayer::http(&log).layer(service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    for (path, media) in [
        ("/a.B/C", "application/grpc"),
        ("/a.B/D", "application/grpc;charset=utf-8"),
        ("/a.B/E/F", "application/grpc"),
        ("/a.B/../etc", "application/grpc"),
        ("/a.B/G", "application/grpc-web"),
        ("/a.B/H", "application/json"),
    ] {
        drop(service.clone().oneshot(call(path, media)).await.unwrap());
    }
    assert_eq!(
        rows(&log).names(),
        ["a.B/C", "a.B/D", "POST", "POST", "POST", "POST"]
    );
}

#[tokio::test]
async fn a_dropped_call_is_a_timeout_after_the_deadline_of_its_client() {
    for (timeout, waited, expected) in [
        ("2S", Duration::from_secs(1), None),
        ("2S", Duration::from_secs(2), Some("timeout")),
        // The client's deadline started when it sent the request.
        ("2S", Duration::from_millis(1_960), Some("timeout")),
        ("100m", Duration::from_millis(80), None),
        ("100m", Duration::from_millis(91), Some("timeout")),
        ("99999999H", Duration::from_secs(1), None),
        ("999999999S", Duration::from_secs(0), None),
        ("0S", Duration::ZERO, Some("timeout")),
        ("soon", Duration::from_secs(9), None),
    ] {
        let (log, clock) = ActivityLog::test();
        let service = ActivityLayer::http(&log).layer(service_fn(|_| {
            pending::<Result<Response<Empty<Bytes>>, Infallible>>()
        }));
        let mut request = call("/a.B/C", "application/grpc");
        request
            .headers_mut()
            .insert("grpc-timeout", timeout.parse().unwrap());
        let mut answer = Box::pin(service.oneshot(request));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(answer.as_mut().poll(&mut cx).is_pending());
        clock.advance(waited);
        drop(answer);
        let row = rows(&log).one("a.B/C");
        assert_eq!(row.error_type.as_deref(), expected, "{timeout} {waited:?}");
        let status = expected.map_or(Status::Cancelled, |_| Status::Failed);
        assert_eq!(row.status, status, "{timeout} {waited:?}");
    }
}
