//! The API is read-only unless the application enables writing, and then it refuses cross-origin requests.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use http::Request;
use serde_json::json;

use crate::web::support::{get, log_with, request, router, send};

fn secret() -> String {
    "correct horse battery staple".replace(' ', "-")
}

fn told(headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut asked = request("POST", "/api/events");
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        asked.headers_mut().insert(name, value.parse().unwrap());
    }
    *asked.body_mut() = Body::from(body.to_owned());
    asked
}

const JSON: (&str, &str) = ("content-type", "application/json");
const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn an_event_is_recorded_and_its_id_returned_after_the_commit() {
    let log = log_with(&[]).await;
    let app: Router = log.router().accept_events().into();
    let event = json!({"type": "deployment", "summary": "v3", "project": "acme", "count": 2, "data": {"by": "ann"}, "dedup_key": "3"});
    let kept = send(&app, told(&[JSON, SAME], &event.to_string())).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let read = get(&app, "/api/events").await.json();
    let first = &read["events"][0];
    assert_eq!(first["id"], kept.json()["id"]);
    assert_eq!(
        (&first["summary"], &first["count"], &first["data"]["by"]),
        (&json!("v3"), &json!(2), &json!("ann"))
    );
    let again = send(&app, told(&[JSON, SAME], &event.to_string())).await;
    assert_eq!(again.json()["id"], first["id"]);
}

#[tokio::test]
async fn writes_are_disabled_by_default() {
    let log = log_with(&[]).await;
    let refused = send(&router(&log), told(&[JSON, SAME], "{\"type\":\"a\"}")).await;
    refused.problem(405, "method");
    assert_eq!(log.accounting().events.recorded, 0);
}

#[tokio::test]
async fn cross_origin_writes_are_rejected() {
    let log = log_with(&[]).await;
    let app: Router = log.router().accept_events().into();
    let body = "{\"type\":\"forged\"}";
    let forged: [(&[(&str, &str)], u16); 9] = [
        // A form, plain text, a cross-origin script, a document without an origin, a request without these headers.
        (
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", "http://evil.example"),
            ],
            403,
        ),
        (
            &[
                ("content-type", "text/plain"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            403,
        ),
        (
            &[
                ("content-type", "text/plain"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            403,
        ),
        (&[JSON, ("origin", "http://evil.example")], 403),
        (&[JSON, ("origin", "null")], 403),
        (&[JSON, ("origin", "http://localhost:9999")], 403),
        (&[JSON], 403),
        // Content types that a form can send are refused from the same origin, too.
        (&[("content-type", "text/plain"), SAME], 415),
        (
            &[("content-type", "multipart/form-data; boundary=x"), SAME],
            415,
        ),
    ];
    for (headers, status) in forged {
        let refused = send(&app, told(headers, body)).await;
        assert_eq!(refused.status, status, "{headers:?}: {refused:?}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
    assert_eq!(log.accounting().events.recorded, 0);
    let ours = send(
        &app,
        told(&[JSON, ("origin", "http://localhost:8787")], body),
    )
    .await;
    assert_eq!(ours.status, 201, "{ours:?}");
}

#[tokio::test]
async fn programs_write_with_a_bearer_token_and_not_with_a_cookie() {
    let log = log_with(&[]).await;
    let app: Router = log.router().token(secret()).accept_events().into();
    let body = "{\"type\":\"deployment\"}";
    let bearer = format!("Bearer {}", secret());
    assert_eq!(
        send(&app, told(&[JSON, ("authorization", &bearer)], body))
            .await
            .status,
        201
    );

    let exchanged = get(&app, &format!("/?token={}", secret())).await;
    let cookie = exchanged
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    send(&app, told(&[JSON, ("cookie", &cookie)], body))
        .await
        .problem(403, "cross_origin");
    assert_eq!(
        send(&app, told(&[JSON, SAME, ("cookie", &cookie)], body))
            .await
            .status,
        201
    );
    send(&app, told(&[JSON, SAME], body))
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn an_invalid_event_is_rejected() {
    let log = log_with(&[]).await;
    let app: Router = log.router().accept_events().into();
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("{\"summary\":\"a\"}", 400),
        ("{\"type\":\"a\",\"colour\":1}", 400),
        ("{\"type\":\"a\",\"count\":-1}", 400),
        ("{\"type\":\"\"}", 400),
        (
            &*format!("{{\"type\":\"a\",\"summary\":{:?}}}", "x".repeat(300 << 10)),
            413,
        ),
        (
            &*format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            400,
        ),
    ] {
        let refused = send(&app, told(&[JSON, SAME], body)).await;
        assert_eq!(
            refused.status,
            status,
            "{}: {refused:?}",
            &body[..body.len().min(40)]
        );
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_times_out() {
    let log = log_with(&[]).await;
    let app: Router = log.router().accept_events().into();
    let mut endless = told(&[JSON, SAME], "");
    *endless.body_mut() = Body::new(Endless);
    send(&app, endless).await.problem(408, "body");
}

/// A body of which nothing arrives.
struct Endless;

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Infallible>>> {
        Poll::Pending
    }
}
