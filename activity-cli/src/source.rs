//! The store, the filter and the time zone that the arguments name.

use std::env::{self, VarError};

use chrono::Utc;
use tower_activity::{
    Error,
    query::{ActivityReader, Zone},
    record::Filter,
    store::{Maintenance, Store, sqlite::SqliteStore},
};

use crate::failure::Failure;

/// Returns the store to use: that of `--store`, else of `ACTIVITY_STORE`, else `activity.db`.
pub(crate) fn store(option: Option<&str>) -> Result<String, Failure> {
    if let Some(store) = option {
        return Ok(store.to_owned());
    }
    match env::var("ACTIVITY_STORE") {
        Ok(store) => Ok(store),
        Err(VarError::NotPresent) => Ok(String::from("activity.db")),
        Err(VarError::NotUnicode(store)) => {
            let what = format!("cannot use ACTIVITY_STORE={store:?}: it is not UTF-8");
            Err(Failure::Usage(what))
        }
    }
}

/// Returns the path of a store. Refuses URLs.
pub(crate) fn path(store: &str) -> Result<&str, Failure> {
    if let Some((scheme, _)) = store.split_once("://") {
        return Err(Failure::Usage(format!(
            "cannot open {store:?}: this version supports SQLite files only, not {scheme}"
        )));
    }
    Ok(store)
}

/// Opens a store for reading.
pub(crate) fn open(store: &str) -> Result<ActivityReader, Failure> {
    ActivityReader::open(path(store)?).map_err(with_hint)
}

/// Opens a store for maintenance.
pub(crate) fn maintenance(store: &str) -> Result<Box<dyn Maintenance>, Failure> {
    SqliteStore::new(path(store)?)?
        .maintenance()
        .map_err(with_hint)
}

fn with_hint(error: Error) -> Failure {
    match error.is_not_found() {
        true => Failure::NoStore(error),
        false => error.into(),
    }
}

/// Parses the arguments, joined by spaces, as one filter, in the time zone that was given, or the system's.
pub(crate) fn filter(args: &[String], tz: Option<Zone>) -> Result<Filter, Failure> {
    let text = args.join(" ");
    Ok(Filter::parse_in_zone(&text, Utc::now(), zone(tz))?)
}

/// Returns the time zone that was given, or the system's.
pub(crate) fn zone(given: Option<Zone>) -> Zone {
    let variable = std::env::var("TZ").ok();
    let variable = variable.map(|name| name.trim_start_matches(':').to_owned());
    // If neither is the name of a zone, days begin at midnight UTC; the output names the zone.
    let names = [variable, iana_time_zone::get_timezone().ok()];
    let system = || {
        names
            .into_iter()
            .flatten()
            .find_map(|name| name.parse().ok())
    };
    given.or_else(system).unwrap_or_default()
}
