//! Activities: start one, add to the current one, nest them, and end each exactly once.
//!
//! | to | use |
//! |---|---|
//! | start an activity without a layer | [`ActivityLog::start`](crate::ActivityLog::start) with a [`Describe`]; it returns an [`ActivityGuard`] |
//! | add to the activity that the code runs in | [`Activity::current`] |
//! | record one fact | [`ActivityLog::event`](crate::ActivityLog::event) or [`Activity::event`]; `record` returns a [`Receipt`] |
//! | carry the activity into a task, a thread or a future | [`InActivity`], [`Activity::spawn`], [`Activity::enter`]; see [`context`](crate::context) |
//! | turn log lines into events | [`ActivityEvents`] (feature `subscriber`) |
//!
//! ```
//! use tower_activity::{Activity, ActivityLog, Describe, Outcome};
//!
//! # fn main() -> tower_activity::Result<()> {
//! # let log = ActivityLog::open(":memory:")?;
//! fn import(text: &str) -> Result<u32, std::num::ParseIntError> {
//!     let activity = Activity::current();
//!     activity.set("bytes", text.len());
//!     activity.event("file_read").summary("orders.csv").record();
//!     text.parse()
//! }
//!
//! let rows = log.start(Describe::job("import")).run_with(|| import("42"), Outcome::from_result);
//! assert_eq!(rows, Ok(42));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "subscriber")]
mod bridge;
#[cfg(any(feature = "http", feature = "rmcp"))]
mod closed_sessions;
mod current;
mod describe;
mod event;
mod finish;
mod future;
mod guard;
mod guarded;
mod handle;
mod intake;
mod lineage;
#[cfg(feature = "mcp")]
mod provisional;
mod receipt;
mod span;
mod spawn;

#[cfg(feature = "subscriber")]
pub use bridge::ActivityEvents;
#[cfg(any(feature = "http", feature = "rmcp"))]
pub(crate) use closed_sessions::ClosedSessions;
pub use describe::Describe;
pub use event::Event;
#[cfg(feature = "http")]
pub(crate) use finish::Finish;
pub use finish::{ByResult, Classify};
pub use future::ActivityFuture;
pub use guard::ActivityGuard;
#[cfg(feature = "http")]
pub(crate) use guard::panicked;
pub(crate) use guarded::{PANICKED_RULE, guarded};
pub use handle::Activity;
pub use receipt::{Committed, Receipt};
#[cfg(any(
    feature = "http",
    feature = "mcp",
    feature = "rmcp",
    feature = "tower-mcp"
))]
pub(crate) use span::RPC_STATUS_CODE;
pub use spawn::{InActivity, InActivityFuture};
