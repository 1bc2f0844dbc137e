//! The room of the file: what stands at its path and beside it, and the connections of this process to it.

pub(super) mod connection;
pub(crate) mod create;
pub(super) mod damage;
pub(super) mod driver;
pub(super) mod file;
pub(super) mod frames;
pub(super) mod lock;
pub(super) mod names;
mod network;
pub(super) mod process;
pub(super) mod schema;
mod second_name;
pub(super) mod stale;
pub(super) mod unread;
mod wait;
pub(super) mod witness;
