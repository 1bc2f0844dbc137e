//! The room of maintenance: pruning, erasing, checking and rebuilding, in short transactions beside the writer.

pub(super) mod backup;
pub(super) mod check;
pub(super) mod clock;
mod erase;
pub(super) mod prune;
mod renamed;
pub(super) mod retention;
pub(super) mod search;
mod size;
pub(super) mod upkeep;
