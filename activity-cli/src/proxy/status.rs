//! How a server ended, and what that means for its calls and for us.

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use tower_activity::Outcome;

use crate::failure::Failure;

/// The error type of calls that a server did not answer before it ended.
const SERVER_EXITED: &str = "server_exited";

/// How long records may take from when a client has closed the connection. The SDKs for TypeScript and Python then wait for two
/// seconds, send SIGTERM, which is passed on, wait for two more, and kill; that for Rust kills after three, when nothing is lost
/// that was committed.
pub(super) const SHUTDOWN: Duration = Duration::from_millis(3_500);
/// The same from the end of a server that has ended at the SIGTERM.
const SHORTEST: Duration = Duration::from_millis(1_500);

/// A server that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    status: ExitStatus,
    /// When the client closed the connection or asked for the end, if it did so first.
    closed: Option<Instant>,
}

impl Ended {
    pub(super) fn new(status: ExitStatus, closed: Option<Instant>) -> Self {
        Ended { status, closed }
    }

    /// Returns the outcome of the calls that it did not answer.
    pub(super) fn outcome(&self) -> Outcome {
        match self.closed {
            Some(_) => Outcome::cancelled(),
            None => Outcome::failed(SERVER_EXITED).with_message(self.status),
        }
    }

    /// Returns how long the last records may take.
    pub(super) fn shutdown_timeout(&self) -> Duration {
        let passed = self.closed.map(|at| at.elapsed()).unwrap_or_default();
        SHUTDOWN.saturating_sub(passed).max(SHORTEST)
    }

    /// Ends as it has ended: with its exit code, or by the same signal.
    pub(super) fn exit(&self) -> Result<(), Failure> {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&self.status) {
            // Returns only for signals whose default is not to end.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            return Err(Failure::Exited(128_u8.saturating_add(signal as u8)));
        }
        match self.status.code() {
            Some(0) => Ok(()),
            Some(code) => Err(Failure::Exited(code as u8)),
            None => Err(Failure::Exited(1)),
        }
    }
}
