//! What the tools do, one file a tool. They know nothing of MCP.

pub(crate) mod count;
pub(crate) mod invoice;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod search;
