//! The webhooks of a log.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{DeadLetter, Secret, Webhook, WebhookStatus, state::StatePlace},
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
    store::{self, Outage, OutageListener, Position, Record, RecordKind, Store},
};

/// The webhooks of a store. Cloning the handle is cheap.
///
/// Any process can add and remove webhooks. Of the processes that call [`deliver`](Self::deliver) one delivers, and another
/// takes over when it ends.
///
/// The webhooks of a central store send the records of all logs. The process that delivers, on any machine, has a lease in the
/// database, on its clock: one that is killed or cut off is replaced within the [timeout](Self::timeout) of a request and 10
/// seconds, and does not begin a request that could last longer than its lease.
///
/// A handle does not survive a fork: in the child it fails to read the store, and its delivery sends nothing. Open another one
/// in the child.
#[derive(Debug, Clone)]
#[must_use]
pub struct Webhooks {
    pub(super) store: Arc<dyn Store>,
    pub(super) place: StatePlace,
    pub(super) settings: Settings,
    pub(super) outages: OutageListener,
}

/// Timeout and retries of messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    pub(super) first_backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl Webhooks {
    /// Opens the webhooks of the log in this file, or of all logs that are forwarded to this PostgreSQL database
    /// (`postgres://user@host/database`). Neither needs to exist yet.
    ///
    /// # Errors
    ///
    /// As for [`store::open`](crate::store::open), and for `:memory:`.
    pub fn open(location: impl AsRef<Path>) -> Result<Self> {
        Webhooks::from_store(store::open(location)?)
    }

    /// Opens the webhooks of a store: they are stored beside its file, or in tables of a central store in PostgreSQL.
    ///
    /// # Errors
    ///
    /// If the store has no file, and is no central store in PostgreSQL.
    pub fn from_store(store: Arc<dyn Store>) -> Result<Self> {
        let place = StatePlace::of(&store).ok_or_else(|| {
            Error::invalid(format!(
                "{store:?} cannot have webhooks: they are stored beside a file, or in a central store in PostgreSQL"
            ))
        })?;
        Ok(Webhooks {
            store,
            place,
            settings: Settings {
                timeout: Duration::from_secs(15),
                attempts: 10,
                first_backoff: Duration::from_secs(1),
                max_backoff: Duration::from_secs(300),
            },
            outages: OutageListener::default(),
        })
    }

    /// Sets the timeout of a request [default: 15 seconds].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the number of attempts before a record becomes a dead letter [default: 10; minimum: 1].
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// Sets the first and the maximum delay between attempts [default: 1 second and 5 minutes]. The delay doubles with each
    /// attempt, and a random part of up to a half is subtracted.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        (self.settings.first_backoff, self.settings.max_backoff) = (first, max);
        self
    }

    /// Calls a function when [`deliver`](Self::deliver) begins to fail because the store is away, and when it delivers again. It is
    /// called on a thread of the delivery.
    pub fn on_outage(mut self, listener: impl Fn(Outage<'_>) + Send + Sync + 'static) -> Self {
        self.outages = OutageListener::new(listener);
        self
    }

    /// Adds a webhook and returns its secret. It replaces one of the same name: it takes over its secret and its position
    /// unless it sets others, and starts again if that one was stopped.
    ///
    /// # Errors
    ///
    /// If the log does not exist or cannot be read, the state of webhooks cannot be written, or the filter uses a field that
    /// the records do not have.
    pub fn add(&self, webhook: &Webhook) -> Result<Secret> {
        match webhook.what {
            RecordKind::Activities => self.add_of::<ActivityRecord>(webhook),
            RecordKind::Events => self.add_of::<EventRecord>(webhook),
        }
    }

    fn add_of<R: Record>(&self, webhook: &Webhook) -> Result<Secret> {
        // First, because it needs the most rights.
        let mut state = self.place.open_existing()?;
        let earlier = match &mut state {
            Some(state) => state.webhook(&webhook.name)?,
            None => None,
        };
        let secret = match (&webhook.secret, earlier) {
            (Some(secret), _) => secret.clone(),
            (None, Some(earlier)) => earlier.secret,
            (None, None) => Secret::random()?,
        };
        let mut reader = ActivityReader::from_store(&*self.store)?;
        let newest = reader.newest::<R>()?;
        // Rejects a filter with fields that the records do not have.
        reader.after(newest, &webhook.filter, 1)?;
        let mut state = match state {
            Some(state) => state,
            None => self.place.open()?,
        };
        state.add(webhook, &secret, newest)?;
        Ok(secret)
    }

    /// Removes a webhook with its dead letters.
    ///
    /// # Errors
    ///
    /// If there is none of this name (`is_not_found`), or the state of webhooks cannot be written.
    pub fn remove(&self, name: &str) -> Result<()> {
        let removed = match self.place.open_existing()? {
            Some(mut state) => state.remove(name)?,
            None => false,
        };
        match removed {
            true => Ok(()),
            false => Err(unknown(name)),
        }
    }

    /// Returns every webhook with its status.
    ///
    /// # Errors
    ///
    /// If the state of webhooks or the log cannot be read.
    pub fn list(&self) -> Result<Vec<WebhookStatus>> {
        let statuses = match self.place.open_existing()? {
            Some(mut state) => state.statuses()?,
            None => Vec::new(),
        };
        if statuses.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = ActivityReader::from_store(&*self.store)?;
        let with_behind = |(mut status, log): (WebhookStatus, i64)| {
            status.behind = match status.what {
                RecordKind::Activities => {
                    reader.behind(Position::<ActivityRecord>::new(log, status.seq))?
                }
                RecordKind::Events => {
                    reader.behind(Position::<EventRecord>::new(log, status.seq))?
                }
            };
            Ok(status)
        };
        statuses.into_iter().map(with_behind).collect()
    }

    /// Returns the dead letters: records that could not be delivered.
    ///
    /// # Errors
    ///
    /// If the state of webhooks cannot be read.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        match self.place.open_existing()? {
            Some(mut state) => state.dead_letters(),
            None => Ok(Vec::new()),
        }
    }
}

pub(super) fn unknown(name: &str) -> Error {
    let what = format!("no webhook {name:?}");
    Error::new(ErrorKind::NotFound, what)
}
