//! The room of the writer: batches, their sums and the ledger, checkpoints, and what it does when its files are replaced.

mod change;
mod checkpoint;
mod dictionary;
mod ended;
mod event;
pub(super) mod ledger;
mod losses;
pub(super) mod order;
mod orphans;
mod recording;
mod removed;
mod replaced;
mod rescue;
mod side;
pub(super) mod sums;
mod sweep;
pub(super) mod wal;
pub(super) mod writer;
