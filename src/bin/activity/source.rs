//! Where activities come from: the store that was named, and the filter.

use chrono::Utc;
use tower_activity::{Result, query::ActivityReader, record::Filter};

use crate::failure::Failure;

/// Opens the store to read.
pub(crate) fn open(store: &str) -> Result<ActivityReader> {
    ActivityReader::open(store)
}

/// Reads the filter that the arguments are together.
pub(crate) fn filter(args: &[String]) -> Result<Filter, Failure> {
    Ok(Filter::parse(&args.join(" "), Utc::now())?)
}
