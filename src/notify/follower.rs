//! One webhook on its way through the log.

use std::time::Duration;

use chrono::Utc;

use crate::{
    error::{Error, Result},
    notify::{
        DeadLetter, Webhooks, What,
        delivery::Stop,
        send::{LONGEST_ASKED, Message, Sender, Sent},
        state::{Kept, State},
        webhooks::Settings,
    },
    query::{ActivityReader, CloudEvent},
    record::Filter,
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
}

/// A record, and its place.
type Placed = (i64, Message);

/// How things stand after a step.
enum Step {
    /// There may be more.
    Again,
    /// There is nothing more for now.
    Idle,
    /// The webhook is gone or stopped, or all of it is to stop.
    End,
}

impl Follower {
    pub(super) fn of(webhooks: &Webhooks) -> Self {
        Follower {
            webhooks: webhooks.clone(),
            settings: webhooks.settings,
            sender: Sender::new(webhooks.settings.timeout),
            reader: None,
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
            None => state.insert(self.webhooks.state()?),
        };
        let Some(webhook) = state.webhook(name)? else {
            return Ok(Step::End);
        };
        let (records, seq) = self.after(webhook.what, webhook.seq, &webhook.filter, PAGE)?;
        for (seq, message) in &records {
            if !self.deliver(name, state, *seq, message, stop)? {
                return Ok(Step::End);
            }
        }
        if seq > webhook.seq {
            state.passed(name, seq)?;
        } else if seq < webhook.seq {
            // Another file has taken the place of the log: what is in it by now may have been sent.
            state.began_anew(name, webhook.seq, seq)?;
        }
        Ok(match records.len() {
            PAGE => Step::Again,
            _ => Step::Idle,
        })
    }

    /// Sends one record until it is taken or set aside. False where the webhook is gone or stopped, or all is to stop.
    fn deliver(
        &self,
        name: &str,
        state: &State,
        seq: i64,
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
                Sent::Taken => return state.delivered(name, seq),
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
                return state.set_aside(&DeadLetter {
                    webhook: name.to_owned(),
                    seq,
                    id: message.id.clone(),
                    at: Utc::now(),
                    attempts,
                    error: why,
                });
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

    pub(super) fn send(&self, webhook: &Kept, message: &Message) -> Sent {
        let Kept {
            url, reach, secret, ..
        } = webhook;
        self.sender.send(url, *reach, secret, message, Utc::now())
    }

    /// The record at this place; `None` where it was pruned.
    pub(super) fn message(&mut self, what: What, seq: i64) -> Result<Option<Message>> {
        let (records, _) = self.after(what, seq - 1, &Filter::default(), 1)?;
        let found = records.into_iter().find(|(place, _)| *place == seq);
        Ok(found.map(|(_, message)| message))
    }

    /// What was committed after a place, and up to which place all of it was looked at.
    fn after(
        &mut self,
        what: What,
        seq: i64,
        filter: &Filter,
        limit: usize,
    ) -> Result<(Vec<Placed>, i64)> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self
                .reader
                .insert(ActivityReader::open(&self.webhooks.log)?),
        };
        match what {
            What::Activities => {
                let followed = reader.after(seq, filter, limit)?;
                let placed = followed.activities.iter().map(|one| {
                    let id = one.id.to_string();
                    message(
                        id,
                        one.seq.unwrap_or(followed.seq),
                        &CloudEvent::of_activity(one),
                    )
                });
                Ok((placed.collect::<Result<_>>()?, followed.seq))
            }
            What::Events => {
                let followed = reader.events_after(seq, filter, limit)?;
                let placed = followed
                    .events
                    .iter()
                    .map(|one| message(one.id.to_string(), one.seq, &CloudEvent::of_event(one)));
                Ok((placed.collect::<Result<_>>()?, followed.seq))
            }
        }
    }
}

fn message(id: String, seq: i64, event: &CloudEvent<'_>) -> Result<Placed> {
    let body = serde_json::to_vec(event).map_err(|cause| {
        Error::store(format!("could not write the record {id} as JSON")).with_source(cause)
    })?;
    Ok((seq, Message { id, body }))
}
