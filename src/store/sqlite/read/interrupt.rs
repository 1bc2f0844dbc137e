//! Interrupts a read at its deadline, or when its caller cancels it.

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

/// Virtual machine instructions between two calls of the progress handler: some ten microseconds.
const INSTRUCTIONS: i32 = 1_000;

/// A locked connection with a progress handler. Dropping it removes the handler: in memory the connection is also the
/// writer's, which must not be interrupted.
pub(super) struct Interruptible<'a> {
    connection: Guard<'a>,
    has_handler: bool,
}

impl<'a> Interruptible<'a> {
    pub(super) fn new(mut connection: Guard<'a>, options: &ReadOptions) -> Result<Self> {
        let has_handler = options.can_expire();
        if has_handler {
            // A quick read may end before the handler is first called.
            options.check("begin to read")?;
            let options = options.clone();
            driver::set_progress_handler(
                &mut connection,
                INSTRUCTIONS,
                Some(move || options.is_expired()),
            )
            .map_err(failed("set the timeout of a read"))?;
        }
        Ok(Interruptible {
            connection,
            has_handler,
        })
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
        if self.has_handler {
            // Removing a handler fails only for connections that are not owned.
            let _ = driver::set_progress_handler(&mut self.connection, 0, None::<fn() -> bool>);
        }
    }
}
