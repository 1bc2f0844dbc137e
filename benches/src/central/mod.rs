//! Central stores in real servers, and the records that several logs forward to them.

#[cfg(feature = "clickhouse")]
#[path = "../../../tests/support/clickhouse.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]
pub mod clickhouse;
mod log;
mod rows;
#[cfg(feature = "postgres")]
mod servers;

#[cfg(feature = "postgres")]
pub use self::servers::{Server, database, query, run, start};
pub use self::{
    log::{BATCH, Log},
    rows::{FREQUENT, MIDDLING, RARE, Rows},
};
