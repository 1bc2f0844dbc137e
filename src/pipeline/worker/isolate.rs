//! Records that the store refuses: found one by one, so that they do not hold back the others.

use std::time::Instant;

use crate::{
    error::{Error, ErrorKind},
    pipeline::{Mode, ledger::Committing, worker::Worker},
    store::{Batch, Ended, NewEvent},
};

/// Some records of a batch, in order.
struct Part {
    ended: Vec<Ended>,
    events: Vec<NewEvent>,
}

impl Worker {
    /// Finds the records that the store refuses, by halves, so that they do not hold back the others. `false`
    /// when it was not the records' fault: what is left waits.
    pub(super) fn isolate(&mut self, batch: Batch) -> bool {
        let all = Part {
            ended: batch.ended,
            events: batch.events,
        };
        // Open rows stand apart: where they are refused they are left out.
        let listing = Batch {
            open: batch.open,
            environment: batch.environment.clone(),
            ..self.empty_batch()
        };
        if let Err(error) = self.append(&listing)
            && !is_of_records(&error)
        {
            self.open = listing.open;
            self.wait_again(vec![all], &error);
            return false;
        }
        drop(listing);
        self.forget_open();
        let mut parts = vec![all];
        let mut probed = false;
        while let Some(part) = parts.pop() {
            let mut attempt = Batch {
                environment: batch.environment.clone(),
                ended: part.ended,
                events: part.events,
                ..Batch::default()
            };
            attempt.accounting = self.accounting(Committing::of(&attempt));
            let error = match self.append(&attempt) {
                Ok(appended) => {
                    self.settle(&mut attempt, &appended);
                    probed = false;
                    continue;
                }
                Err(error) => error,
            };
            let mut part = Part {
                ended: attempt.ended,
                events: attempt.events,
            };
            if part.len() > 1 && is_of_records(&error) {
                let second = part.split_off_half();
                parts.push(second);
                parts.push(part);
                continue;
            }
            // A record that makes the store panic is to blame only when the store takes a batch without it,
            // and then panics over it again.
            let to_blame = match error.kind() {
                ErrorKind::Refused => true,
                ErrorKind::Panicked if probed => true,
                ErrorKind::Panicked if self.append(&self.empty_batch()).is_ok() => {
                    probed = true;
                    parts.push(part);
                    continue;
                }
                _ => false,
            };
            probed = false;
            if !to_blame {
                parts.push(part);
                self.wait_again(parts, &error);
                return false;
            }
            self.refused(part, &error);
        }
        true
    }

    /// Puts parts of a batch, the last one first, back in front of what waits.
    fn wait_again(&mut self, parts: Vec<Part>, error: &Error) {
        self.failed(error);
        for part in parts {
            let ended = part.ended.into_iter().rev();
            ended.for_each(|one| self.pending.push_front(one));
            let events = part.events.into_iter().rev();
            events.for_each(|one| self.events.push_front(one));
        }
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Gives up what is left of a part.
    fn refused(&mut self, part: Part, error: &Error) {
        for one in part.ended {
            tracing::error!(
                target: "tower_activity::store",
                id = %one.started.id, %error, "the store refuses this activity, it is lost"
            );
            self.shared.give_back(one.charge as usize);
            self.shared.ledger.lock().lost_refused += 1;
            if self.shared.config.mode == Mode::Durable {
                self.refused.push(one.started.id);
            }
        }
        for one in part.events {
            tracing::error!(
                target: "tower_activity::store",
                id = %one.id, %error, "the store refuses this event, it is lost"
            );
            self.shared.give_back(one.charge as usize);
            self.shared.ledger.lock().events.lost_refused += 1;
            one.refused(error);
        }
    }

    fn empty_batch(&self) -> Batch {
        Batch {
            accounting: self.accounting(Committing::default()),
            ..Batch::default()
        }
    }
}

impl Part {
    fn len(&self) -> usize {
        self.ended.len() + self.events.len()
    }

    /// Leaves about the half here. Of two records each gets one.
    fn split_off_half(&mut self) -> Part {
        Part {
            ended: self.ended.split_off(self.ended.len() / 2),
            events: self.events.split_off(self.events.len().div_ceil(2)),
        }
    }
}

/// True for errors that one record can cause while others pass.
fn is_of_records(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused | ErrorKind::Panicked)
}
