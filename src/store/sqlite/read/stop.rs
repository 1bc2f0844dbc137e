//! A connection whose statements end early once whoever asked has given up.

use std::ops::{Deref, DerefMut};

use rusqlite::Connection;

use super::failed;
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Stop,
        sqlite::open::{driver, file::Guard},
    },
};

/// SQLite asks after so many steps of its machine: some ten microseconds of them.
const STEPS: i32 = 1_000;

/// A connection while a question is answered. In memory it is the writer's too, which nobody stops.
pub(super) struct Stoppable<'a> {
    connection: Guard<'a>,
    stops: bool,
}

impl<'a> Stoppable<'a> {
    pub(super) fn new(mut connection: Guard<'a>, stop: Option<&Stop>) -> Result<Self> {
        if let Some(stop) = stop.cloned() {
            // Of many quick questions none takes so many steps.
            if stop() {
                return Err(stopped("begin to read"));
            }
            driver::ask_every(&mut connection, STEPS, Some(move || stop()))
                .map_err(failed("watch over a question"))?;
        }
        Ok(Stoppable {
            connection,
            stops: stop.is_some(),
        })
    }
}

/// The error of a question that was stopped.
pub(super) fn stopped(attempt: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("could not {attempt} in the time that it may take"),
    )
}

impl Deref for Stoppable<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Stoppable<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Stoppable<'_> {
    fn drop(&mut self) {
        if self.stops {
            // Taking a handler away fails for connections of others only.
            let _ = driver::ask_every(&mut self.connection, 0, None::<fn() -> bool>);
        }
    }
}
