//! Whose connections they are: SQLite must not be used in the child of a fork.
//!
//! The child has copies of the connections, and of what SQLite remembers of their locks; the locks themselves stay
//! with the parent. Used or closed there, and even beside a new connection to the same file, such a copy may ruin
//! the database (<https://sqlite.org/howtocorrupt.html>, "carrying an open database connection across a fork()").

use std::{
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::error::{Error, ErrorKind, Result};

/// The process that has files open (upper half), and how many connections to them (lower half). It is the
/// process's and not a log's, as what SQLite remembers of locks is.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// The process that opened something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn current() -> Self {
        Process(process::id())
    }

    /// True in a child of that process.
    pub(super) fn is_forked_child(self) -> bool {
        process::id() != self.0
    }

    /// Refuses to go on in a child of that process.
    pub(crate) fn check(self) -> Result<()> {
        match self.is_forked_child() {
            false => Ok(()),
            true => Err(fork_error("use the log")),
        }
    }
}

/// One connection to a file, counted while it lives.
#[derive(Debug)]
pub(super) struct OpenCount(Process);

impl OpenCount {
    /// Counts a connection that is about to be opened. Refused where a parent of this process had one open.
    pub(super) fn acquire(path: &Path) -> Result<Self> {
        let own = Process::current();
        let update = OPEN.fetch_update(Relaxed, Relaxed, |open| {
            let (process, count) = ((open >> 32) as u32, open & u64::from(u32::MAX));
            (count == 0 || process == own.0).then_some((u64::from(own.0) << 32) | (count + 1))
        });
        match update {
            Ok(_) => Ok(OpenCount(own)),
            Err(_) => Err(fork_error(&format!("open the log {}", path.display()))),
        }
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        // A child's copy of the count says what its parent left open in it, and stays as it is.
        if !self.0.is_forked_child() {
            OPEN.fetch_sub(1, Relaxed);
        }
    }
}

fn fork_error(what: &str) -> Error {
    Error::new(
        ErrorKind::Forked,
        format!(
            "cannot {what}: this process was forked from one that had a log open, which SQLite does not allow: \
             open the log after the fork, or close it before"
        ),
    )
}
