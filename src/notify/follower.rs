//! One webhook on its way through the log.

use std::time::Duration;

use chrono::Utc;

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{
        DeadLetter, Webhooks,
        send::{LONGEST_ASKED, Message, Sender, Sent},
        state::{Kept, State},
        stop::Stop,
        webhooks::{Settings, unknown},
    },
    query::{ActivityReader, Exported},
    record::{ActivityRecord, EventRecord},
    store::{Position, What},
};

/// How often the log is asked for news.
const EVERY: Duration = Duration::from_millis(500);
/// How many records are read at once.
const PAGE: usize = 100;

/// Sends what one webhook means, one after the other.
#[derive(Debug)]
pub(super) struct Follower {
    webhooks: Webhooks,
    settings: Settings,
    sender: Sender,
    reader: Option<ActivityReader>,
    /// The newest place of a log that has not what was sent, as it was first seen: its number, and that of the commit.
    restarted: Option<(i64, i64)>,
}

/// How things stand after a step.
enum Step {
    /// There may be more.
    Again,
    /// There is nothing more for now.
    Idle,
    /// The webhook is gone or stopped, or all of it is to stop.
    End,
}

impl Webhooks {
    /// Sends what was set aside once more, now. What is taken is forgotten.
    ///
    /// # Errors
    ///
    /// When its receiver does not take it this time either, when it was pruned or its webhook removed (`is_not_found`).
    pub fn retry(&self, letter: &DeadLetter) -> Result<()> {
        let state = self.file.open()?;
        let name = &letter.webhook;
        let webhook = state.webhook(name)?.ok_or_else(|| unknown(name))?;
        let mut follower = Follower::of(self);
        let message = match webhook.what {
            What::Activities => follower.message::<ActivityRecord>(&letter.id)?,
            What::Events => follower.message::<EventRecord>(&letter.id)?,
        };
        let message = message.ok_or_else(|| {
            let what = format!("the record {} is not in the log any more", letter.id);
            Error::new(ErrorKind::NotFound, what)
        })?;
        match follower.send(&webhook, &message) {
            Sent::Taken => state.forget(letter),
            Sent::Unreachable(why) | Sent::Refused(why, _) | Sent::Gone(why) => Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "{} did not take the record {}: {why}",
                    webhook.url, letter.id
                ),
            )),
        }
    }
}

impl Follower {
    pub(super) fn of(webhooks: &Webhooks) -> Self {
        Follower {
            webhooks: webhooks.clone(),
            settings: webhooks.settings,
            sender: Sender::new(webhooks.settings.timeout),
            reader: None,
            restarted: None,
        }
    }

    /// Follows until the webhook is gone or it is told to stop. Whatever fails here is tried again.
    pub(super) fn run(mut self, name: &str, stop: &Stop) {
        let mut state = None;
        let mut wait = self.settings.first_wait;
        loop {
            let pause = match self.step(name, &mut state, stop) {
                Ok(Step::End) => return,
                Ok(Step::Again) => Duration::ZERO,
                Ok(Step::Idle) => EVERY,
                Err(error) => {
                    tracing::warn!(
                        target: "tower_activity::notify", webhook = name, %error,
                        "a webhook cannot go on, and tries again"
                    );
                    (self.reader, state) = (None, None);
                    wait = (wait * 2).min(self.settings.longest_wait);
                    wait
                }
            };
            if pause <= EVERY {
                wait = self.settings.first_wait;
            }
            if stop.wait(pause) {
                return;
            }
        }
    }

    fn step(&mut self, name: &str, state: &mut Option<State>, stop: &Stop) -> Result<Step> {
        let state = match state {
            Some(state) => state,
            None => state.insert(self.webhooks.file.open()?),
        };
        let Some(webhook) = state.webhook(name)? else {
            return Ok(Step::End);
        };
        match webhook.what {
            What::Activities => self.follow::<ActivityRecord>(name, state, &webhook, stop),
            What::Events => self.follow::<EventRecord>(name, state, &webhook, stop),
        }
    }

