//! The testing aids: a clock that stands still, and assertions that show what is on record.

mod clock;
mod failures;
mod log;

/// One second.
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
