//! Modes: what a recorded call may wait for.

/// What a recorded call may wait for. No mode changes its response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing. A record that does not fit into the log's memory limit is rejected, and counted.
    #[default]
    Fast,
    /// Memory for its record, before the call starts: while the store is slow, `poll_ready` is pending. After
    /// [`wait_timeout`](crate::log::Builder::wait_timeout) the call proceeds as in `Fast`.
    ///
    /// A service that is ready holds a reservation for its next call, as it would hold a permit of a concurrency limit. The
    /// memory limit has to suffice for a few thousand bytes for each call that is ready or running, and for each layer
    /// around it.
    Wait,
    /// Memory, as in `Wait`, and at its end the commit, which survives a power loss: no response goes out before its record
    /// is on disk. Calls that end together share a commit. After
    /// [`durable_timeout`](crate::log::Builder::durable_timeout) the response goes out, and is counted as `not_durable`.
    ///
    /// This applies to services under a layer, to tool servers and to [`observe`](crate::activity::ActivityGuard::observe). An activity that
    /// is ended manually does not wait: see [`flush`](crate::ActivityLog::flush).
    Durable,
}
