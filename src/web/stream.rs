//! Bodies that are sent piece by piece, no faster than the client takes them.

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

/// The pieces that may wait for the client.
const AHEAD: usize = 4;

/// A client that takes nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// Nobody takes the body any more.
#[derive(Debug)]
pub(super) struct Cut;

/// Hands a piece to the client once it has taken those before.
pub(super) async fn send(pieces: &Pieces, piece: Bytes) -> Result<(), Cut> {
    match time::timeout(PATIENCE, pieces.send(Ok(piece))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Cut),
        Err(_) => {
            tracing::info!(target: "tower_activity::web", "an answer was cut off: its client takes nothing");
            Err(Cut)
        }
    }
}

/// Cuts the body off, so that the client sees that something is missing.
pub(super) async fn broken(pieces: &Pieces, problem: Problem) {
    // Whoever does not take it is gone.
    let _ = time::timeout(PATIENCE, pieces.send(Err(Broken(problem)))).await;
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

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the answer was cut off: {}", self.0)
    }
}

impl std::error::Error for Broken {}
