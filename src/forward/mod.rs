//! Forwarding: the log in a file is copied to a central store, in the order of its commits, while it is being written.
//!
//! The file stays the log: calls never wait for the central store, and while that is away the file only grows. A program
//! forwards its own log with [`Builder::forward_to`](crate::log::Builder::forward_to); a [`Forwarder`] forwards any file, and so
//! does the command `activity forward`. One process at a time forwards a file.
//!
//! Records are sent in batches. The bounds of a batch are kept in the file until the store has acknowledged it, so that a retry
//! sends the same batch, also after the process was killed. The store inserts records by id, so that each of them is there
//! once, whatever is sent again.
//!
//! While a batch is sent the next one is read, if the file has enough for it, and a second connection counts those before it.
//!
//! At the central store every file is a log with an id of its own, which is kept in the file. Each batch has an id that follows
//! from all records of the log up to its end, and names the batch before it: the store accepts it only after that one. A file that
//! was cloned, or put back from a backup, has the id of another log: then the last batch that the store has accepted is not
//! one of its records, or another forwarder holds the log. The file becomes a new log, and is forwarded again from the start.
//!
//! A standby that takes over, and a store that is put back, may lack the last batches that were acknowledged. The file has their
//! records, by which it knows the last batch that the store has, and sends the later records again.

mod batch;
mod connected;
mod counter;
mod forwarder;
mod holder;
mod session;
mod state;
mod target;
mod thread;
mod verify;

pub use forwarder::{ForwardProgress, Forwarder};
pub use target::ForwardTarget;
pub use thread::Forwarding;
pub use verify::Verified;
