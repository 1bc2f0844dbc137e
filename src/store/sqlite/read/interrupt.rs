//! A connection whose statements end early once whoever asked has given up.

use std::ops::{Deref, DerefMut};

use rusqlite::Connection;

use super::failed;
use crate::{
    error::Result,
    store::{
        ReadOptions,
        sqlite::open::{driver, file::Guard},
    },
};

/// SQLite asks after so many steps of its machine: some ten microseconds of them.
const STEPS: i32 = 1_000;

/// A connection while a question is answered. In memory it is the writer's too, which nobody stops.
pub(super) struct Interruptible<'a> {
    connection: Guard<'a>,
    stops: bool,
}

impl<'a> Interruptible<'a> {
    pub(super) fn new(mut connection: Guard<'a>, options: &ReadOptions) -> Result<Self> {
        let stops = options.may_end();
        if stops {
            // Of many quick questions none takes so many steps.
            options.check("begin to read")?;
            let options = options.clone();
            driver::set_progress_handler(&mut connection, STEPS, Some(move || options.is_over()))
                .map_err(failed("watch over a question"))?;
        }
        Ok(Interruptible { connection, stops })
    }
}

impl Deref for Interruptible<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Interruptible<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Interruptible<'_> {
    fn drop(&mut self) {
        if self.stops {
            // Taking a handler away fails for connections of others only.
            let _ = driver::set_progress_handler(&mut self.connection, 0, None::<fn() -> bool>);
        }
    }
}
