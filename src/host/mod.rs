//! Host activity: when a host was created, booted and last used, from files on it that anything can refresh.
//!
//! [`HostActivity`] is these files where they can be reached as files, [`ShellActivity`] where scripts can be run.
//! [`HostProvider`]s make hosts; the one path around all of them, [`HostProviderExt`], marks them and records what was
//! done. [`KeepAwake`] touches a host's marker for the activities that run for it, and a [`Watcher`] has it stopped once
//! nothing does. All of it that is `async` needs a tokio runtime.

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
