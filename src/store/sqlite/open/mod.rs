//! Opens the database: the main file, the files beside it, and this process's connections.

pub(super) mod connection;
pub(super) mod consistency;
pub(crate) mod create;
pub(super) mod damage;
pub(super) mod driver;
pub(super) mod file;
mod hard_link;
mod live_writer;
pub(super) mod lock;
pub(super) mod lock_counts;
pub(super) mod migrate;
mod network;
pub(super) mod process;
pub(super) mod schema;
pub(super) mod side_files;
pub(super) mod stale_wal;
pub(super) mod unreadable_wal;
pub(super) mod wal_frames;
