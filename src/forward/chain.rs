//! The batches that were acknowledged lately, each of which names the one before it.

use std::collections::VecDeque;

use uuid::Uuid;

/// The number of batches to remember: a standby that takes over may lack the last ones.
const MOST: usize = 1_000;

/// Ids of batches of one file, in the order in which they were cut. `None` comes before the first batch.
#[derive(Debug, Default)]
pub(super) struct Chain(VecDeque<Option<Uuid>>);

impl Chain {
    /// Adds the batch that was acknowledged last.
    pub(super) fn add(&mut self, batch: Option<Uuid>) {
        if self.0.back() == Some(&batch) {
            return;
        }
        // The file and the target were both put back: none follows twice.
        if let Some(place) = self.0.iter().position(|one| *one == batch) {
            self.0.truncate(place);
        }
        if batch.is_none() {
            // A new log.
            self.0.clear();
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(batch);
    }

    /// Returns true if a batch came before the last one of the file, and forgets those after it.
    ///
    /// The file may be another one by now: then its last batch is not the last one that was added.
    pub(super) fn go_back(&mut self, last: Option<Uuid>, batch: Option<Uuid>) -> bool {
        let is_same_file = self.0.back() == Some(&last);
        let place = self.0.iter().position(|one| *one == batch);
        let place = place.filter(|_| is_same_file && batch.is_some());
        match place {
            Some(place) => self.0.truncate(place + 1),
            None => self.0.clear(),
        }
        place.is_some()
    }
}
