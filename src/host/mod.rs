//! Host activity: when a host was created, booted and last used, from files on it that anything can refresh.

mod directory;
mod format;
mod idle;
mod source;

pub use directory::HostActivity;
pub use format::MarkerFormat;
pub use idle::{Idle, IdleMode, Markers};
pub use source::ActivitySource;
