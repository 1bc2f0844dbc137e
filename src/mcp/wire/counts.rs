//! Counts of messages.

/// The messages of a connection, or of all requests to an HTTP service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapCounts {
    /// JSON-RPC messages.
    pub messages: u64,
    /// Lines, bodies and objects that are not JSON-RPC messages.
    pub others: u64,
    /// Calls that were given up, because 10,000 later requests were not answered either, or 10,000 other sessions were used later.
    pub unanswered: u64,
    /// Messages that a [`TapRewriter`](crate::mcp::TapRewriter) has passed on unchanged, because they are longer than 4 MiB.
    pub too_long: u64,
}
