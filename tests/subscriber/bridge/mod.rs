//! The tracing bridge: what is logged inside of an activity is on record there, and nothing else is touched.

mod fields;
mod limits;
mod lines;
mod record;
