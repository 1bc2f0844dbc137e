//! The running activity: what is current, what is nested, and exactly one end.

mod current;
mod describe;
mod event;
mod future;
mod handle;
mod intake;
mod receipt;
mod running;
mod spawn;

pub use describe::Describe;
pub use event::Event;
pub use future::{ActivityFuture, ByResult, Classify};
pub use handle::Activity;
pub use receipt::{Committed, Receipt};
pub use running::Running;
pub(crate) use running::panicked;
pub use spawn::{InActivity, Inside};
