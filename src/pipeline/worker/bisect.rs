//! Bisects a refused batch until each poison record is alone, so that the others are committed.

use std::{fmt::Display, mem};

use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{Mode, worker::Worker},
    store::{AppendOutcome, Batch, PerKind},
};

impl Worker {
    /// Commits a refused batch in halves, and gives up the records that the store refuses alone. Returns false if the store
    /// failed for another reason: the remaining records wait.
    pub(super) fn bisect(&mut self, mut all: Batch) -> bool {
        // Open rows go first, apart from the records: they are dropped if the store refuses them.
        let open_rows = Batch {
            open: mem::take(&mut all.open),
            environment: all.environment.clone(),
            ..self.empty_batch()
        };
        if let Err(error) = self.append_alone(&open_rows)
            && error.kind() != ErrorKind::Refused
        {
            self.open_rows.open = open_rows.open;
            self.wait_again(vec![all], &error);
            return false;
        }
        drop(open_rows);
        self.open_rows.forget(&self.shared);
        let mut parts = vec![all];
        while let Some(mut part) = parts.pop() {
            let several = part.len() > 1;
            part.accounting = self.accounting(part.counts());
            let appended = if several {
                self.append(&part)
            } else {
                self.append_alone(&part)
            };
            let error = match appended {
                Ok(appended) => {
                    self.settle(&mut part, &appended);
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Refused | ErrorKind::Panicked if several => {
                    let second = split_off_half(&mut part);
                    parts.push(second);
                    parts.push(part);
                }
                ErrorKind::Refused => self.refused(part, &error),
                _ => {
                    parts.push(part);
                    self.wait_again(parts, &error);
                    return false;
                }
            }
        }
        true
    }

    /// Appends a batch that cannot be divided. A panic counts as a refusal only if the store takes an empty batch, and then
    /// panics again.
    fn append_alone(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        let panicked = |error: &Error| error.kind() == ErrorKind::Panicked;
        match self.append(batch) {
            Err(error) if panicked(&error) => {
                self.append(&self.empty_batch())?;
                self.append(batch).map_err(|error| match error.kind() {
                    ErrorKind::Panicked => {
                        Error::new(ErrorKind::Refused, "the store panics over this record")
                            .with_source(error)
                    }
                    _ => error,
                })
            }
            result => result,
        }
    }

    fn wait_again(&mut self, parts: Vec<Batch>, error: &Error) {
        self.connection.failed(error, &self.shared);
        self.backlog.put_back(parts);
    }

    /// Gives up a record that the store refuses.
    fn refused(&mut self, part: Batch, error: &Error) {
        let mut ledger = self.shared.ledger.lock();
        for (settled, count) in ledger.settled.kinds_mut().zip(part.counts()).each() {
            settled.lost_refused += count;
        }
        drop(ledger);
        let lost = |what: &str, id: &dyn Display| {
            tracing::error!(target: "tower_activity::store", %id, %error, "the store refuses this {what}, it is lost");
        };
        let awaited = self.backlog.release(&part, &self.shared);
        for one in part.ended {
            lost("activity", &one.started.id);
            if self.shared.config.mode == Mode::Durable {
                self.shared.refused.lock().insert(one.started.id);
            }
        }
        for (one, awaited) in part.events.into_iter().zip(awaited) {
            lost("event", &one.id);
            awaited.receipt.refused(one.id, error);
        }
        for one in part.steps {
            lost("step of a recording", &one.recording);
        }
    }

    fn empty_batch(&self) -> Batch {
        Batch {
            accounting: self.accounting(PerKind::default()),
            ..Batch::default()
        }
    }
}

/// Splits off the second half. Two records are split into one and one.
fn split_off_half(batch: &mut Batch) -> Batch {
    fn beyond<T>(list: &mut Vec<T>, left: &mut usize) -> Vec<T> {
        let kept = list.len().min(*left);
        *left -= kept;
        list.split_off(kept)
    }
    let mut left = batch.len() as usize / 2;
    Batch {
        ended: beyond(&mut batch.ended, &mut left),
        events: beyond(&mut batch.events, &mut left),
        steps: beyond(&mut batch.steps, &mut left),
        environment: batch.environment.clone(),
        ..Batch::default()
    }
}
