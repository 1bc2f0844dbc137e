//! How a server ended, and what that means for its calls and for us.

use std::process::ExitStatus;

use tower_activity::Outcome;

use crate::failure::Failure;

/// The error type of calls that a server did not answer before it ended.
const SERVER_EXITED: &str = "server_exited";

/// A server that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    status: ExitStatus,
    /// True if the client closed the connection first, or asked for the end.
    by_client: bool,
}

impl Ended {
    pub(super) fn new(status: ExitStatus, by_client: bool) -> Self {
        Ended { status, by_client }
    }

    /// Returns the outcome of the calls that it did not answer.
    pub(super) fn outcome(&self) -> Outcome {
        match self.by_client {
            true => Outcome::cancelled(),
            false => Outcome::failed(SERVER_EXITED).with_message(self.status),
        }
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
