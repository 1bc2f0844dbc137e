//! The tracing bridge: log lines in an activity are recorded as its events, and nothing else changes.

mod fields;
mod limits;
mod lines;
mod record;
