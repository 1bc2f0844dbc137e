//! The webhooks of a log.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{
        DeadLetter, Delivery, Secret, Webhook, WebhookStatus, follower::Follower, send::Sent,
        state::State,
    },
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
    store::{Position, Record, What},
};

/// The webhooks of a log in a file. Cloning the handle is cheap.
///
/// They can be added and removed from any process; one of those that [`deliver`](Self::deliver) does, and another takes
/// over when it ends.
#[derive(Clone)]
#[must_use]
pub struct Webhooks {
    pub(super) log: PathBuf,
    pub(super) settings: Settings,
}

/// How messages are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    pub(super) first_wait: Duration,
    pub(super) longest_wait: Duration,
}

impl Webhooks {
    /// Names the webhooks of the log in this file.
    ///
    /// # Errors
    ///
    /// When the path cannot be made absolute, or is no path to a file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.as_os_str() == ":memory:" {
            return Err(Error::invalid(
                "a log in memory has no webhooks: open it in a file",
            ));
        }
        let log = std::path::absolute(path).map_err(|cause| {
            Error::invalid(format!("cannot use the path {path:?}")).with_source(cause)
        })?;
        Ok(Webhooks {
            log,
            settings: Settings {
                timeout: Duration::from_secs(15),
                attempts: 10,
                first_wait: Duration::from_secs(1),
                longest_wait: Duration::from_secs(300),
            },
        })
    }

    /// Sets how long a receiver may take for its answer; 15 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets how often a record is sent that the receiver does not take; 10 times by default, at least once.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// Sets how long the first wait is before something is sent again, and the longest; 1 second and 5 minutes by
    /// default. Each is twice as long as the one before, and up to a half of it is left to chance.
    pub fn waits(mut self, first: Duration, longest: Duration) -> Self {
        (self.settings.first_wait, self.settings.longest_wait) = (first, longest);
        self
    }

    /// Adds a webhook, and gives its secret. One of the same name gives way: the new one has its secret, and goes on
    /// where it was, also where it was stopped, unless it says otherwise.
    ///
    /// # Errors
    ///
    /// When there is no log, it cannot be read or what is kept beside it cannot be written, and when the filter asks for
    /// what such records do not have.
    pub fn add(&self, webhook: &Webhook) -> Result<Secret> {
        match webhook.what {
            What::Activities => self.add_of::<ActivityRecord>(webhook),
            What::Events => self.add_of::<EventRecord>(webhook),
        }
    }

    fn add_of<R: Record>(&self, webhook: &Webhook) -> Result<Secret> {
        let mut reader = ActivityReader::open(&self.log)?;
        let newest = reader.newest::<R>()?;
        // Refuses a filter that asks for what such records do not have.
        reader.after(newest, &webhook.filter, 1)?;
        let state = self.state()?;
        let secret = match (&webhook.secret, state.webhook(&webhook.name)?) {
            (Some(secret), _) => secret.clone(),
            (None, Some(earlier)) => earlier.secret,
            (None, None) => Secret::random()?,
        };
        state.add(webhook, &secret, newest)?;
        Ok(secret)
    }

    /// Removes a webhook, with what was set aside for it.
    ///
    /// # Errors
    ///
    /// When there is none of this name (`is_not_found`), and when what is kept cannot be written.
    pub fn remove(&self, name: &str) -> Result<()> {
        match self.known()? && self.state()?.remove(name)? {
            true => Ok(()),
            false => Err(unknown(name)),
        }
    }

    /// Every webhook, and how it stands.
    ///
    /// # Errors
    ///
    /// When what is kept, or the log, cannot be read.
    pub fn list(&self) -> Result<Vec<WebhookStatus>> {
        if !self.known()? {
            return Ok(Vec::new());
        }
        let statuses = self.state()?.statuses()?;
        if statuses.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = ActivityReader::open(&self.log)?;
        let activities = reader.newest::<ActivityRecord>()?;
        let events = reader.newest::<EventRecord>()?;
        let with_behind = |(mut status, log): (WebhookStatus, i64)| {
            status.behind = match status.what {
                What::Activities => behind(log, status.seq, activities),
                What::Events => behind(log, status.seq, events),
            };
            status
        };
        Ok(statuses.into_iter().map(with_behind).collect())
    }

    /// What was set aside because its receiver did not take it.
    ///
    /// # Errors
    ///
    /// When what is kept cannot be read.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        match self.known()? {
            true => self.state()?.dead_letters(),
            false => Ok(Vec::new()),
        }
    }

    /// Sends what was set aside once more, now. What is taken is forgotten.
    ///
    /// # Errors
    ///
    /// When its receiver does not take it this time either, when it was pruned or its webhook removed (`is_not_found`).
    pub fn retry(&self, letter: &DeadLetter) -> Result<()> {
        let state = self.state()?;
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

    /// Delivers, on threads of its own, until what it gives is dropped. Where another process does already, it waits for
    /// that to end.
    pub fn deliver(&self) -> Delivery {
        Delivery::begin(self.clone())
    }

    pub(super) fn state(&self) -> Result<State> {
        State::open(&self.beside("webhooks"))
    }

    /// False where nothing was ever added.
    pub(super) fn known(&self) -> Result<bool> {
        let path = self.beside("webhooks");
        match fs::metadata(&path) {
            Ok(_) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => {
                let what = format!("cannot read the webhooks {}", path.display());
                Err(Error::store(what).with_source(cause))
            }
        }
    }

    /// A file beside the log.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        let mut path = self.log.clone().into_os_string();
        path.push("-");
        path.push(what);
        path.into()
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhooks").field(&self.log).finish()
    }
}

/// How many places are left. Where the place is in another log, that is not known before the webhook goes on in this one.
fn behind<R>(log: i64, seq: i64, newest: Position<R>) -> u64 {
    match log == 0 || log == newest.log() {
        true => Position::new(log, seq).behind(newest),
        false => 0,
    }
}

fn unknown(name: &str) -> Error {
    let what = format!("there is no webhook {name:?}");
    Error::new(ErrorKind::NotFound, what)
}
