//! Counts of messages, and what requests without an answer hold.

use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;

/// The messages of a connection, or of all requests to an HTTP service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapCounts {
    /// JSON-RPC messages.
    pub messages: u64,
    /// Lines, bodies and objects that are not JSON-RPC messages.
    pub others: u64,
    /// Calls that were given up, because 10,000 later requests were not answered either, or because their session was
    /// forgotten: 10,000 others were used later, or all hold more than 64 MiB.
    pub unanswered: u64,
    /// Messages that a [`TapRewriter`](crate::mcp::TapRewriter), or a [`HttpTapLayer`](crate::mcp::HttpTapLayer) with additions, has
    /// passed on unchanged, because they are longer than 4 MiB, or over HTTP because all that are held would exceed 64 MiB.
    pub too_long: u64,
    /// Lists of tools that a [`HttpTapLayer`](crate::mcp::HttpTapLayer) with additions has passed on unchanged, because they are
    /// compressed.
    pub compressed_lists: u64,
}

/// The totals of all connections that share them.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Totals {
    pub(in crate::mcp) counts: Mutex<TapCounts>,
    /// Roughly the bytes that requests without an answer hold.
    pub(in crate::mcp) held_bytes: AtomicUsize,
    /// The bytes of bodies and events over HTTP that are held until they are complete.
    pub(in crate::mcp) collected_bytes: AtomicUsize,
}