    fn follow<R: Exported>(
        &mut self,
        name: &str,
        state: &State,
        webhook: &Kept,
        stop: &Stop,
    ) -> Result<Step> {
        let from = webhook.place::<R>();
        let after = self.reader()?.after(from, &webhook.filter, PAGE)?;
        for record in &after.records {
            let seq = record.seq().unwrap_or(after.next.seq());
            let place = Position::<R>::new(after.next.log(), seq);
            if !self.deliver(name, state, place, &message(record)?, stop)? {
                return Ok(Step::End);
            }
        }
        let mut next = after.next;
        let seen = after.restarted.then_some((next.log(), next.seq()));
        match (seen, std::mem::replace(&mut self.restarted, seen)) {
            // Its writer may be about to copy what was in the file whose place this one has taken.
            (Some(_), None) => return Ok(Step::Idle),
            // What came meanwhile is to be sent.
            (Some((log, seq)), Some((first, earlier))) if log == first => {
                next = Position::new(log, seq.min(earlier));
                self.restarted = None;
            }
            (Some(_), Some(_)) => return Ok(Step::Idle),
            _ => {}
        }
        if next != from {
            state.passed(name, from, next)?;
        }
        Ok(match after.records.len() {
            PAGE => Step::Again,
            _ => Step::Idle,
        })
    }

    /// Sends one record until it is taken or set aside. False where the webhook is gone or stopped, or all is to stop.
    fn deliver<R>(
        &self,
        name: &str,
        state: &State,
        place: Position<R>,
        message: &Message,
        stop: &Stop,
    ) -> Result<bool> {
        let mut wait = self.settings.first_wait;
        let mut attempts = 0;
        loop {
            // Anew each time: somebody may have mended it.
            let Some(webhook) = state.webhook(name)? else {
                return Ok(false);
            };
            if let Some(rest) = self.rest(&webhook) {
                if stop.wait(rest.min(EVERY)) {
                    return Ok(false);
                }
                continue;
            }
            let (why, asked) = match self.send(&webhook, message) {
                Sent::Taken => return state.delivered(name, place),
                Sent::Gone(why) => {
                    state.stopped(name, &why)?;
                    return Ok(false);
                }
                Sent::Unreachable(why) => (why, None),
                Sent::Refused(why, asked) => {
                    attempts += 1;
                    (why, asked)
                }
            };
            if attempts >= self.settings.attempts {
                // The next record, too, waits for as long as the receiver asks.
                state.trouble(name, &why, asked.map(|asked| Utc::now() + asked))?;
                let letter = DeadLetter {
                    webhook: name.to_owned(),
                    seq: place.seq(),
                    id: message.id.clone(),
                    at: Utc::now(),
                    attempts,
                    error: why,
                };
                return state.set_aside(&letter, webhook.place(), place);
            }
            let own = wait.mul_f64(1.0 - fastrand::f64() / 2.0);
            let pause = asked.map_or(own, |asked| asked.max(own));
            state.trouble(name, &why, Some(Utc::now() + pause))?;
            wait = (wait * 2).min(self.settings.longest_wait);
        }
    }

    /// How long nothing is to be sent; `None` where it is time.
    fn rest(&self, webhook: &Kept) -> Option<Duration> {
        let rest = (webhook.again_at? - Utc::now()).to_std().ok()?;
        // Nobody waits for longer: then the clock was set back.
        let longest = self.settings.longest_wait.max(LONGEST_ASKED);
        (!rest.is_zero() && rest <= longest).then_some(rest)
    }

    fn send(&self, webhook: &Kept, message: &Message) -> Sent {
        let Kept {
            url, reach, secret, ..
        } = webhook;
        self.sender.send(url, *reach, secret, message, Utc::now())
    }

    /// The record with this id; `None` where it was pruned.
    fn message<R: Exported>(&mut self, id: &str) -> Result<Option<Message>> {
        let found = self.reader()?.get::<R>(id.parse()?)?;
        found.as_ref().map(message).transpose()
    }

    fn reader(&mut self) -> Result<&mut ActivityReader> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => ActivityReader::of(&*self.webhooks.store)?,
        };
        Ok(self.reader.insert(reader))
    }
}

fn message<R: Exported>(record: &R) -> Result<Message> {
    let id = record.id().to_string();
    let body = serde_json::to_vec(&record.envelope()).map_err(|cause| {
        Error::store(format!("could not write the record {id} as JSON")).with_source(cause)
    })?;
    Ok(Message { id, body })
}
