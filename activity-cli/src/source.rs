//! Where activities come from: the store that was named, and the filter.

use chrono::Utc;
use tower_activity::{
    Error,
    query::{ActivityReader, Zone},
    record::Filter,
    store::{Maintenance, Store, sqlite::SqliteStore},
};

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
    ActivityReader::open(path(store)?).map_err(missing)
}

/// Opens the store to prune and rebuild.
pub(crate) fn upkeep(store: &str) -> Result<Box<dyn Maintenance>, Failure> {
    SqliteStore::new(path(store)?)?
        .maintenance()
        .map_err(missing)
}

fn missing(error: Error) -> Failure {
    match error.is_not_found() {
        true => Failure::NoStore(error),
        false => error.into(),
    }
}

/// Reads the filter that the arguments are together.
pub(crate) fn filter(args: &[String]) -> Result<Filter, Failure> {
    Ok(Filter::parse(&args.join(" "), Utc::now())?)
}

/// The time zone that was named, or the machine's own.
pub(crate) fn zone(named: Option<Zone>) -> Zone {
    let variable = std::env::var("TZ").ok();
    let variable = variable.map(|name| name.trim_start_matches(':').to_owned());
    // Where neither is the name of a zone, days begin at midnight UTC, which the output says.
    let names = [variable, iana_time_zone::get_timezone().ok()];
    let own = || {
        names
            .into_iter()
            .flatten()
            .find_map(|name| name.parse().ok())
    };
    named.or_else(own).unwrap_or_default()
}
