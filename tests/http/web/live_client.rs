//! A client of `api/live`.

use std::time::Duration;

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::web::support::request;

/// An open live stream.
pub(crate) struct LiveClient {
    body: Body,
    received: String,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl LiveClient {
    /// Connects from this machine, and resumes after a message.
    pub(crate) async fn connect(app: &Router, path: &str, last: Option<&str>) -> LiveClient {
        let mut request = request("GET", path);
        if let Some(last) = last {
            let headers = request.headers_mut();
            headers.insert("last-event-id", last.parse().unwrap());
        }
        LiveClient::send(app, request).await
    }

    pub(crate) async fn send(app: &Router, request: Request<Body>) -> LiveClient {
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        LiveClient {
            body: response.into_body(),
            received: String::new(),
        }
    }

    /// Returns the next message, and skips comments.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            while let Some((block, rest)) = self.received.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.received = rest;
                let field = |name: &str| {
                    let mut values = block.lines().filter_map(|line| line.strip_prefix(name));
                    values.next().map(str::to_owned)
                };
                if let Some(data) = field("data: ") {
                    return Message {
                        event: field("event: ").unwrap(),
                        id: field("id: "),
                        data: serde_json::from_str(&data).unwrap(),
                    };
                }
            }
            let piece = tokio::time::timeout(Duration::from_secs(10), self.body.frame());
            let piece = piece.await.unwrap().unwrap().unwrap();
            let piece = piece.into_data().unwrap();
            self.received.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Waits for the end of the stream.
    pub(crate) async fn ended(&mut self) {
        let end = async { while self.body.frame().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(10), end)
            .await
            .unwrap();
    }
}
