//! MCP as JSON-RPC messages of any program: a [`Tap`] reads the bytes that pass, and records the calls in them.
//!
//! A [`TapReader`] only reads; a [`TapRewriter`] also adds what callers are asked. Of a message it keeps the few fields that a record needs ([`fields`]), found while the bytes pass ([`scan`]), so
//! that a message may be of any length.

mod connection;
mod counts;
mod detached;
mod events;
mod fields;
mod json_text;
mod lines;
mod message;
mod pending;
mod place;
mod reader;
mod repair;
mod result;
mod rewriter;
mod rewriting;
mod scan;
mod server;
mod tap;

pub(in crate::mcp) use connection::{Connection, Remembered, UNANSWERED};
pub use counts::TapCounts;
pub(in crate::mcp) use counts::Totals;
pub(in crate::mcp) use fields::{Fields, PayloadLimits};
pub(in crate::mcp) use lines::LONGEST_LINE;
pub(in crate::mcp) use message::Message;
pub(in crate::mcp) use pending::Side;
pub(in crate::mcp) use place::Place;
pub(in crate::mcp) use reader::Reader;
pub(in crate::mcp) use result::error_message;
pub use rewriter::TapRewriter;
pub(in crate::mcp) use rewriting::Rewriting;
pub(in crate::mcp) use scan::Found;
pub(in crate::mcp) use server::{Server, ServerName};
pub(in crate::mcp) use tap::session_id;
pub use tap::{Tap, TapReader};
