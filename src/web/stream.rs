//! Streamed response bodies with backpressure.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::{sync::mpsc, time};

use super::problem::Problem;

/// Chunks that may wait for the client.
const QUEUE: usize = 4;

/// A client that reads nothing for this long is disconnected.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The sending half of a body.
pub(super) type BodySender = mpsc::Sender<Result<Bytes, BodyError>>;

/// The body ends before its end: the connection is reset, so that the client notices.
#[derive(Debug)]
pub(super) struct BodyError(Problem);

/// Creates a body and its sender. The body ends when the sender is dropped.
pub(super) fn body() -> (BodySender, Body) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (sender, Body::new(ChannelBody(receiver)))
}

/// The client is gone, or has stopped reading.
#[derive(Debug)]
pub(super) struct Disconnected;

/// Sends a chunk, and waits while the queue is full.
pub(super) async fn send(sender: &BodySender, chunk: Bytes) -> Result<(), Disconnected> {
    match time::timeout(SEND_TIMEOUT, sender.send(Ok(chunk))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Disconnected),
        Err(_) => {
            tracing::info!(target: "tower_activity::web", "response aborted: the client stopped reading");
            Err(Disconnected)
        }
    }
}

/// Ends the body with an error, so that the client knows that it is incomplete.
pub(super) async fn abort(sender: &BodySender, problem: Problem) {
    // Nothing is left to do for a client that is gone.
    let _ = time::timeout(SEND_TIMEOUT, sender.send(Err(BodyError(problem)))).await;
}

struct ChannelBody(mpsc::Receiver<Result<Bytes, BodyError>>);

impl http_body::Body for ChannelBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = self.0.poll_recv(cx);
        chunk.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "response aborted: {}", self.0)
    }
}

impl std::error::Error for BodyError {}
