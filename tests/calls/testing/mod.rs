//! The testing API: the manual clock, and assertions that show the records.

mod clock;
mod failures;
mod log;

/// One second.
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
