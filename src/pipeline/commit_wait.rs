//! Waiting for the commit of an activity that has just ended.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;

use crate::{
    pipeline::{Mode, Shared},
    record::ActivityId,
};

/// A future that a response waits for once its activity has ended: until its recordings are flushed and, in
/// `Mode::Durable`, until its end is committed. Each part ends at its own timeout.
#[derive(Debug)]
pub(crate) struct CommitWait {
    handovers: Vec<oneshot::Receiver<()>>,
    queued: Option<Queued>,
}

/// A place in the queue for the next commit. Counted as not durable if the record is refused or the timeout passes.
#[derive(Debug)]
struct Queued {
    shared: Arc<Shared>,
    id: ActivityId,
    answered: oneshot::Receiver<()>,
}

impl CommitWait {
    /// Queues up for the commit of an activity whose end is in its shard. `None` if the mode does not wait and no recording
    /// is pending.
    #[inline]
    pub(crate) fn new(
        id: ActivityId,
        shared: &Arc<Shared>,
        handovers: Vec<oneshot::Receiver<()>>,
    ) -> Option<CommitWait> {
        // In the child of a fork there is no writer.
        let durable = shared.config.mode == Mode::Durable && !shared.is_forked();
        if !durable && handovers.is_empty() {
            return None;
        }
        let queued = durable.then(|| {
            let answered = shared.commits.wait();
            shared.flush_soon();
            Queued {
                shared: shared.clone(),
                id,
                answered,
            }
        });
        Some(CommitWait { handovers, queued })
    }
}

impl Future for CommitWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(handover) = self.handovers.last_mut() {
            // An error means that the recording's task is gone.
            let _ = ready!(Pin::new(handover).poll(cx));
            self.handovers.pop();
        }
        match &mut self.queued {
            Some(queued) => Pin::new(queued).poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Future for Queued {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.answered).poll(cx).map(|answer| {
            // Waiters that time out are counted by the queue.
            if answer.is_ok() && self.shared.refused.lock().take(self.id) {
                self.shared.answered_refused.fetch_add(1, Relaxed);
            }
        })
    }
}
