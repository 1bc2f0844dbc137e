//! Fork detection: SQLite must not be used in the child of a fork.
//!
//! The child inherits copies of the connections and of SQLite's record of their locks; the locks themselves stay with the
//! parent. Using or closing such a copy, or even opening a new connection to the same file beside it, may corrupt the
//! database (<https://sqlite.org/howtocorrupt.html>, "carrying an open database connection across a fork()").

use std::{
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::error::{Error, ErrorKind, Result};

/// Upper half: id of the process that has connections. Lower half: their number. One for the process, as SQLite's record of
/// locks is.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// The process that opened a store or connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn current() -> Self {
        Process(process::id())
    }

    /// Returns true in a forked child of that process.
    pub(super) fn is_forked_child(self) -> bool {
        process::id() != self.0
    }

    /// Fails in a forked child of that process.
    pub(crate) fn check(self) -> Result<()> {
        match self.is_forked_child() {
            false => Ok(()),
            true => Err(fork_error("use the store")),
        }
    }
}

/// Counts one connection while it is open.
#[derive(Debug)]
pub(super) struct OpenCount(Process);

impl OpenCount {
    /// Counts a connection that is about to be opened.
    ///
    /// # Errors
    ///
    /// If this process was forked from one that had a connection open.
    pub(super) fn acquire(path: &Path) -> Result<Self> {
        let own = Process::current();
        let update = OPEN.fetch_update(Relaxed, Relaxed, |open| {
            let (process, count) = ((open >> 32) as u32, open & u64::from(u32::MAX));
            (count == 0 || process == own.0).then_some((u64::from(own.0) << 32) | (count + 1))
        });
        match update {
            Ok(_) => Ok(OpenCount(own)),
            Err(_) => Err(fork_error(&format!("open the store {}", path.display()))),
        }
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        // A forked child keeps the count of what its parent left open in it.
        if !self.0.is_forked_child() {
            OPEN.fetch_sub(1, Relaxed);
        }
    }
}

fn fork_error(what: &str) -> Error {
    Error::new(
        ErrorKind::Forked,
        format!(
            "cannot {what}: this process was forked from one that had a store open, which SQLite does not allow: \
             open the store after the fork, or close it before"
        ),
    )
}
