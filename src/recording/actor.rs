//! The task that owns a resource: asks it for the rest, and stops it once nobody holds the recording.

use std::{future::Future, thread};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    error::{Error, ErrorKind, Result},
    record::RecordingStatus,
    recording::{Resource, Sink},
};

/// What a resource is asked for; answered when it is done.
#[derive(Debug)]
pub(super) enum Request {
    /// To append what it holds back.
    Flush(oneshot::Sender<()>),
    /// The same, and to end.
    Stop(oneshot::Sender<()>),
}

/// Starts a resource, says whether it did, and owns it until nobody is left who could ask for something.
pub(super) async fn run<R: Resource>(
    mut resource: R,
    sink: Sink,
    mut requests: mpsc::UnboundedReceiver<Request>,
    started: oneshot::Sender<Result<()>>,
) {
    let ending = Ending(sink);
    let sink = &ending.0;
    let limit = sink.limits().timeout;
    let begun = timeout(limit, resource.start(sink.clone())).await;
    let begun = begun.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Timeout,
            format!("what was to be recorded did not begin within {limit:?}"),
        ))
    });
    let goes_on = begun.is_ok();
    // Whoever attached it may have been cancelled.
    let _ = started.send(begun);
    if !goes_on {
        return sink.end(RecordingStatus::Gone);
    }
    let stopped = loop {
        match requests.recv().await {
            Some(Request::Flush(done)) => {
                in_time(sink, resource.flush()).await;
                // Whoever asked may have given up.
                let _ = done.send(());
            }
            Some(Request::Stop(done)) => break Some(done),
            None => break None,
        }
    };
    in_time(sink, resource.stop()).await;
    sink.end(RecordingStatus::Complete);
    if let Some(done) = stopped {
        // Whoever asked may have given up.
        let _ = done.send(());
    }
}

async fn in_time(sink: &Sink, work: impl Future<Output = ()>) {
    if timeout(sink.limits().timeout, work).await.is_err() {
        sink.worsen(RecordingStatus::TimedOut);
    }
}

/// Ends the recording also where the task does not get that far.
struct Ending(Sink);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(match thread::panicking() {
            true => RecordingStatus::Crashed,
            false => RecordingStatus::Abandoned,
        });
    }
}
