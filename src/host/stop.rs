//! A watcher's decision to stop a host.

use std::{fmt, time::Duration};

use crate::host::Host;

/// The limit that made a watcher stop a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The host was idle for too long. It is paused: its work resumes later.
    Idle,
    /// The host was up for too long. It is paused.
    MaxAge,
    /// The host had no session for too long. It is stopped: its work does not resume.
    SessionsGone,
}

impl StopReason {
    /// Returns the name used in events and passed to commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            StopReason::Idle => "idle",
            StopReason::MaxAge => "max_age",
            StopReason::SessionsGone => "sessions_gone",
        }
    }

    /// Returns the state of the host after the stop: `paused` or `stopped`.
    pub const fn state(self) -> &'static str {
        match self {
            StopReason::Idle | StopReason::MaxAge => "paused",
            StopReason::SessionsGone => "stopped",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A watcher's decision to stop a host. `Display` describes it on one line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StopDecision {
    /// The host.
    pub host: Host,
    /// The limit that was reached.
    pub reason: StopReason,
    /// How long the host has been idle, up, or without a session.
    pub after: Duration,
    /// The configured maximum of `after`.
    pub limit: Duration,
}

impl fmt::Display for StopDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            StopReason::Idle => "idle for",
            StopReason::MaxAge => "up for",
            StopReason::SessionsGone => "no session for",
        };
        let (name, state) = (self.host.name(), self.reason.state());
        let (after, limit) = (self.after.as_secs(), self.limit.as_secs());
        write!(
            f,
            "{name} will be {state}: {why} {after} s, the limit is {limit} s"
        )
    }
}
