//! The tools, one per file, independent of MCP.

pub(crate) mod count;
pub(crate) mod invoice;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod search;
