//! The running activity: what is current, what is nested, and exactly one end.

#[cfg(feature = "subscriber")]
mod bridge;
mod current;
mod describe;
mod event;
mod finish;
mod future;
mod handle;
mod intake;
mod lineage;
mod receipt;
mod running;
mod span;
mod spawn;

#[cfg(feature = "subscriber")]
pub use bridge::ActivityEvents;
pub use describe::Describe;
pub use event::Event;
#[cfg(feature = "http")]
pub(crate) use finish::Finish;
pub use finish::{ByResult, Classify};
pub use future::ActivityFuture;
pub use handle::Activity;
pub use receipt::{Committed, Receipt};
pub use running::Running;
#[cfg(feature = "http")]
pub(crate) use running::panicked;
#[cfg(any(feature = "http", feature = "rmcp", feature = "tower-mcp"))]
pub(crate) use span::RPC_STATUS_CODE;
pub use spawn::{InActivity, Inside};
