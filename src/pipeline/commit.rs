//! Waiting for the commit of what has just ended, in the mode that does so.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::{
    pipeline::{Mode, Shared},
    record::ActivityId,
};

/// What the writer says to all who waited for a commit: which activities the store refused one by one.
pub(crate) type Refused = Option<Arc<[ActivityId]>>;

/// Waits until an activity that has ended is committed, or its time is up. It is counted when it is not.
#[derive(Debug)]
pub(crate) struct Commit {
    shared: Arc<Shared>,
    id: ActivityId,
    answered: oneshot::Receiver<Refused>,
}

impl Commit {
    /// Queues up for the commit of an activity whose end stands in its shard, where the log's mode says so.
    #[inline]
    pub(crate) fn of(id: ActivityId, shared: &Arc<Shared>) -> Option<Commit> {
        // In the child of a fork nobody commits.
        (shared.config.mode == Mode::Durable && !shared.is_forked()).then(|| {
            let answered = shared.commits.wait();
            shared.hurry();
            Commit {
                shared: shared.clone(),
                id,
                answered,
            }
        })
    }
}

impl Future for Commit {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.answered).poll(cx).map(|answer| {
            // Whoever is sent away is counted there.
            if let Ok(Some(refused)) = answer
                && refused.contains(&self.id)
            {
                self.shared.answered_refused.fetch_add(1, Relaxed);
            }
        })
    }
}
