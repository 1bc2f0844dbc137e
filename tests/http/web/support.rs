//! Requests to a router.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_activity::{ActivityLog, Describe, Outcome};

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// Asserts a problem with this status and code, and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(problem["code"], code, "{self:?}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// Returns the router of a log.
pub(crate) fn router(log: &ActivityLog) -> Router {
    log.router().into()
}

/// A request as a browser on this machine sends it.
pub(crate) fn request(method: &str, path: &str) -> Request<Body> {
    let peer: SocketAddr = "127.0.0.1:50000".parse().unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:8787");
    request
        .extension(ConnectInfo(peer))
        .body(Body::empty())
        .unwrap()
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    send(router, request("GET", path)).await
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8(bytes.into()).unwrap(),
    }
}

/// Returns a log with one activity per name, in this order.
pub(crate) async fn log_with(names: &[&'static str]) -> ActivityLog {
    let log = ActivityLog::open(":memory:").unwrap();
    for name in names {
        log.start(Describe::tool(*name).project("acme"))
            .end(Outcome::success());
    }
    log.flush().await.unwrap();
    log
}
