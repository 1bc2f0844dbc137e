//! Listening to a router.

use std::time::Duration;

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::web::support::request;

/// Somebody who listens.
pub(crate) struct Ear {
    body: Body,
    heard: String,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Ear {
    /// Somebody on this machine, who goes on after a message.
    pub(crate) async fn at(app: &Router, path: &str, last: Option<&str>) -> Ear {
        let mut request = request("GET", path);
        if let Some(last) = last {
            let headers = request.headers_mut();
            headers.insert("last-event-id", last.parse().unwrap());
        }
        Ear::of(app, request).await
    }

    pub(crate) async fn of(app: &Router, request: Request<Body>) -> Ear {
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ear {
            body: response.into_body(),
            heard: String::new(),
        }
    }

    /// The next message; comments are passed over.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            while let Some((block, rest)) = self.heard.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.heard = rest;
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
            self.heard.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}
