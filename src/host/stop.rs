//! Why a host is stopped.

use std::{fmt, time::Duration};

use crate::host::Host;

/// Why a watcher stops a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// Nothing that counts has happened for too long. The host is paused: what was on it goes on later.
    Idle,
    /// It has been up for too long. The host is paused.
    MaxAge,
    /// Its sessions have ended. The host is stopped: nothing on it goes on.
    SessionsGone,
}

impl StopReason {
    /// The name in events, and for commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            StopReason::Idle => "idle",
            StopReason::MaxAge => "max_age",
            StopReason::SessionsGone => "sessions_gone",
        }
    }

    /// What the host then is: `paused` or `stopped`.
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

/// That a watcher stops a host, and why. `Display` says in one line what is about to happen.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StopDecision {
    /// The host.
    pub host: Host,
    /// Why.
    pub reason: StopReason,
    /// How long that has been so.
    pub after: Duration,
    /// The limit that this reached.
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
            "{name} is to be {state}: {why} {after} s, the limit is {limit} s"
        )
    }
}
