//! The write side: batches with their sums and ledger, checkpoints, and recovery after the files were replaced.

mod activity_rows;
mod checkpoint;
pub(super) mod commit_order;
mod dictionary;
mod event_rows;
mod file_change;
mod instance_writer;
pub(super) mod ledger;
mod lost_rows;
mod reap;
mod recording_rows;
mod recovery;
mod replaced_files;
mod rescue;
pub(super) mod sums;
pub(super) mod wal;
mod wal_copy;
pub(super) mod writer;
