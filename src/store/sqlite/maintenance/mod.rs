//! The room of maintenance: pruning, erasing, checking and rebuilding, in short transactions beside the writer.

pub(super) mod backup;
mod check;
pub(super) mod clock;
mod erase;
pub(super) mod handle;
mod plan;
mod prune;
mod recordings;
pub(super) mod recount;
mod renamed;
pub(super) mod retention;
pub(super) mod search;
mod size;
mod upkeep;
