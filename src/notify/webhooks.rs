//! The webhooks of a log.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{DeadLetter, Secret, Webhook, WebhookStatus, state::StateFile},
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
    store::{Position, Record, Store, What, sqlite::SqliteStore},
};

/// The webhooks of a store in a file. Cloning the handle is cheap.
///
/// They can be added and removed from any process; one of those that [`deliver`](Self::deliver) does, and another takes
/// over when it ends.
#[derive(Debug, Clone)]
#[must_use]
pub struct Webhooks {
    pub(super) store: Arc<dyn Store>,
    pub(super) file: StateFile,
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
        Webhooks::from_store(Arc::new(SqliteStore::new(path)?))
    }

    /// Names the webhooks of a store, which are kept beside its file.
    ///
    /// # Errors
    ///
    /// When it has no file.
    pub fn from_store(store: Arc<dyn Store>) -> Result<Self> {
        let file = store.file().map(StateFile::beside).ok_or_else(|| {
            Error::invalid(format!(
                "{store:?} has no webhooks: they are kept beside a file"
            ))
        })?;
        Ok(Webhooks {
            store,
            file,
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
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
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
        let mut reader = ActivityReader::of(&*self.store)?;
        let newest = reader.newest::<R>()?;
        // Refuses a filter that asks for what such records do not have.
        reader.after(newest, &webhook.filter, 1)?;
        let state = self.file.open()?;
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
        match self.file.exists()? && self.file.open()?.remove(name)? {
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
        if !self.file.exists()? {
            return Ok(Vec::new());
        }
        let statuses = self.file.open()?.statuses()?;
        if statuses.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = ActivityReader::of(&*self.store)?;
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
        match self.file.exists()? {
            true => self.file.open()?.dead_letters(),
            false => Ok(Vec::new()),
        }
    }
}

/// How many places are left. Where the place is in another log, that is not known before the webhook goes on in this one.
fn behind<R>(log: i64, seq: i64, newest: Position<R>) -> u64 {
    match log == 0 || log == newest.log() {
        true => Position::new(log, seq).behind(newest),
        false => 0,
    }
}

pub(super) fn unknown(name: &str) -> Error {
    let what = format!("there is no webhook {name:?}");
    Error::new(ErrorKind::NotFound, what)
}
