//! MCP as JSON-RPC messages of any program: a [`Tap`] reads the bytes that pass, and records the calls in them.
//!
//! It only reads. Of a message it keeps the few fields that a record needs ([`fields`]), found while the bytes pass ([`scan`]), so
//! that a message may be of any length.

mod connection;
mod counts;
mod fields;
mod message;
mod pending;
mod repair;
mod result;
mod scan;
mod tap;

pub use counts::TapCounts;
pub use tap::{Tap, TapReader};
