//! MCP as JSON-RPC messages of any program: a [`Tap`] reads the bytes that pass, and records the calls in them.
//!
//! A [`TapReader`] only reads; a [`TapRewriter`] also adds what callers are asked. Of a message it keeps the few fields that a record needs ([`fields`]), found while the bytes pass ([`scan`]), so
//! that a message may be of any length.

mod connection;
mod counts;
mod fields;
mod json_text;
mod lines;
mod message;
mod pending;
mod repair;
mod result;
mod rewriter;
mod rewriting;
mod scan;
mod tap;

pub use counts::TapCounts;
pub use rewriter::TapRewriter;
pub use tap::{Tap, TapReader};
