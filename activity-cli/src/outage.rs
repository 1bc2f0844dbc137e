//! A store that does not answer for a while, as followers see it.

use std::{thread, time::Duration};

use tower_activity::{Error, store};

use crate::{
    failure::Failure,
    print::{self, human},
    source,
};

/// The pause between two attempts to reach a store that is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Whether the store that a command follows is away.
#[derive(Debug)]
pub(crate) struct Outage {
    store: String,
    is_address: bool,
    /// The first error.
    error: Option<String>,
}

impl Outage {
    pub(crate) fn new(store: &str) -> Self {
        Outage {
            store: source::shown(store),
            is_address: source::is_address(store),
            error: None,
        }
    }

    /// Opens what a command follows, and tries again while the database is away.
    ///
    /// # Errors
    ///
    /// If it is useless to try again: a file, a wrong password, a database that is not there.
    pub(crate) fn open<T>(&mut self, open: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        loop {
            if let Some(opened) = self.try_open(&open)? {
                return Ok(opened);
            }
            thread::sleep(RETRY_INTERVAL);
        }
    }

    /// Tries once. `None` if the database is away.
    pub(crate) fn try_open<T>(
        &mut self,
        open: impl Fn() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        match open() {
            Err(Failure::Library(error)) if self.is_address && may_come_back(&error) => {
                Ok(self.note(Err(error))?)
            }
            opened => Ok(self.note(Ok(opened?))?),
        }
    }

    /// Notes what a read has returned, and prints on stderr when an outage begins and ends. `None` if it is to be tried again.
    ///
    /// # Errors
    ///
    /// If it is useless to try again.
    pub(crate) fn note<T>(&mut self, read: Result<T, Error>) -> Result<Option<T>, Error> {
        let (read, message) = match read {
            Ok(read) => (Some(read), self.end().map(|back| format!("note: {back}"))),
            Err(error) => (
                None,
                self.begin(error)?.map(|away| format!("warning: {away}")),
            ),
        };
        if let Some(message) = message {
            print::on_stderr(&message);
        }
        Ok(read)
    }

    /// Notes a failure. Returns a message for the first one of an outage.
    ///
    /// # Errors
    ///
    /// If it is useless to try again.
    pub(crate) fn begin(&mut self, error: Error) -> Result<Option<String>, Error> {
        // If the schema was dropped, the next forwarder creates it. If it is being restored, its rights come last.
        let is_restored = error.is_not_found() || error.is_denied() || error.is_not_a_store();
        let is_away = may_come_back(&error) || is_restored;
        if !(self.is_address && is_away) {
            // A file that was moved away is not an outage: its writer creates the next one.
            let is_moved = error.is_not_found() || error.is_busy();
            return if is_moved { Ok(None) } else { Err(error) };
        }
        if self.is_away() {
            return Ok(None);
        }
        let error = self.error.insert(format!("{error:#}"));
        Ok(Some(format!("{} is away: retrying · {error}", self.store)))
    }

    /// Notes that the store has answered. Returns a message if an outage has ended.
    pub(crate) fn end(&mut self) -> Option<String> {
        (self.error.take()).map(|_| format!("{} is back", self.store))
    }

    pub(crate) fn is_away(&self) -> bool {
        self.error.is_some()
    }

    /// Returns the pause before the next attempt: longer while the store is away.
    pub(crate) fn pause(&self, interval: Duration) -> Duration {
        match self.is_away() {
            true => interval.max(RETRY_INTERVAL),
            false => interval,
        }
    }
}

/// Returns true if a database may be there later that is not when a command starts. Its password and its name stay wrong.
pub(crate) fn may_come_back(error: &Error) -> bool {
    error.is_store() || error.is_timeout() || error.is_full()
}

/// Prints that a command which works in the background of a store cannot, and that it can again. `what` is what it does.
pub(crate) fn report(what: &str, outage: &store::Outage<'_>) {
    let duration = |time: Duration| human::duration(time.as_nanos() as u64);
    let message = match outage {
        store::Outage::Began {
            error, retry_in, ..
        } => {
            let next = duration(*retry_in);
            format!("warning: {what} fails, next try in {next} · {error:#}")
        }
        store::Outage::Ended {
            lasted, waiting, ..
        } => {
            let waiting = waiting.filter(|waiting| *waiting > 0);
            let waiting = waiting.map_or(String::new(), |waiting| {
                format!(" · {} waited", human::many(waiting, "record", "records"))
            });
            format!(
                "note: {what} works again after {}{waiting}",
                duration(*lasted)
            )
        }
        _ => return,
    };
    print::on_stderr(&message);
}
