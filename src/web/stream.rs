//! Bodies that are sent piece by piece, no faster than the client takes them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

use super::problem::Problem;

/// The pieces that may wait for the client.
const AHEAD: usize = 4;

/// Where the pieces of a body go in.
pub(super) type Pieces = mpsc::Sender<Result<Bytes, Broken>>;

/// The body was cut off: its end is missing, and the client sees that it is.
#[derive(Debug)]
pub(super) struct Broken(Problem);

/// A body, and where its pieces go in. It ends when that is dropped.
pub(super) fn body() -> (Pieces, Body) {
    let (pieces, receiver) = mpsc::channel(AHEAD);
    (pieces, Body::new(Stream(receiver)))
}

struct Stream(mpsc::Receiver<Result<Bytes, Broken>>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl From<Problem> for Broken {
    fn from(problem: Problem) -> Self {
        Broken(problem)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the answer was cut off: {}", self.0)
    }
}

impl std::error::Error for Broken {}
