//! Follows the log for one webhook.

use std::{sync::Arc, time::Duration};

use chrono::Utc;

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{
        DeadLetter, Webhooks,
        lease::Lease,
        send::{MAX_RETRY_AFTER, Message, SendResult, Sender},
        state::{State, WebhookRow},
        stop::StopSignal,
        webhooks::{Settings, unknown},
    },
    query::{ActivityReader, ExportRecord},
    record::{ActivityRecord, EventRecord},
    store::{Position, RecordKind},
};

/// Interval of the queries for new records.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Records per query.
const PAGE: usize = 100;

/// Sends the records of one webhook, one after the other.
#[derive(Debug)]
pub(super) struct Follower {
    webhooks: Webhooks,
    settings: Settings,
    sender: Sender,
    /// `None` for a dead letter that a person sends again.
    lease: Option<Arc<Lease>>,
    reader: Option<ActivityReader>,
    /// After the log was replaced: the first position (log, seq) that was seen in the new one.
    restarted_at: Option<(i64, i64)>,
}

/// What to do after a step.
enum Next {
    /// Continue: there may be more records.
    Continue,
    /// Wait for new records.
    Wait,
    /// End: the webhook was removed or stopped, or the delivery was.
    End,
}

impl Webhooks {
    /// Sends a dead letter again, and removes it once delivered.
    ///
    /// # Errors
    ///
    /// If the attempt fails, or the record was pruned or the webhook removed (`is_not_found`).
    pub fn retry(&self, letter: &DeadLetter) -> Result<()> {
        let mut state = self.place.open()?;
        let name = &letter.webhook;
        let webhook = state.webhook(name)?.ok_or_else(|| unknown(name))?;
        let mut follower = Follower::new(self, None);
        let message = match webhook.what {
            RecordKind::Activities => follower.message::<ActivityRecord>(&letter.id)?,
            RecordKind::Events => follower.message::<EventRecord>(&letter.id)?,
        };
        let message = message.ok_or_else(|| {
            let what = format!("record {} is no longer in the log", letter.id);
            Error::new(ErrorKind::NotFound, what)
        })?;
        match follower.send(&webhook, &message) {
            SendResult::Delivered => state.remove_dead_letter(letter),
            SendResult::Unreachable(why) | SendResult::Rejected(why, _) | SendResult::Gone(why) => {
                Err(Error::new(
                    ErrorKind::Refused,
                    format!(
                        "could not deliver record {} to {}: {why}",
                        letter.id, webhook.url
                    ),
                ))
            }
        }
    }
}

impl Follower {
    pub(super) fn new(webhooks: &Webhooks, lease: Option<Arc<Lease>>) -> Self {
        Follower {
            webhooks: webhooks.clone(),
            settings: webhooks.settings,
            sender: Sender::new(webhooks.settings.timeout),
            lease,
            reader: None,
            restarted_at: None,
        }
    }

    /// Runs until the webhook is removed or stopped, or the delivery is, or another process may deliver. Errors are logged and retried.
    pub(super) fn run(mut self, name: &str, stop: &StopSignal) {
        let mut state = None;
        let mut backoff = self.settings.first_backoff;
        loop {
            let pause = match self.step(name, &mut state, stop) {
                Ok(Next::End) => return,
                Ok(Next::Continue) => Duration::ZERO,
                Ok(Next::Wait) => POLL_INTERVAL,
                Err(error) => {
                    tracing::warn!(
                        target: "tower_activity::notify", webhook = name, %error,
                        "webhook failed; will retry"
                    );
                    (self.reader, state) = (None, None);
                    backoff = (backoff * 2).min(self.settings.max_backoff);
                    backoff
                }
            };
            if pause <= POLL_INTERVAL {
                backoff = self.settings.first_backoff;
            }
            if stop.wait(pause) {
                return;
            }
        }
    }

    fn step(&mut self, name: &str, state: &mut Option<State>, stop: &StopSignal) -> Result<Next> {
        let state = match state {
            Some(state) => state,
            None => state.insert(self.webhooks.place.open()?),
        };
        let Some(webhook) = state.webhook(name)? else {
            return Ok(Next::End);
        };
        match webhook.what {
            RecordKind::Activities => self.follow::<ActivityRecord>(name, state, &webhook, stop),
            RecordKind::Events => self.follow::<EventRecord>(name, state, &webhook, stop),
        }
    }

