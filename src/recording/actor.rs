//! The task that owns a resource: flushes it, and stops it when the last handle of the recording is dropped.

use std::{future::Future, pin::pin, thread, time::Duration};

use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    error::{Error, ErrorKind, Result},
    record::RecordingStatus,
    recording::{Resource, Sink},
};

/// Maximum number of requests received at once.
const MAX_REQUESTS: usize = 256;

/// A request to a resource, acknowledged when it is done.
#[derive(Debug)]
pub(super) enum Request {
    /// Append buffered data.
    Flush(oneshot::Sender<()>),
    /// Append buffered data, and end.
    Stop(oneshot::Sender<()>),
}

/// Starts a resource, reports the result to `started`, and serves requests until a stop or until every sender is
/// dropped.
pub(super) async fn run<R: Resource>(
    mut resource: R,
    sink: Sink,
    mut requests: mpsc::UnboundedReceiver<Request>,
    started: oneshot::Sender<Result<()>>,
) {
    let guard = EndGuard(sink);
    let sink = &guard.0;
    let limit = sink.limits().timeout;
    let result = timeout(limit, resource.start(sink.clone())).await;
    let result = result.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Timeout,
            format!("cannot start the recording: timed out after {limit:?}"),
        ))
    });
    let failed = result.as_ref().err().map(Error::kind);
    // Ignored: the future of `attach` may have been dropped.
    let _ = started.send(result);
    match failed {
        None => {}
        Some(ErrorKind::Timeout) => return sink.end(RecordingStatus::TimedOut),
        Some(_) => return sink.end(RecordingStatus::Gone),
    }
    let last = serve(&mut resource, sink, limit, &mut requests).await;
    with_timeout(sink, limit, resource.stop()).await;
    sink.end(RecordingStatus::Complete);
    acknowledge(last);
}

/// Serves flush requests. Returns the batch with the stop request, or an empty one if every sender is dropped.
///
/// One flush serves all requests received before it began. After a flush has timed out, no request waits for it again: a
/// resource that hangs delays all activities that share it by one timeout in total, not by one each.
async fn serve<R: Resource>(
    resource: &mut R,
    sink: &Sink,
    limit: Duration,
    requests: &mut mpsc::UnboundedReceiver<Request>,
) -> Vec<Request> {
    loop {
        let batch = receive(requests).await;
        if is_last(&batch) {
            return batch;
        }
        let mut flush = pin!(resource.flush());
        let mut late = !with_timeout(sink, limit, &mut flush).await;
        acknowledge(batch);
        while late {
            select! {
                () = &mut flush => late = false,
                batch = receive(requests) => match is_last(&batch) {
                    true => return batch,
                    false => acknowledge(batch),
                },
            }
        }
    }
}

/// Receives the next requests; none if every sender is dropped.
async fn receive(requests: &mut mpsc::UnboundedReceiver<Request>) -> Vec<Request> {
    let mut batch = Vec::new();
    requests.recv_many(&mut batch, MAX_REQUESTS).await;
    batch
}

/// True if the resource has to be stopped, which flushes it too.
fn is_last(batch: &[Request]) -> bool {
    let stops = |request: &Request| matches!(request, Request::Stop(_));
    batch.is_empty() || batch.iter().any(stops)
}

fn acknowledge(batch: Vec<Request>) {
    for Request::Flush(done) | Request::Stop(done) in batch {
        // Ignored: the requester may have stopped waiting.
        let _ = done.send(());
    }
}

/// Returns true if `work` finished before the timeout; otherwise marks the recording `timed_out`.
async fn with_timeout(sink: &Sink, limit: Duration, work: impl Future<Output = ()>) -> bool {
    let finished = timeout(limit, work).await.is_ok();
    if !finished {
        sink.worsen(RecordingStatus::TimedOut);
    }
    finished
}

/// Ends the recording even if the task panics or is dropped.
struct EndGuard(Sink);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end(match thread::panicking() {
            true => RecordingStatus::Crashed,
            false => RecordingStatus::Abandoned,
        });
    }
}
