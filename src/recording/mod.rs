//! Recordings: what a nested resource did, attached to the activities it did it for.
//!
//! [`Activity::attach`](crate::Activity::attach) lets something record itself into an activity: a [`Terminal`], or
//! a [`Stream`] that code writes to, or a [`Resource`] of your own. What it appends goes the way of events: at once,
//! through the log's memory bound, into the store. At the activity's end the part of the recording that belongs to it
//! is sealed, and the resource asked for what it still holds back. It ends when nobody holds it any more: its
//! activities have ended, and every [`Recording`] handle is dropped. Nothing of it can fail the call.

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
