//! Records that the store refuses: found one by one, so that they do not hold back the others.

use std::time::Instant;

use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{Mode, ledger::Committing, worker::Worker},
    store::{Appended, Batch, Ended, NewEvent, NewStep},
};

/// Some records of a batch, in order.
struct Part {
    ended: Vec<Ended>,
    events: Vec<NewEvent>,
    steps: Vec<NewStep>,
}

impl Worker {
    /// Finds the records that the store refuses, by halves, so that they do not hold back the others. `false`
    /// when it was not the records' fault: what is left waits.
    pub(super) fn isolate(&mut self, batch: Batch) -> bool {
        let all = Part {
            ended: batch.ended,
            events: batch.events,
            steps: batch.steps,
        };
        // Open rows stand apart: where they are refused they are left out.
        let listing = Batch {
            open: batch.open,
            environment: batch.environment.clone(),
            ..self.empty_batch()
        };
        if let Err(error) = self.append_alone(&listing)
            && error.kind() != ErrorKind::Refused
        {
            self.open = listing.open;
            self.wait_again(vec![all], &error);
            return false;
        }
        drop(listing);
        self.forget_open();
        let mut parts = vec![all];
        while let Some(part) = parts.pop() {
            let several = part.len() > 1;
            let mut attempt = Batch {
                environment: batch.environment.clone(),
                ended: part.ended,
                events: part.events,
                steps: part.steps,
                ..Batch::default()
            };
            attempt.accounting = self.accounting(Committing::of(&attempt));
            let appended = if several {
                self.append(&attempt)
            } else {
                self.append_alone(&attempt)
            };
            let error = match appended {
                Ok(appended) => {
                    self.settle(&mut attempt, &appended);
                    continue;
                }
                Err(error) => error,
            };
            let mut part = Part {
                ended: attempt.ended,
                events: attempt.events,
                steps: attempt.steps,
            };
            match error.kind() {
                ErrorKind::Refused | ErrorKind::Panicked if several => {
                    let second = part.split_off_half();
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

    /// Gives the store what cannot be divided. That it panics over it is a refusal only when it takes a batch
    /// without it, and then panics over it again.
    fn append_alone(&mut self, batch: &Batch) -> Result<Appended> {
        let panicked = |error: &Error| error.kind() == ErrorKind::Panicked;
        match self.append(batch) {
            Err(error) if panicked(&error) => {
                self.append(&self.empty_batch())?;
                self.append(batch).map_err(|error| match error.kind() {
                    ErrorKind::Panicked => {
                        Error::new(ErrorKind::Refused, "the store panics over it")
                            .with_source(error)
                    }
                    _ => error,
                })
            }
            result => result,
        }
    }

    /// Puts parts of a batch, the last one first, back in front of what waits.
    fn wait_again(&mut self, parts: Vec<Part>, error: &Error) {
        self.failed(error);
        for part in parts {
            let ended = part.ended.into_iter().rev();
            ended.for_each(|one| self.pending.push_front(one));
            let events = part.events.into_iter().rev();
            events.for_each(|one| self.events.push_front(one));
            let steps = part.steps.into_iter().rev();
            steps.for_each(|one| self.steps.push_front(one));
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
                self.shared.refused.lock().insert(one.started.id);
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
        for one in part.steps {
            tracing::error!(
                target: "tower_activity::store",
                id = %one.recording, %error, "the store refuses this step of a recording, it is lost"
            );
            self.shared.recordings.give_back(one.charge as usize);
            self.shared.give_back(one.charge as usize);
            self.shared.ledger.lock().steps.lost_refused += 1;
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
        self.ended.len() + self.events.len() + self.steps.len()
    }

    /// Leaves about the half here. Of two records each gets one.
    fn split_off_half(&mut self) -> Part {
        fn beyond<T>(list: &mut Vec<T>, left: &mut usize) -> Vec<T> {
            let kept = list.len().min(*left);
            *left -= kept;
            list.split_off(kept)
        }
        let mut left = self.len() / 2;
        Part {
            ended: beyond(&mut self.ended, &mut left),
            events: beyond(&mut self.events, &mut left),
            steps: beyond(&mut self.steps, &mut left),
        }
    }
}
