//! Where activities come from: the store that was named, and the filter.

use chrono::Utc;
use tower_activity::{query::ActivityReader, record::Filter};

use crate::failure::Failure;

/// The path of a store.
pub(crate) fn path(store: &str) -> Result<&str, Failure> {
    if let Some((scheme, _)) = store.split_once("://") {
        return Err(Failure::Usage(format!(
            "cannot open {store:?}: this version keeps activities in SQLite files and knows no {scheme} stores"
        )));
    }
    Ok(store)
}

/// Opens the store to read.
pub(crate) fn open(store: &str) -> Result<ActivityReader, Failure> {
    ActivityReader::open(path(store)?).map_err(|error| match error.is_not_found() {
        true => Failure::NoStore(error),
        false => error.into(),
    })
}

/// Reads the filter that the arguments are together.
pub(crate) fn filter(args: &[String]) -> Result<Filter, Failure> {
    Ok(Filter::parse(&args.join(" "), Utc::now())?)
}
