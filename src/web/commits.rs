//! Polls for new commits once for all clients of `api/live`.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::watch, time};

use super::{access::Grant, problem::Problem, readers::ReaderPool};
use crate::{
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
    store::Position,
};

/// Short enough to feel immediate, long enough to cost nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The positions in commit order of activities and of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Positions {
    pub(super) activities: Position<ActivityRecord>,
    pub(super) events: Position<EventRecord>,
}

impl Positions {
    /// Returns the newest positions of a store.
    pub(super) fn newest(reader: &mut ActivityReader) -> crate::error::Result<Positions> {
        Ok(Positions {
            activities: reader.newest()?,
            events: reader.newest()?,
        })
    }
}

/// Publishes the newest positions to subscribers. It polls the store only while it has any. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct CommitWatcher {
    newest: Arc<Mutex<Option<watch::Sender<Positions>>>>,
}

impl CommitWatcher {
    /// Subscribes to the newest positions; the first subscriber starts the polling from `now`.
    pub(super) fn subscribe(
        &self,
        readers: &ReaderPool,
        now: Positions,
    ) -> watch::Receiver<Positions> {
        let mut newest = self.newest.lock();
        if let Some(sender) = &*newest {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(now);
        *newest = Some(sender);
        tokio::spawn(poll(self.clone(), readers.clone()));
        receiver
    }

    /// Closes the channel if it has no subscriber, and returns whether it did.
    fn close_if_unused(&self) -> bool {
        let mut newest = self.newest.lock();
        let used = newest
            .as_ref()
            .is_some_and(|sender| sender.receiver_count() > 0);
        if !used {
            *newest = None;
        }
        !used
    }

    fn publish(&self, positions: Positions) {
        if let Some(sender) = &*self.newest.lock() {
            sender.send_if_modified(|known| {
                let modified = *known != positions;
                *known = positions;
                modified
            });
        }
    }
}

async fn poll(watcher: CommitWatcher, readers: ReaderPool) {
    while !watcher.close_if_unused() {
        time::sleep(POLL_INTERVAL).await;
        // A failure may be transient, and subscribers meet a lasting one when they read the store themselves.
        if let Ok(positions) = newest(&readers, &Grant::server()).await {
            watcher.publish(positions);
        }
    }
}

/// Reads the newest positions.
pub(super) async fn newest(readers: &ReaderPool, grant: &Grant) -> Result<Positions, Problem> {
    readers
        .read(grant, |reader| Ok(Positions::newest(reader)?))
        .await
}
