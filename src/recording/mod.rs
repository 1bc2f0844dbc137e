//! Session replay: recordings of a browser, a terminal or another resource, attached to activities.
//!
//! [`Activity::attach`](crate::Activity::attach) starts the recording of a resource: a browser, a [`Terminal`], a
//! [`Stream`] that code writes to, or your own [`Resource`]. Chunks are appended like events: immediately, within the
//! log's memory limit. When an activity ends, the resource is flushed, and the activity's part of the recording is
//! complete. The recording ends once all its activities have ended and every [`Recording`] handle is dropped. A failure
//! never fails the call.

mod actor;
mod attach;
#[cfg(feature = "browser")]
mod browser;
mod chunk;
mod handle;
mod resource;
mod sink;
mod stream;
mod terminal;

#[cfg(feature = "browser")]
pub use browser::{Browser, BrowserDriver};
pub use chunk::Chunk;
pub use handle::Recording;
pub use resource::Resource;
pub use sink::Sink;
pub use stream::Stream;
pub use terminal::Terminal;
