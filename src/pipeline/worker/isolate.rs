//! Records that the store refuses: found one by one, so that they do not hold back the others.

use std::time::Instant;

use crate::{
    error::{Error, ErrorKind},
    pipeline::worker::Worker,
    store::{Batch, Ended},
};

impl Worker {
    /// Finds the records that the store refuses, by halves, so that they do not hold back the others. `false`
    /// when it was not the records' fault: what is left waits.
    pub(super) fn isolate(&mut self, batch: Batch) -> bool {
        let listing = Batch {
            open: batch.open,
            environment: batch.environment.clone(),
            ..self.empty_batch()
        };
        if let Err(error) = self.append(&listing)
            && !is_of_records(&error)
        {
            self.open = listing.open;
            self.wait_again(vec![batch.ended], &error);
            return false;
        }
        let mut parts = vec![batch.ended];
        let mut probed = false;
        while let Some(ended) = parts.pop() {
            let part = Batch {
                accounting: self.accounting(ended.len()),
                environment: batch.environment.clone(),
                ended,
                ..Batch::default()
            };
            let result = self.append(&part);
            let mut ended = part.ended;
            let error = match result {
                Ok(appended) => {
                    self.settle(&ended, appended);
                    probed = false;
                    continue;
                }
                Err(error) => error,
            };
            if ended.len() > 1 && is_of_records(&error) {
                let second = ended.split_off(ended.len() / 2);
                parts.push(second);
                parts.push(ended);
                continue;
            }
            // A record that makes the store panic is to blame only when the store takes a batch without it,
            // and then panics over it again.
            let to_blame = match error.kind() {
                ErrorKind::Refused => true,
                ErrorKind::Panicked if probed => true,
                ErrorKind::Panicked if self.append(&self.empty_batch()).is_ok() => {
                    probed = true;
                    parts.push(ended);
                    continue;
                }
                _ => false,
            };
            probed = false;
            if !to_blame {
                parts.push(ended);
                self.wait_again(parts, &error);
                return false;
            }
            ended.iter().for_each(|one| self.refused(one, &error));
        }
        true
    }

    /// Puts parts of a batch, the last one first, back in front of what waits.
    fn wait_again(&mut self, parts: Vec<Vec<Ended>>, error: &Error) {
        self.failed(error);
        for one in parts.into_iter().flat_map(|part| part.into_iter().rev()) {
            self.pending.push_front(one);
        }
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Gives up one record.
    fn refused(&self, one: &Ended, error: &Error) {
        tracing::error!(
            target: "tower_activity::store",
            id = %one.started.id, %error, "the store refuses this activity, it is lost"
        );
        self.shared.budget.give_back(one.charge as usize);
        self.shared.ledger.lock().lost_refused += 1;
    }

    fn empty_batch(&self) -> Batch {
        Batch {
            accounting: self.accounting(0),
            ..Batch::default()
        }
    }
}

/// True for errors that one record can cause while others pass.
fn is_of_records(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused | ErrorKind::Panicked)
}
