//! What a call may wait for.

/// What a recorded call may wait for. None of them changes what it gives back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing: what does not fit into the log's memory is not recorded, and counted.
    #[default]
    Fast,
    /// For room in the log's memory, before the call starts: while the store is slow, services are not ready.
    /// After [`wait_timeout`](crate::Builder::wait_timeout) the call goes on as in `Fast`.
    ///
    /// A service that is ready holds room for its next call, as it holds a place in a concurrency limit: memory for
    /// some thousand bytes a call has to suffice for all that are ready or run at once, and for each layer of theirs.
    Wait,
    /// For room, as in `Wait`, and at its end for the commit, which survives a loss of power: nothing is
    /// answered that is not on record. Calls that end together share a commit. After
    /// [`durable_timeout`](crate::Builder::durable_timeout) the answer goes out, and is counted as `not_durable`.
    ///
    /// This holds for services under a layer, for tool servers and for [`observe`](crate::Running::observe). An
    /// activity that is ended by hand waits for nothing: see [`flush`](crate::ActivityLog::flush).
    Durable,
}
