//! The task that owns a resource: asks it for the rest, and stops it once nobody holds the recording.

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

/// How many requests are taken at once: more wait for the next turn.
const AT_ONCE: usize = 256;

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
    let failed = begun.as_ref().err().map(Error::kind);
    // Whoever attached it may have been cancelled.
    let _ = started.send(begun);
    match failed {
        None => {}
        Some(ErrorKind::Timeout) => return sink.end(RecordingStatus::TimedOut),
        Some(_) => return sink.end(RecordingStatus::Gone),
    }
    let last = serve(&mut resource, sink, limit, &mut requests).await;
    in_time(sink, limit, resource.stop()).await;
    sink.end(RecordingStatus::Complete);
    answer(last);
}

/// Has the resource flushed whenever somebody asks for it. Gives those who asked for its end, and with them.
///
/// One flush is for all who have asked before it began. While one is late nobody waits for it again: a session that hangs
/// delays those who share it by one timeout altogether, not by one each.
async fn serve<R: Resource>(
    resource: &mut R,
    sink: &Sink,
    limit: Duration,
    requests: &mut mpsc::UnboundedReceiver<Request>,
) -> Vec<Request> {
    loop {
        let asked = next(requests).await;
        if is_last(&asked) {
            return asked;
        }
        let mut flush = pin!(resource.flush());
        let mut late = !in_time(sink, limit, &mut flush).await;
        answer(asked);
        while late {
            select! {
                () = &mut flush => late = false,
                asked = next(requests) => match is_last(&asked) {
                    true => return asked,
                    false => answer(asked),
                },
            }
        }
    }
}

/// What is asked for next; nothing when nobody is left to ask.
async fn next(requests: &mut mpsc::UnboundedReceiver<Request>) -> Vec<Request> {
    let mut asked = Vec::new();
    requests.recv_many(&mut asked, AT_ONCE).await;
    asked
}

/// True where the resource is to be stopped, which hands over the rest as well.
fn is_last(asked: &[Request]) -> bool {
    let stops = |one: &Request| matches!(one, Request::Stop(_));
    asked.is_empty() || asked.iter().any(stops)
}

fn answer(asked: Vec<Request>) {
    for Request::Flush(done) | Request::Stop(done) in asked {
        // Whoever asked may have given up.
        let _ = done.send(());
    }
}

/// True when it was.
async fn in_time(sink: &Sink, limit: Duration, work: impl Future<Output = ()>) -> bool {
    let done = timeout(limit, work).await.is_ok();
    if !done {
        sink.worsen(RecordingStatus::TimedOut);
    }
    done
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