    fn follow<R: ExportRecord>(
        &mut self,
        name: &str,
        state: &mut State,
        webhook: &WebhookRow,
        stop: &StopSignal,
    ) -> Result<Next> {
        let from = webhook.position::<R>();
        let after = self.reader()?.after(from, &webhook.filter, PAGE)?;
        for record in &after.records {
            let seq = record.seq().unwrap_or(after.next.seq());
            let position = Position::<R>::new(after.next.log(), seq);
            if !self.deliver(name, state, position, &message(record)?, stop)? {
                return Ok(Next::End);
            }
        }
        let mut next = after.next;
        let seen = after.restarted.then_some((next.log(), next.seq()));
        match (seen, std::mem::replace(&mut self.restarted_at, seen)) {
            // The writer may be about to copy records from the replaced file into this one.
            (Some(_), None) => return Ok(Next::Wait),
            // Records committed since the first query must be sent.
            (Some((log, seq)), Some((first, earlier))) if log == first => {
                next = Position::new(log, seq.min(earlier));
                self.restarted_at = None;
            }
            (Some(_), Some(_)) => return Ok(Next::Wait),
            _ => {}
        }
        if next != from {
            state.advance(name, from, next)?;
        }
        Ok(match after.records.len() {
            PAGE => Next::Continue,
            _ => Next::Wait,
        })
    }

    /// Sends one record until it is delivered or becomes a dead letter. Returns false if the webhook or the delivery ended,
    /// or another process may deliver.
    fn deliver<R>(
        &self,
        name: &str,
        state: &mut State,
        position: Position<R>,
        message: &Message,
        stop: &StopSignal,
    ) -> Result<bool> {
        let mut backoff = self.settings.first_backoff;
        let mut attempts = 0;
        loop {
            // Read again each time: it may have been reconfigured.
            let Some(webhook) = state.webhook(name)? else {
                return Ok(false);
            };
            if let Some(wait) = self.remaining_wait(&webhook) {
                if stop.wait(wait.min(POLL_INTERVAL)) {
                    return Ok(false);
                }
                continue;
            }
            if !self.may_send() {
                return Ok(false);
            }
            let result = self.send(&webhook, message);
            let (why, retry_after) = match result {
                SendResult::Delivered => {
                    return state.record_delivery(name, webhook.position(), position);
                }
                // This process stood still meanwhile: the attempt is another one's.
                _ if !self.may_send() => return Ok(false),
                SendResult::Gone(why) => {
                    state.mark_stopped(name, &why)?;
                    return Ok(false);
                }
                SendResult::Unreachable(why) => (why, None),
                SendResult::Rejected(why, retry_after) => {
                    attempts += 1;
                    (why, retry_after)
                }
            };
            if attempts >= self.settings.attempts {
                // `Retry-After` delays the next record too.
                let retry_at = retry_after.map(|delay| Utc::now() + delay);
                state.record_failure(name, &why, retry_at)?;
                let letter = DeadLetter {
                    webhook: name.to_owned(),
                    seq: position.seq(),
                    id: message.id.clone(),
                    at: Utc::now(),
                    attempts,
                    error: why,
                };
                return state.add_dead_letter(&letter, webhook.position(), position);
            }
            let delay = backoff.mul_f64(1.0 - fastrand::f64() / 2.0);
            let delay = retry_after.map_or(delay, |asked| asked.max(delay));
            state.record_failure(name, &why, Some(Utc::now() + delay))?;
            backoff = (backoff * 2).min(self.settings.max_backoff);
        }
    }

    /// Whether no other process delivers for the time that a request may take.
    fn may_send(&self) -> bool {
        let lease = self.lease.as_ref();
        lease.is_none_or(|lease| lease.covers(self.settings.timeout))
    }

    /// Returns the time until the next attempt; `None` if it is due.
    fn remaining_wait(&self, webhook: &WebhookRow) -> Option<Duration> {
        let wait = (webhook.again_at? - Utc::now()).to_std().ok()?;
        // A longer wait means that the clock was set back.
        let max = self.settings.max_backoff.max(MAX_RETRY_AFTER);
        (!wait.is_zero() && wait <= max).then_some(wait)
    }

    fn send(&self, webhook: &WebhookRow, message: &Message) -> SendResult {
        let WebhookRow {
            url, reach, secret, ..
        } = webhook;
        self.sender.send(url, *reach, secret, message, Utc::now())
    }

    /// Returns the message of a record; `None` if it was pruned.
    fn message<R: ExportRecord>(&mut self, id: &str) -> Result<Option<Message>> {
        let found = self.reader()?.get::<R>(id.parse()?)?;
        found.as_ref().map(message).transpose()
    }

    fn reader(&mut self) -> Result<&mut ActivityReader> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => ActivityReader::from_store(&*self.webhooks.store)?,
        };
        Ok(self.reader.insert(reader))
    }
}

fn message<R: ExportRecord>(record: &R) -> Result<Message> {
    let id = record.id().to_string();
    let body = serde_json::to_vec(&record.envelope()).map_err(|cause| {
        Error::store(format!("could not serialize record {id}")).with_source(cause)
    })?;
    Ok(Message { id, body })
}
