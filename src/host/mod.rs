//! Host activity: when a host was created, booted and last used, from files on it that anything can refresh.

mod directory;
mod failure;
mod format;
mod handle;
mod idle;
mod local;
mod provider;
mod source;

pub use directory::HostActivity;
pub use format::MarkerFormat;
pub use handle::{Busy, Host};
pub use idle::{Idle, IdleMode, Markers};
pub use local::LocalProvider;
pub use provider::{HostProvider, HostProviderExt, Work};
pub use source::ActivitySource;
