//! Host idle detection and lifecycle: marker files say when a host was created, booted and last used.
//!
//! Anything on the host can refresh a marker. [`HostActivity`] reads and writes the markers through the file system,
//! [`ShellActivity`] by running scripts on the host. A [`HostProvider`] creates, starts and stops hosts;
//! [`HostProviderExt`] wraps every provider, writes the markers and records each operation. [`KeepAwake`] touches a
//! marker while activities run, and a [`Watcher`] stops a host that is idle. Everything `async` here needs a tokio
//! runtime.

mod blocking;
mod clock_reading;
mod command;
mod directory;
mod failure;
mod failure_latch;
mod format;
mod handle;
mod idle;
mod keep_awake;
mod local;
mod marker_tracker;
mod orphan;
mod process;
mod provider;
mod shell;
mod source;
#[cfg(unix)]
mod ssh;
mod stop;
mod temp_name;
mod watcher;

pub use clock_reading::ClockReading;
pub use command::CommandProvider;
pub use directory::HostActivity;
pub use format::MarkerFormat;
pub use handle::{BusyGuard, Host};
pub use idle::{Idle, IdleMode, Markers};
pub use keep_awake::KeepAwake;
pub use local::LocalProvider;
pub use provider::{HostProvider, HostProviderExt, Work};
pub use shell::{HostShell, ScriptFuture, ShellActivity};
pub use source::ActivitySource;
#[cfg(unix)]
pub use ssh::SshProvider;
pub use stop::{StopDecision, StopReason};
pub use watcher::{HostState, Watcher};
