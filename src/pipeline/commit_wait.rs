//! Waiting for the commit of what has just ended, in the mode that does so.

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

/// What an answer waits for once its activity has ended: that recordings are handed over, and that the end is
/// committed, or that the time is up.
#[derive(Debug)]
pub(crate) struct CommitWait {
    handovers: Vec<oneshot::Receiver<()>>,
    queued: Option<Queued>,
}

/// A place in the queue of those who wait for a commit. It is counted when that does not come.
#[derive(Debug)]
struct Queued {
    shared: Arc<Shared>,
    id: ActivityId,
    answered: oneshot::Receiver<()>,
}

impl CommitWait {
    /// Queues up for the commit of an activity whose end stands in its shard, where the log's mode says so. `None`
    /// where there is nothing to wait for.
    #[inline]
    pub(crate) fn new(
        id: ActivityId,
        shared: &Arc<Shared>,
        handovers: Vec<oneshot::Receiver<()>>,
    ) -> Option<CommitWait> {
        // In the child of a fork nobody commits.
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
            // One whose task is gone will not come.
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
            // Whoever is sent away is counted there.
            if answer.is_ok() && self.shared.refused.lock().take(self.id) {
                self.shared.answered_refused.fetch_add(1, Relaxed);
            }
        })
    }
}
