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

/// The process that opened something (upper half), and how much it has open (lower half). It is the process's and
/// not a log's, as what SQLite remembers of locks is.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// A share in what this process has open.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
}

impl Process {
    /// Takes a share before something is opened.
    pub(super) fn enter(path: &Path) -> Result<Self> {
        let id = process::id();
        let update = OPEN.fetch_update(Relaxed, Relaxed, |open| {
            let (owner, count) = ((open >> 32) as u32, open & u64::from(u32::MAX));
            (count == 0 || owner == id).then_some(u64::from(id) << 32 | (count + 1))
        });
        match update {
            Ok(_) => Ok(Process { id }),
            Err(_) => Err(forked(&format!("open the log {}", path.display()))),
        }
    }

    /// True in a child of the process that opened it.
    pub(super) fn is_other(&self) -> bool {
        process::id() != self.id
    }

    /// Refuses to go on in a child of the process that opened it.
    pub(super) fn check(&self) -> Result<()> {
        match self.is_other() {
            false => Ok(()),
            true => Err(forked("use the log")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A child's copy of the count says what its parent left open in it, and stays as it is.
        if !self.is_other() {
            OPEN.fetch_sub(1, Relaxed);
        }
    }
}

fn forked(what: &str) -> Error {
    Error::new(
        ErrorKind::Forked,
        format!(
            "cannot {what}: this process was forked from one that had a log open, which SQLite does not allow: \
             open the log after the fork, or close it before"
        ),
    )
}
