//! Maintenance of a store: pruning, erasing, checking, rebuilding and indexing, in short transactions beside the writer.

pub(super) mod backup;
mod check;
pub(super) mod clock;
pub(super) mod connection;
pub(super) mod counted;
mod cutoff;
mod erase;
mod prune;
pub(super) mod recompute;
mod recordings;
mod relink;
pub(super) mod retention;
pub(super) mod search;
pub(super) mod size;
mod steps;
pub(in crate::store) mod target;
pub(super) mod token;
