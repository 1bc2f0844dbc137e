//! Plain data that every other folder stands on: what an activity is, without what records or reads it.

mod activity;
<<<<<<< HEAD
mod capture;
=======
mod filter;
>>>>>>> eab1f5e (Read and write filters: one typed form, one grammar)
mod id;
mod kind;
mod outcome;
mod scope;
mod sketch;
mod status;
mod text;

pub use activity::{ActivityRecord, Preview};
<<<<<<< HEAD
pub use capture::Capture;
=======
pub use filter::{Choice, DurationRange, Field, Filter, Has, Pattern, Words};
>>>>>>> eab1f5e (Read and write filters: one typed form, one grammar)
pub use id::{ActivityId, InstanceId};
pub use kind::Kind;
pub use outcome::Outcome;
pub use scope::Scope;
pub(crate) use sketch::Sketch;
pub use status::Status;
pub use text::Text;
